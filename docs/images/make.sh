#!/usr/bin/env bash
# Takes the pictures of the dashboard in this folder again: two versions of the house-price example, under load.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
USER=ada TITAN_SCREENSHOTS="$PWD/docs/images" cargo test --workspace --bin titan --test dashboard -- --ignored --exact pictures
