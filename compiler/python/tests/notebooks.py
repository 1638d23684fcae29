"""Freezes notebooks of a few cells in this process, as far as what is written for the engine."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile

from .engine import ROOT

from titan_freeze import kernel
from titan_freeze.errors import FreezeError
from titan_freeze.freeze import freeze

_PREBUILT = ROOT / "sdk/engine/prebuilt"
ENGINES = [{"name": n, "modules": (_PREBUILT / n / "modules.txt").read_text().split()} for n in ("numpy", "pandas")]


class _Unheard:
    def send(self, event, **fields):
        """Nobody waits for it."""


@contextlib.contextmanager
def _elsewhere(folder):
    """In the folder, and with this process's own modules put back."""
    main, working = sys.modules["__main__"], os.getcwd()
    os.chdir(folder)
    sys.path.insert(0, folder)
    # A kernel is the only one of its process.
    kernel._Shell.clear_instance()
    try:
        yield
    finally:
        sys.path.remove(folder)
        os.chdir(working)
        sys.modules["__main__"] = main


def refusal(cells, endpoint, files=(), beside=None, memory=512 << 20):
    """The error that freezing the notebook ends in: cells, and one that is the endpoint. `beside` is {name: text} of
    files beside it. None if it freezes."""
    with tempfile.TemporaryDirectory() as folder, _elsewhere(folder):
        for name, text in (beside or {}).items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        out = pathlib.Path(folder, ".out")
        out.mkdir()
        engines = out / "engines.json"
        engines.write_text(json.dumps(ENGINES))
        method, path = endpoint.splitlines()[0].removeprefix("# ").split()
        job = {
            "notebook": f"{folder}/demo.ipynb",
            "cells": [{"index": index, "source": source} for index, source in enumerate(cells, 1)],
            "endpoints": [
                {
                    "name": "x",
                    "method": method,
                    "path": path,
                    "source": endpoint,
                    "response_info": None,
                    "after_cell": len(cells),
                    "cell_indexes": [len(cells) + 1],
                }
            ],
            "engines_file": str(engines),
            "files": files,
            "out": str(out),
            "memory": memory,
            "verify": True,
        }
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                freeze(job, _Unheard())
        except FreezeError as error:
            return str(error)
        return None
