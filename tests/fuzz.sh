#!/usr/bin/env bash
# usage: tests/fuzz.sh [SECONDS [TARGET...]]   (30 seconds each, all targets)
# Fuzzes with libFuzzer, guided by coverage, from the inputs in fuzz/corpus on; needs a C++ compiler. An input that breaks a
# promise is written to target/fuzz/TARGET/crash-*: mend what it broke, and put it into the corpus under a name that says what it
# is. Inputs that reach new code are kept in target/fuzz/TARGET/found, from where the next run goes on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-30}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(bundle notebook config request admin)
command -v c++ >/dev/null || { echo "fuzzing needs a C++ compiler: apt-get install g++" >&2; exit 1; }

# The whole workspace, since the features of dependencies are then those that the tests are built with.
mkdir -p target/fuzz
RUSTC_WORKSPACE_WRAPPER=$PWD/tests/fuzz/instrument.sh cargo build --workspace --lib --test driver \
  --features titan-fuzz/libfuzzer --message-format json-render-diagnostics >target/fuzz/build.json
driver=$(sed -n 's/.*"name":"driver".*"executable":"\([^"]*\)".*/\1/p' target/fuzz/build.json)

for target in "${targets[@]}"; do
  folder=target/fuzz/$target
  mkdir -p "$folder/found"
  seeds=("tests/fuzz/corpus/$target")
  [ "$target" != notebook ] || seeds+=(tests/notebooks)
  TITAN_FUZZ=$target "$driver" "$folder/found" "${seeds[@]}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=4096 \
    -artifact_prefix="$folder/" -print_final_stats=1 -verbosity=0 >"$folder/log" 2>&1 || { tail -n 60 "$folder/log"; exit 1; }
  echo "fuzz $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log") inputs in $seconds s, none broke a promise"
done
