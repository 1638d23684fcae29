#!/usr/bin/env bash
# Runs criterion's benchmarks. Compiles the notebook they use and makes FastAPI's environment first, as the comparison does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

benches/compare/run.sh --only-prepare --models house --servers fastapi
cargo bench -p titan-benches "$@"
