"""Prints the SHA-256 of everything the engine is built from: the files of the folder given, but for the result, its page and
the tests.

    inputs.py FOLDER

Each file counts with its name, a zero byte, its length (64 bits, little endian) and its bytes, in the order of names. A test
in sdk/src/engine.rs does the same sum.
"""

import hashlib
import struct
import sys
from pathlib import Path


def main(folder):
    digest = hashlib.sha256()
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    # As bytes, as Rust sorts them.
    for name in sorted(names, key=str.encode):
        if name == "README.md" or name.startswith(("prebuilt/", "tests/")) or "__pycache__" in name:
            continue
        contents = (folder / name).read_bytes()
        digest.update(name.encode() + b"\0" + struct.pack("<Q", len(contents)) + contents)
    print(digest.hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
