"""Runs numpy's and pandas' own tests inside the engine, a file at a time, each in a fresh instance.

    suite.py run SUITE [FILE...]     runs files of a suite (all without names) and shows counts
    suite.py check                   runs some files of every suite, and fails where fewer pass than results.json says
    suite.py record [SUITE...]       runs everything, and writes results.json and the tables of ../README.md

The test files are those of the sources that the engines are built from, checked by their hashes. Needs the packages of
requirements.txt. `--engine FOLDER` takes engines from another folder than ../prebuilt.
"""

import argparse
import fnmatch
import hashlib
import json
import multiprocessing
import os
import pickle
import re
import struct
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import files as files_of
from importlib.metadata import requires
from pathlib import Path

import host

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
README = HERE.parent / "README.md"
BUILD = HERE.parent / "build"
CACHE = Path(sys.prefix) / "titan-engine-tests"
"""Sources and unpacked engines, kept beside the packages."""
LIBRARY = "/lib/python3.13"
REQUEST = {"args": {}, "path": {}, "headers": {}}
OUTCOMES = ("passed", "failed", "skipped")
MARKS = "not slow and not network and not db and not single_cpu"
"""Of tests that are run, as the libraries' own `test()` has it."""

CI_CORE = """array_coercion arrayprint datetime dtype einsum function_base half indexing item_selection multiarray
    nditer numeric numerictypes records regression scalarmath shape_base stringdtype strings ufunc umath""".split()
CI_LIB = """arraypad arraysetops function_base histograms index_tricks io nanfunctions polynomial recfunctions
    shape_base stride_tricks twodim_base""".split()
PANDAS = """reshape/merge/test_*.py reshape/test_*.py groupby/test_[a-gr]*.py groupby/aggregate/test_a*.py
    groupby/transform/test_t*.py frame/test_[a-cr-s]*.py frame/indexing/test_[g-s]*.py frame/methods/test_de*.py
    frame/methods/test_[fi]*.py frame/methods/test_sort*.py frame/methods/test_to_*.py series/indexing/test_[g-i]*.py
    series/methods/test_[a-d]*.py series/methods/test_s*.py series/methods/test_v*.py indexing/test_*.py
    io/json/test_*.py io/formats/test_to_*.py strings/test_*.py test_*.py""".split()
CI_PANDAS = """reshape/merge/test_merge.py reshape/test_cut.py reshape/test_pivot.py groupby/test_groupby.py
    groupby/aggregate/test_aggregate.py groupby/transform/test_transform.py frame/test_constructors.py
    frame/test_reductions.py frame/indexing/test_indexing.py frame/methods/test_sort_values.py
    frame/methods/test_to_dict.py frame/methods/test_describe.py frame/methods/test_info.py indexing/test_iloc.py
    indexing/test_loc.py io/json/test_pandas.py io/formats/test_to_string.py io/formats/test_to_csv.py
    series/methods/test_argsort.py series/methods/test_sort_values.py series/methods/test_value_counts.py
    strings/test_strings.py test_algos.py test_sorting.py""".split()

SUITES = {
    "numpy": {
        "packages": ["numpy"],
        "files": ["numpy/*/tests/test_*.py", "numpy/tests/test_*.py"],
        # What builds extensions, starts processes or looks at type stubs and processors: nothing of the engine.
        "without": ["numpy/_core/src/*", "numpy/_pyinstaller/*", "numpy/distutils/*", "numpy/f2py/*", "numpy/typing/*"]
        + [f"numpy/_core/tests/test_{name}.py" for name in ("cpu_*", "cython", "limited_api", "mem_policy", "simd*")],
        "ci": [f"numpy/_core/tests/test_{name}.py" for name in CI_CORE]
        + [f"numpy/lib/tests/test_{name}.py" for name in CI_LIB]
        + ["numpy/fft/tests/test_pocketfft.py", "numpy/linalg/tests/test_linalg.py", "numpy/ma/tests/test_core.py"]
        + [f"numpy/random/tests/test_{name}.py" for name in ("generator_mt19937", "random", "randomstate")],
    },
    "pandas": {
        "packages": ["numpy", "pandas"],
        "files": [f"pandas/tests/{files}" for files in PANDAS],
        "without": [],
        "ci": [f"pandas/tests/{file}" for file in CI_PANDAS],
    },
}
"""By the engine that a suite runs in: whose test files, which of them, and which of those `check` runs."""

EXTRA = ("numpy/testing/_private/extbuild.py", "pandas/_testing/_hypothesis.py", "pandas/util/_test_decorators.py")
"""Modules for tests that the engine leaves out."""


