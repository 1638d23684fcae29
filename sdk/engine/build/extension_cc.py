"""Stands in for the compiler where numpy's build makes extension modules: a shared library becomes a static archive.

    extension_cc.py AR COMPILER ARGUMENT...

The archives are linked into the engine later. Linker flags that only ELF has are dropped.
"""

import os
import subprocess
import sys

ELF_ONLY = {"-Wl,--start-group", "-Wl,--end-group", "-Wl,--as-needed", "-Wl,--allow-shlib-undefined", "-Wl,-O1"}


def main(ar, compiler, *arguments):
    if "-shared" not in arguments:
        os.execv(compiler, [compiler, *(argument for argument in arguments if argument not in ELF_ONLY)])
    out = arguments[arguments.index("-o") + 1]
    if os.path.exists(out):
        os.remove(out)
    objects = [argument for argument in arguments if argument.endswith(".o")]
    # D: no times and owners, so that the same objects are the same archive.
    sys.exit(subprocess.call([ar, "rcsD", out, *objects]))


if __name__ == "__main__":
    main(*sys.argv[1:])
