#!/usr/bin/env bash
# Installs the browser that the dashboard's tests drive, where the system is Debian's and this is root.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "not root: install chromium and chromium-driver" >&2; exit 1; }
command -v apt-get >/dev/null || { echo "no apt-get: install chromium and chromedriver" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends chromium chromium-driver
