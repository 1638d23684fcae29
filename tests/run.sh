#!/usr/bin/env bash
# Runs every test: unit, doc and end-to-end tests of the Rust crates, and those of the Python packages. The end-to-end
# tests make Python environments in the user's cache on their first run, TensorFlow among them (2 GB).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Cargo's own runner serves where nextest is not installed.
if cargo nextest --version >/dev/null 2>&1; then
  cargo nextest run --workspace
  cargo test --workspace --doc
else
  cargo test --workspace
fi