def pure(distribution):
    """{name: contents} of the Python files of an installed distribution and of all that it needs."""
    found, waiting, done = {}, [distribution], set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        for file in files_of(name):
            if ".." not in file.parts and file.name.endswith((".py", ".txt", "METADATA")):
                found[str(file)] = file.read_binary()
        waiting += [re.match(r"[\w.-]+", need)[0] for need in requires(name) or () if ";" not in need]
    return found


def archive(package):
    """The path of a package's source archive, downloaded once. Its hash is the one that the engine's build checks."""
    digest, name = next(line.split() for line in open(BUILD / "sources.sha256") if f"  {package}-" in line)
    file = CACHE / name
    if not file.exists():
        CACHE.mkdir(exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        version = name.removeprefix(f"{package}-").removesuffix(".tar.gz")
        subprocess.run([sys.executable, BUILD / "fetch_sdist.py", package, version, part], check=True)
        part.rename(file)
    if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        file.unlink()
        sys.exit(f"{name} is not what the engine is built from: try again")
    return file


def tests_of(package):
    """{name: contents} of the test files of a package, what they read, and what the engine leaves out of it."""
    kept = {}
    with tarfile.open(archive(package)) as sources:
        for member in sources:
            name = member.name.partition("/")[2]
            parts = name.split("/")
            tests = "tests" in parts or parts[-1] == "conftest.py" or name in EXTRA
            if member.isfile() and parts[0] == package and tests:
                kept[name] = sources.extractfile(member).read()
    return kept


class Machine:
    """An engine that has the suite's files and has imported pytest; `run` answers from a fresh instance of it."""

    def __init__(self, suite, folder):
        self.log = bytearray()
        self.suite = SUITES[suite]
        engine = host.Engine(unpacked(folder / suite / "engine.wasm.zst"), log=self.log.extend)
        engine.boot()
        contents = pure("pytest") | pure("hypothesis")
        for package in self.suite["packages"]:
            contents |= tests_of(package)
        # pytest takes a folder for a package if this file is in it. The packages themselves are the engine's.
        for name in list(contents):
            for above in Path(name).parents:
                if above.parts and above.parts[0] in self.suite["packages"]:
                    contents.setdefault(f"{above}/__init__.py", b"")
        contents["pytest.ini"] = b"[pytest]\nxfail_strict = false\n"
        engine.freeze(state(contents, (HERE / "inside.py").read_text()))
        self.names = sorted(name for name in contents if self._is_test(name))
        self.engine = engine
        self._call(engine, ["prepare", self.suite["packages"][1:]])
        self.heap = engine.heap()

    def _is_test(self, name):
        match = [fnmatch.fnmatch(name, pattern) for pattern in self.suite["files"]]
        return (any(match) and Path(name).name.startswith("test_") and name.endswith(".py")
                and not any(fnmatch.fnmatch(name, pattern) for pattern in self.suite["without"]))

    @staticmethod
    def _call(engine, wish):
        status, _, body = engine.call(0, json.dumps({"body": json.dumps(wish), **REQUEST}))
        return json.loads(body)

    def run(self, file):
        """Counts of one file. A test that ends its instance failed, and the others are run again without it."""
        ended = {}
        while True:
            del self.log[:]
            engine = self.engine.restore(self.heap)
            options = ["-m", MARKS, *(f"--deselect={test}" for test in ended)]
            try:
                counts = self._call(engine, ["run", file, options])
                break
            except Exception as error:
                at = self.log.rfind(b"\x1e")
                test = self.log[at + 1 :].split(b"\x1f")[0].decode() if at >= 0 else file
                if test in ended or test == file:
                    counts = {"passed": 0, "skipped": 0, "failures": {}}
                    ended[test] = f"the file cannot be run: {error}"[:3000]
                    break
                ended[test] = f"ends the instance: {str(error)[:600]}"
        counts["failures"] |= ended
        counts["failed"] = len(counts["failures"])
        return counts


def unpacked(file):
    """The path of an engine's module, unpacked."""
    import zstandard

    to = CACHE / f"{(file.parent / 'engine.sha256').read_text().strip()}.wasm"
    if not to.exists():
        CACHE.mkdir(exist_ok=True)
        part = to.with_suffix(f".{os.getpid()}")
        base = None
        if file.parent.name == "pandas":
            numpy = Path(unpacked(file.parents[1] / "numpy" / file.name)).read_bytes()
            base = zstandard.ZstdCompressionDict(numpy, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        with open(file, "rb") as packed, open(part, "wb") as out:
            zstandard.ZstdDecompressor(dict_data=base, max_window_size=1 << 27).copy_stream(packed, out)
        part.rename(to)
    return str(to)


def state(files, source):
    """A state (titan.state says what that is) of these files and one endpoint."""
    endpoint = {"method": "POST", "path": "/", "source": source, "flags": 0, "quiet": True}
    endpoint |= {"info": None, "sample": None}
    head = {
        **dict.fromkeys(("modules", "packages", "imports", "names", "environment"), {}),
        **dict.fromkeys(("package_files", "sources", "uses"), []),
        "folder": LIBRARY,
        "files": list(files),
        "endpoints": [endpoint],
    }
    # No variables, and no settings.
    stream = pickle.dumps(head, 4) + pickle.dumps({}, 4)
    parts = [stream, *files.values()]
    return b"\0" + b"".join(struct.pack("<Q", len(part)) + part for part in parts)


_machine = {}


def run_file(suite, folder, file):
    """In a worker process: (file, counts, seconds of CPU)."""
    if suite not in _machine:
        _machine.clear()
        _machine[suite] = Machine(suite, folder)
    start = time.process_time()
    return file, _machine[suite].run(file), time.process_time() - start


def run(suite, folder, files, workers):
    """Yields (file, counts, seconds) as files are done; all of the suite for none."""
    # The compiled engine is made before there are several to make it.
    names = files or Machine(suite, folder).names
    with ProcessPoolExecutor(min(workers, len(names)), mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run_file, suite, folder, name) for name in names]):
            yield done.result()


