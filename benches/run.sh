#!/usr/bin/env bash
# Runs the benchmarks. Compiles the house-price example and makes FastAPI's environment first. Needs what examples/house-price/run.sh
# installs, and zstd.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v zstd >/dev/null || { echo "error: zstd is not installed: install it with your system's package manager" >&2; exit 1; }

cargo build --release --bin titan
titan=${CARGO_TARGET_DIR:-target}/release/titan
folder=target/benches
[ -e $folder/house-price.titan ] && [ $folder/house-price.titan -nt "$titan" ] || python3 benches/prepare.py "$titan" $folder
if [ ! -e $folder/fastapi/done ]; then
  python3 -m venv --clear $folder/fastapi
  $folder/fastapi/bin/pip install -q --disable-pip-version-check -r benches/fastapi/requirements.txt
  touch $folder/fastapi/done
fi
cargo bench -p titan-benches "$@"
