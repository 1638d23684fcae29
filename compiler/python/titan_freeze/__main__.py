"""`python -m titan_freeze JOB`: see the package."""

import json
import os
import platform
import sys
import traceback
from pathlib import Path

from . import torch_calls
from .capture import Capture
from .errors import FreezeError
from .events import Events
from .files import Files
from .kernel import Kernel
from .modules import Modules
from .parity import record
from .state import write_state
from .state_choice import choose


def freeze(job, events):
    """Does the job."""
    out = Path(job["out"])
    torch_calls.watch()
    kernel = Kernel(events, out / "ipython")
    samples = kernel.run(job["cells"], job["endpoints"])
    events.send("stage", stage="capture")
    modules = Modules(json.loads(Path(job["engines_file"]).read_text()), Path(job["notebook"]).parent)
    capture = Capture(kernel, modules, job["endpoints"])
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
    events.send("stage", stage="answers")
    record(kernel, capture, samples, events, job["answer_seconds"], job["memory"])


def main():
    events = Events()
    try:
        freeze(json.loads(Path(sys.argv[1]).read_text()), events)
        events.send("done")
        status = 0
    except FreezeError as error:
        events.send("error", message=str(error), detail=error.detail)
        status = 1
    except BaseException as error:
        message = f"the notebook cannot be frozen ({type(error).__name__}: {error}): report this with the notebook"
        events.send("error", message=" ".join(message.split()), detail=traceback.format_exc())
        status = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # The notebook may have closed or replaced it.
            pass
    # Threads and exit handlers the notebook left behind have nothing more to do.
    os._exit(status)


main()
