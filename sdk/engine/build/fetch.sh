#!/usr/bin/env bash
# Downloads the sources, and checks every one against sources.sha256; installs the build tools that come from PyPI.
#
#     fetch.sh FOLDER BUILD       FOLDER receives the files, BUILD is the folder of this script
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd) build=$2 work=$PWD
# shellcheck source=sdk/engine/build/versions.sh
. "$build/versions.sh"

debian() {
  # The machine's own mirror with the suite that has the sources; the machine's package lists stay untouched.
  local mirror lists=$work/apt
  mirror=$(awk '/^URIs:/ {print $2; exit} /^deb / {for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) {print $i; exit}}' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true)
  [ -n "$mirror" ] || { echo "no Debian mirror is configured in /etc/apt" >&2; return 1; }
  mkdir -p "$lists/lists/partial"
  cat >"$lists/debian.sources" <<SOURCES
Types: deb deb-src
URIs: $mirror
Suites: $DEBIAN_SUITE
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  local options=(-o Dir::Etc::SourceParts=/dev/null -o "Dir::Etc::SourceList=$lists/debian.sources"
    -o "Dir::State::Lists=$lists/lists")
  [ "$(id -u)" != 0 ] || options+=(-o APT::Sandbox::User=root)
  cd "$folder"
  apt-get "${options[@]}" update -q
  [ -n "${WASI_SDK_PATH:-}" ] || apt-get "${options[@]}" download "wasi-libc=$WASI_LIBC_DEB"
  apt-get "${options[@]}" source --download-only "python3.13=$PYTHON_DEB" "zlib=$ZLIB_DEB"
  cd "$work"
}

debian
python3 -m venv "$work/tools"
"$work/tools/bin/pip" install --disable-pip-version-check --require-hashes --only-binary :all: -r "$build/tools.txt"
"$work/tools/bin/python" "$build/fetch_sdist.py" numpy "$NUMPY_VERSION" "$folder/$NUMPY_SDIST"
"$work/tools/bin/python" "$build/fetch_sdist.py" pandas "$PANDAS_VERSION" "$folder/$PANDAS_SDIST"
rm -rf "$work/pandas-packages"
"$work/tools/bin/pip" install --disable-pip-version-check --require-hashes --no-deps --target "$work/pandas-packages" \
  -r "$build/pandas-packages.txt"
cd "$folder"
for file in *.orig.tar.?z python3.13*.debian.tar.?z numpy-*.tar.gz pandas-*.tar.gz *.deb; do
  [ -e "$file" ] || continue
  # A file without a hash is one that a change of versions.sh forgot.
  grep -q "  $file\$" "$build/sources.sha256" || { echo "$file has no hash in sources.sha256" >&2; exit 1; }
done
[ -z "${WASI_SDK_PATH:-}" ] || exec sha256sum --check --ignore-missing "$build/sources.sha256"
sha256sum --check "$build/sources.sha256"
