"""Stands in for `bz2` in the engine, which has no bzip2: packages that may compress can be imported, and fail when
they do."""


def _refuse(*arguments, **options):
    raise RuntimeError("the engine has no bzip2: use gzip or zlib, or decompress in a cell before")


BZ2File = BZ2Compressor = BZ2Decompressor = open = compress = decompress = _refuse
