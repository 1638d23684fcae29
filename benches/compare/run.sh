#!/usr/bin/env bash
# Titan beside FastAPI, BentoML, Jupyter Kernel Gateway and a bare echo: builds titan, makes the others' environments,
# measures, and writes the results. 'run.sh --help' lists the options, README.md says what is measured.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

for tool in cargo python3 zstd tar taskset; do
  command -v $tool >/dev/null || fail "$tool is not installed: install it, then run this again"
done
python3 -c 'import venv, ensurepip' 2>/dev/null || fail "python3 has no module venv: install python3-venv, then run this again"

cargo build --release --workspace --bins
exec python3 benches/compare/compare.py --binaries="${CARGO_TARGET_DIR:-target}/release" --folder=target/benches/compare "$@"
