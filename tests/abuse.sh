#!/usr/bin/env bash
# Runs the abuse suite and prints its table: attack, the neighbour's p99 with and without it, and what became of it.
#     TITAN_ABUSE_SECONDS=10 tests/abuse.sh      measures for longer than two seconds each
#     TITAN_TEST_BINARY="$PWD/target/release/titan" tests/abuse.sh      attacks what users run
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TITAN_ABUSE_SECONDS="${TITAN_ABUSE_SECONDS:-2}" cargo test --workspace --lib --bins --test abuse -- --nocapture a_neighbour
