#!/usr/bin/env bash
# Stands before rustc for the crates of this workspace (RUSTC_WORKSPACE_WRAPPER), and has LLVM count which of their branches
# an input takes, as libFuzzer wants it. Dependencies stay as they are, so that the tests' are used.
set -euo pipefail

case " $* " in
  *" --crate-name titan_"*)
    exec "$@" -Copt-level=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares ;;
  *) exec "$@" ;;
esac
