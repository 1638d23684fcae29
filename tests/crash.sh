#!/usr/bin/env bash
# Kills a gateway COUNT times (300 unless told) while it changes its services or starts, and prints what came of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export TITAN_CRASH_KILLS=${1:-300}
exec cargo test --quiet --workspace --test crash_injection -- --nocapture a_kill_at_any_point
