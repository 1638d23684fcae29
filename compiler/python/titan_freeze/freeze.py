"""The freeze, step by step: runs the notebook, finds what its endpoints need, and writes that."""

import json
import platform
from pathlib import Path

from . import torch_calls, unseeded
from .capture import Capture
from .files import Files
from .kernel import Kernel
from .modules import Modules
from .state import write_state
from .state_choice import choose


def freeze(job, events):
    """Does the job, but for the answers: (kernel, capture, samples), which they are computed with. Raises FreezeError
    for what cannot travel."""
    out = Path(job["out"])
    torch_calls.watch()
    unseeded.watch()
    kernel = Kernel(events, out / "ipython")
    samples = kernel.run(job["cells"], job["endpoints"])
    events.send("stage", stage="capture")
    modules = Modules(json.loads(Path(job["engines_file"]).read_text()), Path(job["notebook"]).parent)
    capture = Capture(kernel, modules, job["endpoints"], job["verify"])
    capture.search()
    events.send("stage", stage="models")
    models = capture.convert_models(out)
    events.send("stage", stage="state")
    files = Files(Path(job["notebook"]).parent, job["files"], job["memory"])
    files.add_package_data(modules)
    captured = write_state(out / "state", capture, samples, files)
    output = {
        "python": platform.python_version(),
        "engine": modules.engine(),
        "state": choose(kernel.names, capture, {e["name"]: e["cell_indexes"] for e in job["endpoints"]}),
        "captured": captured,
        "models": models,
        "samples": samples,
    }
    (out / "frozen.json").write_text(json.dumps(output))
    events.send("frozen")
    return kernel, capture, samples
