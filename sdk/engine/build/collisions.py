"""Fails if two of the objects that are linked define one symbol.

    collisions.py NM AR FILE...

A static link of many modules takes whichever definition comes first, silently: a module then calls another's function of
the same name, perhaps with other parameters. Weak symbols are meant to be merged and do not count; nor does an object that
two archives hold alike.
"""

import collections
import functools
import subprocess
import sys

def definitions(nm, file):
    """(symbol, archive, object) of every strong definition in an object file or an archive."""
    listing = subprocess.run([nm, "--defined-only", "--extern-only", "-A", file], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        where, _, kind, symbol = line.rsplit(None, 3)
        if kind not in "VvWw":
            yield symbol, file, where.removesuffix(":").removeprefix(file).lstrip(":")


def main(nm, ar, *files):
    @functools.cache
    def contents(file, member):
        return subprocess.run([ar, "p", file, member], capture_output=True, check=True).stdout if member else file

    found = collections.defaultdict(set)
    for file in files:
        for symbol, archive, member in definitions(nm, file):
            found[symbol].add((archive, member))
    wrong = 0
    for symbol, places in sorted(found.items()):
        if len({contents(*place) for place in places}) > 1:
            wrong += 1
            print(f"{symbol} is defined in {' and '.join(sorted(map(':'.join, places)))}")
    print(f"{len(found)} symbols checked")
    if wrong or not found:
        sys.exit(f"{wrong} symbols have two definitions: rename one of each (as src/numpy_legacy_names.h does)")


if __name__ == "__main__":
    main(*sys.argv[1:])
