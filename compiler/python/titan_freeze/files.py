"""Files that travel: those that the config cell lists, and data files of travelling packages."""

import glob
import importlib.metadata
import re
from pathlib import Path

from .errors import FreezeError

# What code mentions that reads files of its package, or what its package's metadata say.
_READS = re.compile(r"__file__|__path__|resources|get_data|getsourcefile|getfile\(|resource_(filename|string|stream)")
_ASKS = re.compile(r"importlib[._]metadata|importlib import metadata|pkg_resources")
_CODE = {".py", ".pyc", ".pyi", ".pyx", ".pxd", ".so", ".pyd", ".c", ".cpp", ".h", ".typed"}
_ASIDE = {"tests", "test", "__pycache__"}


class Files:
    """The files that travel, {name: path}: `own` are the notebook's, by their names relative to its `folder`, and
    `of_packages` data, by their names relative to where packages are."""

    def __init__(self, folder, patterns, memory):
        self.folder = folder
        self.own, self.of_packages = {}, {}
        for pattern in patterns:
            self._add(pattern)
        size = sum(path.stat().st_size for path in self.own.values())
        if size > memory:
            raise FreezeError(
                f"the files listed in the config cell take {size} bytes, more than the version's memory of {memory} "
                "bytes: list fewer, or raise 'memory'"
            )

    def _add(self, pattern):
        # A name that holds an asterisk is still a name.
        names = (
            [pattern] if (self.folder / pattern).exists() else glob.glob(pattern, root_dir=self.folder, recursive=True)
        )
        found = {}
        for name in sorted(names):
            path = self.folder / name
            inside = sorted(path.rglob("*")) if path.is_dir() else [path]
            found.update((file.relative_to(self.folder).as_posix(), file) for file in inside if file.is_file())
        if not found:
            what = "is an empty folder" if names else "is no file"
            raise FreezeError(
                f"'{pattern}' under 'files:' in the config cell {what} in {self.folder}: correct it, or make "
                "the file in a cell"
            )
        for name, path in found.items():
            if not path.resolve().is_relative_to(self.folder.resolve()):
                raise FreezeError(
                    f"'{name}' under 'files:' in the config cell lies outside the notebook's folder, at "
                    f"{path.resolve()}: copy it into the folder"
                )
        self.own.update(found)

    def add_package_data(self, modules):
        """Adds what packages among `modules` read from their own folders."""
        sources = {}
        for name, (_, _, source) in modules.packages.items():
            sources.setdefault(name.partition(".")[0], []).append(source)
        for package, texts in sources.items():
            if any(map(_READS.search, texts)):
                for folder in map(Path, modules.folders(package)):
                    self._add_data(folder)
        if any(_ASKS.search(text) for texts in sources.values() for text in texts):
            self._add_metadata(sources)

    def _add_data(self, folder):
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder.parent)
            if path.is_file() and path.suffix not in _CODE and _ASIDE.isdisjoint(name.parts):
                self.of_packages[name.as_posix()] = path

    def _add_metadata(self, packages):
        by_package = importlib.metadata.packages_distributions()
        for name in dict.fromkeys(name for package in packages for name in by_package.get(package, ())):
            for file in importlib.metadata.distribution(name).files or ():
                if file.name in ("METADATA", "entry_points.txt") and file.parent.suffix == ".dist-info":
                    self.of_packages[file.as_posix()] = Path(file.locate())

    def contents(self):
        """Yields the bytes of each file: of `own`, and then of `of_packages`."""
        for path in [*self.own.values(), *self.of_packages.values()]:
            try:
                yield path.read_bytes()
            except OSError as error:
                raise FreezeError(
                    f"{path} cannot be read ({error.strerror}), and is to travel: make it readable"
                ) from error
