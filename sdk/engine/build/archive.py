"""Packs the engine's Python files into what src/archive.c includes. Run by the native build of the engine's own Python,
because marshalled code belongs to one version.

    archive.py OUT CONFIG_C EXTENSIONS ZONES STDLIB FOLDER...

OUT receives archive_data.bin, archive_entries.inc, archive_frozen.inc and modules.txt, which names everything that can be
imported: also the modules in C, which CPython's CONFIG_C and the engine's EXTENSIONS list. Each FOLDER may hold some of
PACKAGES; a later one adds its files to those of an earlier. ZONES holds the time zone database.
"""

import marshal
import re
import sys
import zlib
from pathlib import Path

# Needs what the engine does not have (sockets, processes, threads, a terminal, a display, shared libraries), or serves
# building and testing only.
LEFT_OUT = set("""
    __phello__ bz2 lzma _aix_support _android_support _apple_support _ios_support _osx_support _pyrepl antigravity asyncio cProfile
    cgi compileall concurrent.futures.process ctypes curses dbm doctest ensurepip ftplib
    http.client http.cookiejar http.server idlelib imaplib lib2to3 logging.config logging.handlers mailbox msilib multiprocessing
    nntplib pdb poplib profile pstats pty pydoc pydoc_data smtplib socket socketserver sqlite3 ssl tabnanny
    test this tkinter trace tracemalloc tty turtle turtledemo unittest.__main__ urllib.request urllib.robotparser venv
    webbrowser wsgiref xmlrpc zipapp
    numpy._build_utils numpy._configtool numpy._pyinstaller numpy.conftest numpy.distutils numpy.f2py numpy._core.cversions
    numpy._core.code_generators numpy._core.src numpy.doc numpy.linalg.lapack_lite numpy.random._examples
    numpy.typing.mypy_plugin numpy.matlib dateutil.tz.win dateutil.tzwin encodings.bz2_codec encodings.mbcs encodings.oem
    pandas._testing._hypothesis pandas.core.arrays.arrow._arrow_utils
    pandas.core.arrays.arrow.extension_types pandas.io.clipboard pandas.conftest pandas.core._numba.extensions pandas.core._numba.kernels pandas.plotting._matplotlib pandas.util._test_decorators
    unittest.async_case unittest.mock xml.sax.expatreader xml.sax.saxutils _distutils_system_mod _asyncio
    _sysconfigdata__linux_x86_64-linux-gnu
""".split())
# Modules that others put into `sys.modules` under a second name.
ALIASES = {"collections.abc", "os.path"}
# Frozen instead of stored: needed before the importer runs.
FROZEN = {"encodings", "encodings.aliases", "encodings.ascii", "encodings.latin_1", "encodings.utf_8"}
IMPORTER = "titan.importer"
LIBRARY = "/lib/python3.13"
# Where `zoneinfo` looks, as on most systems.
ZONES = "/usr/share/zoneinfo"
# What packages read at run time.
DATA_FILES = ("dateutil/zoneinfo/dateutil-zoneinfo.tar.gz", "pytz/zoneinfo/**/*")
PACKAGES = (
    "numpy", "pandas", "dateutil", "pytz", "six", "IPython", "keras", "sklearn", "tensorflow", "titan", "torch",
    "_sysconfigdata__wasi_wasm32-wasi",
)


def modules(root, package=None):
    """(name, is_package, path) of every module under `root`, or of its package `package` alone, sorted."""
    inside = root if package is None else root / package
    alone = [] if package is None else root.glob(f"{package}.py")
    for path in sorted([*inside.rglob("*.py"), *alone]):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        prefixes = {".".join(name.split(".")[:n + 1]) for n in range(len(parts))}
        # CPython's name for the build's data is no identifier.
        identifiers = all(part.replace("-", "_").isidentifier() for part in parts)
        if identifiers and "tests" not in parts and parts[-1] != "__main__" and not prefixes & LEFT_OUT:
            yield name, is_package, path


def code_of(path, shown):
    """The marshalled code of a file; `shown` is the path a traceback gives."""
    return marshal.dumps(compile(path.read_bytes(), shown, "exec", dont_inherit=True, optimize=0))


def c_bytes(name, data):
    return f"static const unsigned char {name}[] = {{{','.join(map(str, data))}}};\n"


def built_in(config, extensions):
    """Names of the modules in C."""
    of_python = re.findall(r'^ *\{"(\w+)", ', config.read_text(), re.M)
    found = {*of_python, "zlib", *map(".".join, re.findall(r"X\(([\w.]+), (\w+)\)", extensions.read_text()))}
    return found - LEFT_OUT


def main(out, config, extensions, zones, stdlib, *others):
    found, data_files = {}, {}
    for root, packages in [(stdlib, [None]), *((root, PACKAGES) for root in others)]:
        for package in packages:
            for name, is_package, path in modules(root, package):
                # What a module calls its `__file__` (python/titan/importer.py).
                found[name] = is_package, path, f"{LIBRARY}/{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"
        for path in sorted(path for pattern in DATA_FILES for path in root.glob(pattern) if path.is_file()):
            data_files[f"{LIBRARY}/{path.relative_to(root).as_posix()}"] = path.read_bytes()
    for path in sorted(path for path in zones.rglob("*") if path.is_file()):
        data_files[f"{ZONES}/{path.relative_to(zones).as_posix()}"] = path.read_bytes()

    frozen, lines = [], []
    for name in sorted(FROZEN) + [IMPORTER]:
        package, path, shown = found.pop(name)
        symbol = "code_" + name.replace(".", "_")
        lines.append(c_bytes(symbol, code_of(path, shown)))
        frozen.append(f'    {{"{"titan_importer" if name == IMPORTER else name}", {symbol}, sizeof {symbol}, {int(package)}}},\n')
    lines += ["\nstatic const struct _frozen frozen[] = {\n", *frozen, "    {0},\n};\n"]
    (out / "archive_frozen.inc").write_text("".join(lines))

    data, entries, kept = bytearray(), [], {}
    # bsearch compares bytes.
    for name in sorted({**found, **data_files}, key=str.encode):
        if name in data_files:
            package, code = False, data_files[name]
        else:
            package, path, shown = found[name]
            code = code_of(path, shown)
        stored = zlib.compress(code, 9)
        # Many a time zone has several names.
        at = kept.setdefault(stored, len(data))
        entries.append(f'{{"{name}", {at}, {len(stored)}, {len(code)}, {int(package)}}},\n')
        if at == len(data):
            data += stored
    (out / "archive_entries.inc").write_text("".join(entries))
    (out / "archive_data.bin").write_bytes(data)
    (out / "modules.txt").write_text("".join(f"{name}\n" for name in sorted({*found, *FROZEN, *ALIASES, *built_in(config, extensions)})))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
