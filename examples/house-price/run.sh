#!/usr/bin/env bash
# The main job, start to end: builds titan, deploys the house-price notebook as v1 and v2, asks both, and rolls back to
# v1 while a client sends requests without pause. Needs Rust and Python 3.11 or later; says what else is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Debian ships Python without its venv module, and Rust without a C compiler to link with.
missing=()
command -v cc >/dev/null || missing+=(build-essential)
command -v python3 >/dev/null || missing+=(python3 python3-venv)
if command -v python3 >/dev/null && ! command -v uv >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  missing+=(python3-venv)
fi
if [ ${#missing[@]} -gt 0 ]; then
  as_root=(); [ "$(id -u)" = 0 ] || as_root=(sudo)
  say "Installing ${missing[*]}"
  { "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -qy "${missing[@]}"; } \
    || fail "install ${missing[*]} with your system's package manager, then run this again"
fi
command -v cargo >/dev/null || fail "cargo is not installed: see rustup.rs, then run this again"

say "Building titan (about a quarter of an hour the first time)"
cargo build --release --bin titan
PATH="${CARGO_TARGET_DIR:-target}/release:$PATH"

data=$(mktemp -d)
gateway=
cleanup() { [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$data"; }
trap cleanup EXIT
trap 'exit 130' INT TERM

say "Starting the gateway"
titan gateway --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data "$data/gateway" >"$data/log" &
gateway=$!
# The first start on a machine compiles the engine, which takes a minute.
until grep -q '^admin' "$data/log"; do
  kill -0 "$gateway" 2>/dev/null || { cat "$data/log" >&2; fail "the gateway did not start"; }
  sleep 0.2
done
cat "$data/log"
url=$(sed -n 's|^services *\(http://[^ ]*\).*|\1|p' "$data/log")
TITAN_GATEWAY=$(sed -n 's|^admin *\(http://[^ ]*\).*|\1|p' "$data/log")
export TITAN_GATEWAY

client=(python3 examples/house-price/client.py "${url%/}/house-price")

say "Deploying v1: trained with TensorFlow, compiled to a Wasm component"
titan deploy examples/house-price/v1/house-price.ipynb
say "Asking v1"
"${client[@]}" ask

say "Deploying v2: the \"improved\" notebook of the same name"
titan deploy examples/house-price/v2/house-price.ipynb
say "Asking v2"
"${client[@]}" ask

say "Rolling back to v1 while requests keep flowing"
"${client[@]}" load -- titan rollback
titan versions house-price
