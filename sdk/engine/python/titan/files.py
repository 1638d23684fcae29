"""Files that travel with the version, in the engine's read-only file system."""

import errno

from .local import SITE

_LIST = "list it under 'files:' in the config cell, relative to the notebook's folder: no other files travel"
_KEEP = "a version has no disk to write to: keep data in a variable, or in io.StringIO or io.BytesIO"


def install(folder, names, package_names, contents):
    """Adds the files `names` of the notebook's `folder`, which becomes the working folder, then data of packages.
    `contents` are of the ones and then the others."""
    if not names and not package_names:
        return
    import _titan  # the kernel, where endpoints run too, does not have it

    paths = [f"{folder.rstrip('/')}/{name}" for name in names] + [SITE + name for name in package_names]
    for path, content in zip(paths, contents):
        _titan.add_file(path, bytes(content))
    if names:
        import os

        os.chdir(folder)


def explain(error):
    """Adds what to do about it to an exception of the file system, and to those it comes from; returns what was added
    to itself, or None."""
    advice, seen = _advice(error), set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if (note := _advice(error)) and note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        error = error.__cause__ or error.__context__
    return advice


def _advice(error):
    if isinstance(error, FileNotFoundError):
        return _LIST
    return _KEEP if isinstance(error, OSError) and error.errno == errno.EROFS else None