def show(file, counts, seconds, failures):
    """Prints a line of a file, and why tests failed."""
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in OUTCOMES)
    print(f"{file}  {told}  {seconds:.0f} s", flush=True)
    if failures:
        for test, why in counts["failures"].items():
            print(f"    {test.partition('::')[2] or test}: {' '.join(why.split())[:300]}", flush=True)


def check(folder, results, workers):
    """The complaints about files of which fewer tests pass than `results` say."""
    complaints = []
    for suite, files in results.items():
        for file, counts, seconds in run(suite, folder, [file for file in SUITES[suite]["ci"] if file in files], workers):
            show(file, counts, seconds, False)
            if counts["passed"] < files[file]["passed"]:
                complaints.append(f"{file}: {counts['passed']} passed, where {files[file]['passed']} did before")
                complaints += [f"    {test}: {' '.join(why.split())[:300]}" for test, why in counts["failures"].items()]
    return complaints


def record(folder, suites, workers):
    """Runs whole suites and writes down what came out."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for suite in suites:
        files = {}
        for file, counts, seconds in run(suite, folder, [], workers):
            show(file, counts, seconds, True)
            files[file] = {outcome: counts[outcome] for outcome in OUTCOMES}
        results[suite] = dict(sorted(files.items()))
        # One file a line, so that a change shows what changed.
        RESULTS.write_text(dump(results))
    README.write_text(with_tables(README.read_text(), results))


def dump(results):
    """The text of results.json."""
    suites = []
    for suite, files in results.items():
        lines = ",\n".join(f"    {json.dumps(file)}: {json.dumps(counts)}" for file, counts in files.items())
        suites.append(f"  {json.dumps(suite)}: {{\n{lines}\n  }}")
    return "{\n" + ",\n".join(suites) + "\n}\n"


def with_tables(text, results):
    """The README with the tables of `results` between its marks."""
    for suite, files in results.items():
        sums = {outcome: sum(counts[outcome] for counts in files.values()) for outcome in OUTCOMES}
        rows = ["| file | passed | failed | skipped |", "| --- | --- | --- | --- |"]
        for file, counts in {f"all {len(files)} files": sums, **files}.items():
            rows.append(f"| {file} | {' | '.join(str(counts[outcome]) for outcome in OUTCOMES)} |")
        begin, end = f"<!-- {suite} -->\n", f"<!-- end of {suite} -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n".join(rows) + "\n" + end + rest.split(end)[1]
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "check", "record"])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--engine", type=Path, default=HERE.parent / "prebuilt")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    asked = parser.parse_args()
    if asked.command == "run":
        for file, counts, seconds in run(asked.names[0], asked.engine, asked.names[1:], asked.workers):
            show(file, counts, seconds, True)
    elif asked.command == "record":
        record(asked.engine, asked.names or list(SUITES), asked.workers)
    else:
        results = json.loads(RESULTS.read_text())
        complaints = check(asked.engine, results, asked.workers)
        if README.read_text() != with_tables(README.read_text(), results):
            complaints.append("the tables of sdk/engine/README.md are not those of results.json: run suite.py record")
        if complaints:
            sys.exit("\n".join(complaints))


if __name__ == "__main__":
    main()
