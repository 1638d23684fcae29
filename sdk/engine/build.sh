#!/usr/bin/env bash
# Builds the engines: CPython, zlib and numpy as one Wasm core module, and the same with pandas as another, from sources in
# Debian's and PyPI's registries.
#
#     sdk/engine/build.sh [WORKDIR]        writes sdk/engine/prebuilt/
#
# WORKDIR keeps the intermediate files (default: target/engine). A step whose result is there is not done again, so after a
# change of src/ or python/ a second run takes a minute; remove WORKDIR to build from nothing. The same inputs give the
# same bytes, whatever the folder. Where WASI_SDK_PATH is set its compiler and sysroot are used in place of Debian's; the
# bytes then are that compiler's. Steps and traps: README.md.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WORK=${1:-$HERE/../../target/engine}
JOBS=${JOBS:-$(nproc)}
mkdir -p "$WORK"
cd "$WORK"
WORK=$PWD
# Dates in the binary are this one, and no path of this machine is.
export SOURCE_DATE_EPOCH=1735689600 LC_ALL=C TZ=UTC
unset PYTHONPATH PYTHONHOME CFLAGS CPPFLAGS CXXFLAGS LDFLAGS CC CXX

say() { printf '[%4ds] %s\n' "$SECONDS" "$*" >&2; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
# Two builds in one folder would take each other's half-written files for done.
exec {LOCK}>"$WORK/lock"
flock --nonblock "$LOCK" || fail "another build is at work in $WORK: wait until it has ended, or name another folder"
# Runs a command with its output in a log; shows the end of it on failure.
logged() {
  local log="$WORK/logs/$1.log"
  shift
  mkdir -p "$WORK/logs"
  # In the background, because bash ignores `set -e` to the left of `||`, and for a working folder of its own.
  "$@" >"$log" 2>&1 &
  wait $! || { tail -n 30 "$log" >&2; fail "the step failed; its output: $log"; }
}
# Does a step unless its mark says it was done.
once() {
  local step=$1
  [ -e "done/$step" ] && return
  say "$step"
  logged "$step" "step_$step"
  mkdir -p done && : >"done/$step"
}

# shellcheck source=sdk/engine/build/versions.sh
. "$HERE/build/versions.sh"
# shellcheck source=sdk/engine/build/toolchain.sh
. "$HERE/build/toolchain.sh"
PYTHON_SOURCE=Python-$PYTHON_VERSION
NUMPY_SOURCE=numpy-$NUMPY_VERSION
PANDAS_SOURCE=pandas-$PANDAS_VERSION

apply() { # FOLDER PATCH...
  local folder=$1 patch
  shift
  for patch; do
    patch -d "$folder" -p1 --no-backup-if-mismatch -s <"$patch" || fail "$patch does not apply"
  done
}

step_fetch() {
  rm -rf tools
  bash "$HERE/build/fetch.sh" downloads "$HERE/build"
  apply tools/lib/python3*/site-packages "$HERE"/patches/cython/*.patch
}

step_unpack() {
  rm -rf "$PYTHON_SOURCE" "$NUMPY_SOURCE" "$PANDAS_SOURCE" zlib debian-python
  tar xJf "downloads/$PYTHON_ORIG"
  mkdir debian-python zlib
  tar xJf "downloads/$PYTHON_DEBIAN" -C debian-python
  # Security fixes and others; every one applies to the unchanged source.
  while read -r patch; do
    apply "$PYTHON_SOURCE" "debian-python/debian/patches/$patch"
  done < <(sed -e 's/#.*//' -e '/^\s*$/d' debian-python/debian/patches/series)
  tar xzf "downloads/$ZLIB_ORIG" -C zlib --strip-components=1
  tar xzf "downloads/$NUMPY_SDIST"
  tar xzf "downloads/$PANDAS_SDIST"
  apply "$PYTHON_SOURCE" "$HERE"/patches/cpython/*.patch
  apply "$NUMPY_SOURCE" "$HERE"/patches/numpy/*.patch
  apply "$PANDAS_SOURCE" "$HERE"/patches/pandas/*.patch
  # What pandas' C code calls np.intp are arrays of the pointer's size. In Python the name stands for int64.
  grep -rlZ '\bnp\.intp\b' --include='*.pyx' --include='*.pxi.in' "$PANDAS_SOURCE/pandas/_libs" | xargs -0 sed -i 's/\bnp\.intp\b/np.int32/g'
  # Where two C files define one name, a static link would take either: the legacy generators get names of their own.
  cp "$HERE/src/numpy_legacy_names.h" "$NUMPY_SOURCE/numpy/random/"
}

# A wrong prototype is harmless natively and a trap in Wasm, but only when it is called.
step_check_signatures() {
  python3 "$HERE/build/signatures.py" "$NUMPY_SOURCE/numpy" "$PANDAS_SOURCE/pandas" "$PYTHON_SOURCE/Modules" "$PYTHON_SOURCE/Objects" "$PYTHON_SOURCE/Python"
}

step_native_python() {
  rm -rf native && mkdir native && cd native
  CC=$NATIVE_CC "../$PYTHON_SOURCE/configure" --disable-test-modules --without-ensurepip OPT="-DNDEBUG -g0 -fwrapv -O1"
  make -j"$JOBS"
}

step_python() {
  rm -rf python && mkdir python && cd python
  # The folders of an installation end up in the binary. There is none, so they are nothing's.
  CONFIG_SITE="../$PYTHON_SOURCE/Tools/wasm/config.site-wasm32-wasi" CC="$WORK/bin/cc" CXX="$WORK/bin/cxx" CPP="$WORK/bin/cc -E" \
    AR=$AR RANLIB=$RANLIB PKG_CONFIG_LIBDIR=/nonexistent HOSTRUNNER=true \
    "../$PYTHON_SOURCE/configure" --host=wasm32-wasip1 --build="$(uname -m)-pc-linux-gnu" --prefix=/usr \
    --with-build-python="../native/python" --disable-test-modules --without-ensurepip --with-pymalloc \
    OPT="-DNDEBUG -g0 -fwrapv -O3"
  # Not `all`, which links a program: the engine's own code is missing there. The folder of headers has Linux's error numbers.
  make -j"$JOBS" BASECPPFLAGS="-I$HERE/src/linux -IObjects -IInclude -IPython" libpython3.13.a pybuilddir.txt "${PYTHON_ARCHIVES[@]}"
}

step_zlib() {
  cd zlib
  local file
  for file in adler32 compress crc32 deflate infback inffast inflate inftrees trees uncompr zutil; do
    "$WORK/bin/cc" -O2 -DHAVE_UNISTD_H -c "$file.c" -o "$file.o"
  done
  rm -f libz.a
  $AR rcsD libz.a ./*.o
  "$WORK/bin/cc" -O2 -DNDEBUG "${PYTHON_FLAGS[@]}" -DPy_BUILD_CORE_BUILTIN -I"../$PYTHON_SOURCE/Include/internal" \
    -I"../$PYTHON_SOURCE/Include/internal/mimalloc" -I. -c "../$PYTHON_SOURCE/Modules/zlibmodule.c" -o zlibmodule.o
}

# Writes FILE: how meson builds extension modules for Wasm.
cross_file() {
  local flag flags=
  for flag in "${PYTHON_FLAGS[@]/..\//$WORK/}" -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_GETPID -DNPY_NO_SIGNAL; do
    flags+="'$flag', "
  done
  sed -e "s|@WORK@|$WORK|g" -e "s|@AR@|$AR|" -e "s|@STRIP@|$STRIP|" -e "s|@FLAGS@|$flags|" "$HERE/build/cross.ini" >"$1"
  # Both builds call Cython by its name.
  PATH="$WORK/tools/bin:$PATH"
}

step_numpy() {
  rm -rf numpy
  cross_file cross.ini
  python3 "$NUMPY_SOURCE/vendored-meson/meson/meson.py" setup numpy "$NUMPY_SOURCE" --cross-file cross.ini --buildtype=release \
    -Dallow-noblas=true -Dblas=none -Dlapack=none -Ddisable-optimization=true -Ddisable-highway=true -Ddisable-intel-sort=true \
    -Ddisable-svml=true
  ninja -C numpy -j"$JOBS"
}

step_pandas() {
  rm -rf pandas numpy-headers
  # What pandas' build asks of an installed numpy: where its headers and declarations are.
  mkdir -p numpy-headers/numpy/_core/include
  cp -r "$NUMPY_SOURCE/numpy/_core/include/numpy" numpy-headers/numpy/_core/include/
  cp numpy/numpy/_core/{_numpyconfig.h,__multiarray_api.h,__multiarray_api.c,__ufunc_api.h,__ufunc_api.c} \
    numpy-headers/numpy/_core/include/numpy/
  cp "$NUMPY_SOURCE/numpy/__init__.pxd" "$NUMPY_SOURCE/numpy/__init__.cython-30.pxd" numpy-headers/numpy/
  printf '__version__ = "%s"\n\n\ndef get_include():\n    return "%s"\n' "$NUMPY_VERSION" \
    "$WORK/numpy-headers/numpy/_core/include" >numpy-headers/numpy/__init__.py
  cross_file cross.ini
  # Cython runs in its own environment, and looks numpy's declarations up there.
  echo "$WORK/numpy-headers" >"$(echo tools/lib/python3*/site-packages)/numpy-headers.pth"
  (cd "$PANDAS_SOURCE" && meson setup ../pandas --cross-file ../cross.ini --buildtype=release)
  ninja -C pandas -j"$JOBS"
}

