"""The models of the comparison: their notebooks, compiled by titan, and the ONNX files in the bundles, which the
others serve."""

import io
import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from process import Failure, environment

NOTEBOOKS = Path(__file__).parent / "notebooks"


@dataclass(frozen=True)
class Model:
    """A notebook, and the function of `notebooks/inputs.py` that its endpoint calls."""

    name: str
    label: str
    function: str

    @property
    def notebook(self):
        """The notebook's file."""
        return NOTEBOOKS / f"{self.name}.ipynb"

    def body(self):
        """The request's body, which is that of the notebook's own sample."""
        names = {"json": json}
        for cell in json.loads(self.notebook.read_text())["cells"]:
            source = "".join(cell["source"])
            if source.startswith("REQUEST ="):
                exec(source, names)
        return json.loads(names["REQUEST"])["body"]


MODELS = {
    model.name: model
    for model in [
        Model("house", "10-32-32-1", "house"),
        Model("large", "10-1000x4-1", "house"),
        Model("digits", "CNN on 28x28", "picture"),
        Model("reviews", "LSTM on 40 words", "review"),
    ]
}


@dataclass(frozen=True)
class Prepared:
    """Files of a model."""

    model: Model
    onnx: Path
    body: Path
    # By state: `reuse` and `fresh`.
    bundles: dict


def prepare(model, titan, folder):
    """Compiles the notebook with either state, unless this titan has done so, and takes the ONNX file out of it."""
    folder = folder / "models" / model.name
    bundles = {}
    for state in ("reuse", "fresh"):
        place = folder / state
        place.mkdir(parents=True, exist_ok=True)
        bundles[state] = place / f"{model.name}.titan"
        source = model.notebook.read_text()
        assert "state: reuse" in source, f"{model.notebook} has no 'state: reuse' to replace"
        notebook = place / model.notebook.name
        notebook.write_text(source.replace("state: reuse", f"state: {state}"))
        shutil.copy(NOTEBOOKS / "inputs.py", place)
        newest = max(file.stat().st_mtime for file in (titan, model.notebook, NOTEBOOKS / "inputs.py"))
        if not bundles[state].exists() or bundles[state].stat().st_mtime < newest:
            print(f"compiling {model.name} ({state})", flush=True)
            done = subprocess.run(
                [titan, "compile", notebook, "-o", bundles[state]], env=environment(), capture_output=True, text=True
            )
            if done.returncode:
                raise Failure(f"titan compile {notebook} failed: {done.stderr.strip() or done.stdout.strip()}")
    onnx, body = folder / "model.onnx", folder / "body.json"
    (name,) = (name for name in entries(bundles["reuse"]) if name.endswith(".onnx"))
    onnx.write_bytes(entries(bundles["reuse"])[name])
    body.write_text(json.dumps(model.body()))
    return Prepared(model, onnx, body, bundles)


def entries(bundle):
    """The files in a bundle by name, in order."""
    unpacked = subprocess.run(["zstd", "-dc", bundle], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}
