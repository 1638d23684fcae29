"""Stands in for `lzma` in the engine, which has no LZMA: packages that may compress can be imported, and fail when
they do."""


class LZMAError(Exception):
    """As of the original."""


def _refuse(*arguments, **options):
    raise RuntimeError("the engine has no LZMA: use gzip or zlib, or decompress in a cell before")


LZMAFile = LZMACompressor = LZMADecompressor = open = compress = decompress = _refuse
FORMAT_AUTO, FORMAT_XZ, FORMAT_ALONE, FORMAT_RAW = range(4)