# Dotted names of the extension modules below a build folder, with the paths of their archives.
extensions() { # FOLDER
  find "$1" -name '*.cpython-313-wasm32-wasi.so' | sort | grep -v -e /tests/ -e _tests. -e /_simd. | while read -r file; do
    local module=${file#*/}
    echo "${module%.cpython-*} $file"
  done
}

link() { # ENGINE PACKAGE...
  local engine=$1 package file objects=() archives=()
  shift
  rm -rf "engine-$engine" && mkdir "engine-$engine"
  # The packages of the engine's archive: where their Python files are.
  local folders=("$NUMPY_SOURCE" numpy)
  sed "s|$WORK|.|g" numpy/numpy/__config__.py >numpy/__config__.py && mv numpy/__config__.py numpy/numpy/__config__.py
  if [ "$engine" = pandas ]; then
    folders+=("$PANDAS_SOURCE" pandas pandas-packages)
  fi
  for package; do
    while read -r module file; do
      printf 'X(%s, %s)\n' "$(dirname "$module" | tr / .)" "$(basename "$module")"
      archives+=("$file")
    done < <(extensions "$package")
  done >"engine-$engine/extensions.inc"
  while read -r file; do archives+=("$file"); done < <(find "$@" -name 'lib*.a' | sort)
  native/python "$HERE/build/archive.py" "engine-$engine" python/Modules/config.c "engine-$engine/extensions.inc" \
    pandas-packages/pytz/zoneinfo "$PYTHON_SOURCE/Lib" "${folders[@]}" "$HERE/python"
  for file in "$HERE"/src/*.c; do
    objects+=("engine-$engine/$(basename "$file" .c).o")
    "$WORK/bin/cc" -std=c23 -O2 -Wall -Wextra -Werror "${PYTHON_FLAGS[@]//..\//}" -isystem "$PYTHON_SOURCE/Include" \
      -isystem "$PYTHON_SOURCE/Include/internal" -Izlib "-Iengine-$engine" \
      "--embed-dir=engine-$engine" -c "$file" -o "${objects[-1]}"
  done
  archives+=(python/libpython3.13.a "${PYTHON_ARCHIVES[@]/#/python/}" zlib/zlibmodule.o zlib/libz.a)
  python3 "$HERE/build/collisions.py" "$NM" "$AR" "${objects[@]}" "${archives[@]}"
  # The stack comes first, so that overflowing it traps instead of writing over data. The list of features leaves out
  # bulk-memory, which the code uses all the same: the linker would clear static variables with it in a start function, and
  # that would wipe a heap image; without it they are zeros in the data.
  "$WORK/bin/cxx" -mexec-model=reactor "${objects[@]}" "${archives[@]}" -ldl -lc-printscan-long-double -lwasi-emulated-signal \
    -lwasi-emulated-getpid -lwasi-emulated-process-clocks -lm -Wl,--import-memory -Wl,--export=__stack_pointer \
    -Wl,--max-memory=4294967296 -Wl,--stack-first -Wl,-z,stack-size=8388608 -Wl,--strip-debug -Wl,--fatal-warnings \
    -Wl,--no-check-features -Xlinker --features=multivalue,mutable-globals,nontrapping-fptoint,reference-types,sign-ext \
    -o "engine-$engine/engine.wasm"
}

# Packs an engine for the repository, and for the titan binary: as what it has beside the smaller engine BASE, if there is one.
pack() { # ENGINE [BASE]
  local wasm=engine-$1/engine.wasm to=$HERE/prebuilt/$1
  mkdir -p "$to"
  zstd -q --ultra -22 --long=27 -f ${2:+"--patch-from=engine-$2/engine.wasm"} "$wasm" -o "$to/engine.wasm.zst"
  chmod 644 "$to/engine.wasm.zst"
  sha256sum "$wasm" | cut -d' ' -f1 >"$to/engine.sha256"
  cp "engine-$1/modules.txt" "$to/modules.txt"
  say "engine $1: $(cat "$to/engine.sha256"), $(stat -c %s "$wasm") bytes, packed $(stat -c %s "$to/engine.wasm.zst")"
}

find_toolchain
once fetch
make_toolchain
# Libraries that come with CPython.
PYTHON_ARCHIVES=(Modules/_decimal/libmpdec/libmpdec.a Modules/_hacl/libHacl_Hash_SHA2.a Modules/expat/libexpat.a)
PYTHON_FLAGS=(-D_WASI_EMULATED_SIGNAL "-I../$PYTHON_SOURCE/Include" -I../python)
once unpack
once check_signatures
once native_python
once python
once zlib
once numpy
once pandas
say "link numpy"
logged link_numpy link numpy numpy/numpy
say "link pandas"
logged link_pandas link pandas numpy/numpy pandas/pandas
pack numpy
pack pandas numpy
python3 "$HERE/build/inputs.py" "$HERE" >"$HERE/prebuilt/inputs.sha256"
