#!/usr/bin/env bash
# usage: tests/soak.sh [SECONDS]   (600, ten minutes)
# Soaks a gateway in requests and changes, and prints a table: what was asked and changed, what failed, and the slope of its memory.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export TITAN_SOAK_SECONDS=${1:-600}
exec cargo test --workspace --lib --bins --test soak -- --nocapture a_gateway
