#!/usr/bin/env bash
# Runs the abuse suite and prints its table: attack, the neighbour's p99 with and without it, and what became of it.
#     TITAN_ABUSE_SECONDS=10 tests/abuse.sh      measures for longer than the two seconds of the ordinary test run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo test --workspace --test abuse -- --nocapture
