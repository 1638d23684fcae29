# shellcheck shell=bash disable=SC2034
# What the engine is built from. Hashes: sources.sha256 and tools.txt beside this file.
DEBIAN_SUITE=trixie
PYTHON_VERSION=3.13.5
PYTHON_DEB=3.13.5-2+deb13u5
PYTHON_ORIG=python3.13_3.13.5.orig.tar.xz
PYTHON_DEBIAN=python3.13_3.13.5-2+deb13u5.debian.tar.xz
ZLIB_DEB=1:1.3.dfsg+really1.3.1-1
ZLIB_ORIG=zlib_1.3.dfsg+really1.3.1.orig.tar.gz
WASI_LIBC_DEB=0.0~git20241209.574b88d-2
WASI_LIBC_FILE=wasi-libc_0.0~git20241209.574b88d-2_all.deb
NUMPY_VERSION=2.3.5
NUMPY_SDIST=numpy-2.3.5.tar.gz
# Debian's packages of this compiler. Another release gives other bytes.
LLVM=22
PANDAS_VERSION=2.3.3
PANDAS_SDIST=pandas-2.3.3.tar.gz
