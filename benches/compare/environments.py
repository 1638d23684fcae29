"""Python environments of the servers, each with the packages that a file in
`environments/` pins, made when they are first needed."""

import shutil
import subprocess
import sys
from pathlib import Path

from process import Failure

PINS = Path(__file__).parent / "environments"
# What of each environment the results name.
NAMED = {
    "fastapi": ("fastapi", "uvicorn", "uvloop", "httptools", "onnxruntime", "numpy"),
    "bentoml": ("bentoml", "onnxruntime", "numpy"),
    "kernel-gateway": ("jupyter-kernel-gateway", "tensorflow-cpu", "keras", "ipykernel"),
}


def make(places, name):
    """Makes the environment, unless it is there with the packages that are pinned now."""
    pins = PINS / f"{name}.txt"
    python = places.python(name)
    folder = python.parent.parent
    # Written last, so that what was interrupted is made again.
    made = folder / "made-from.txt"
    if made.exists() and made.read_bytes() == pins.read_bytes():
        return
    print(f"making the environment {name}", flush=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", folder],
        [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", pins],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise Failure(f"the environment {name} cannot be made: {' '.join(said)}")
    shutil.copy(pins, made)


def packages(places, names):
    """The versions of what the results name."""
    found = {}
    for name in names:
        if name in NAMED:
            listed = f"', '.join(f'{{name}} {{version(name)}}' for name in {NAMED[name]!r})"
            code = f"from importlib.metadata import version; print({listed})"
            done = subprocess.run([places.python(name), "-c", code], check=True, capture_output=True, text=True)
            found[name] = done.stdout.strip()
    return found
