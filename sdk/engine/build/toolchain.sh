# shellcheck shell=bash disable=SC2034
# The compiler: Debian's clang with Debian's wasi-libc, or a WASI SDK. Finds it, and wraps it so that the build
# systems of CPython and numpy take it for an ordinary cross compiler.
TARGET=wasm32-wasip1

find_toolchain() {
  local missing=() program
  for program in python3 make patch zstd xz tar find sed awk sha256sum flock; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [ -n "${WASI_SDK_PATH:-}" ]; then
    [ ${#missing[@]} -eq 0 ] || fail "these are missing: ${missing[*]}: install them with your system's package manager"
    [ -x "$WASI_SDK_PATH/bin/clang" ] || fail "WASI_SDK_PATH is $WASI_SDK_PATH, but there is no bin/clang below it: name the unpacked WASI SDK"
    command -v cc >/dev/null || fail "a C compiler for this machine is missing too: install gcc or clang"
    CLANG=$WASI_SDK_PATH/bin/clang CLANGXX=$WASI_SDK_PATH/bin/clang++ NATIVE_CC=cc
    AR=$WASI_SDK_PATH/bin/llvm-ar RANLIB=$WASI_SDK_PATH/bin/llvm-ranlib NM=$WASI_SDK_PATH/bin/llvm-nm
    STRIP=$WASI_SDK_PATH/bin/llvm-strip
    return
  fi
  CLANG=clang-$LLVM CLANGXX=clang++-$LLVM NATIVE_CC=clang-$LLVM
  AR=llvm-ar-$LLVM RANLIB=llvm-ranlib-$LLVM NM=llvm-nm-$LLVM STRIP=llvm-strip-$LLVM
  local packages=("clang-$LLVM" "lld-$LLVM" "llvm-$LLVM" "libclang-rt-$LLVM-dev-wasm32" "libc++-$LLVM-dev-wasm32"
    "libc++abi-$LLVM-dev-wasm32")
  command -v apt-get >/dev/null || fail "this is no Debian, and WASI_SDK_PATH names no WASI SDK: set it"
  for program in "${packages[@]}"; do
    dpkg-query -W "$program" >/dev/null 2>&1 || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] && return
  # The names of programs are those of their packages, but for these.
  missing=("${missing[@]/#xz/xz-utils}")
  missing=("${missing[@]/#find/findutils}")
  missing=("${missing[@]/#awk/gawk}")
  missing=("${missing[@]/#sha256sum/coreutils}")
  missing=("${missing[@]/#flock/util-linux}")
  [ "$(id -u)" = 0 ] || fail "these are missing: ${missing[*]}: install them with 'apt-get install ${missing[*]}'"
  say "installing ${missing[*]}"
  { apt-get update -q && apt-get install -qy "${missing[@]}"; } >apt.log 2>&1 \
    || fail "${missing[*]} could not be installed (see $WORK/apt.log): Debian 12 with its security updates has them all; elsewhere set WASI_SDK_PATH"
}

# Folders of Debian's packages put together as one sysroot.
make_sysroot() {
  rm -rf sysroot wasi-libc
  dpkg -x "downloads/$WASI_LIBC_FILE" wasi-libc
  mkdir -p sysroot/include sysroot/lib
  cp -rL "wasi-libc/usr/include/$TARGET" sysroot/include/
  cp -rL "wasi-libc/usr/lib/$TARGET" sysroot/lib/
  # libc++ calls the target by its older name.
  mkdir "sysroot/include/$TARGET/c++"
  cp -r "/usr/lib/llvm-$LLVM/include/wasm32-wasi/c++/v1" "sysroot/include/$TARGET/c++/"
  cp -L "/usr/lib/llvm-$LLVM"/lib/wasm32-wasi/libc++*.a "sysroot/lib/$TARGET/"
}

make_toolchain() {
  local sysroot=$WORK/sysroot
  if [ -n "${WASI_SDK_PATH:-}" ]; then
    sysroot=$WASI_SDK_PATH/share/wasi-sysroot
  elif [ ! -e "sysroot/lib/$TARGET/libc.a" ]; then
    make_sysroot
  fi
  rm -rf bin && mkdir bin
  local flags="--target=$TARGET --sysroot=$sysroot -ffile-prefix-map=$WORK=."
  printf '#!/bin/sh\nexec %s %s "$@"\n' "$CLANG" "$flags" >bin/cc
  printf '#!/bin/sh\nexec %s %s -stdlib=libc++ "$@"\n' "$CLANGXX" "$flags" >bin/cxx
  printf '#!/bin/sh\nexec python3 %s %s %s/bin/cc "$@"\n' "$HERE/build/extension_cc.py" "$AR" "$WORK" >bin/extension-cc
  printf '#!/bin/sh\nexec python3 %s %s %s/bin/cxx "$@"\n' "$HERE/build/extension_cc.py" "$AR" "$WORK" >bin/extension-cxx
  # meson asks the target's Python about its build; the native one answers in its place.
  cat >bin/python <<SCRIPT
#!/bin/sh
export _PYTHON_HOST_PLATFORM=wasi-wasm32 _PYTHON_PROJECT_BASE=$WORK/python
export _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__wasi_wasm32-wasi
export PYTHONPATH=$WORK/python/build/lib.wasi-wasm32-3.13:$WORK/numpy-headers:\$(echo $WORK/tools/lib/python3*/site-packages)
exec $WORK/native/python "\$@"
SCRIPT
  chmod +x bin/*
}
