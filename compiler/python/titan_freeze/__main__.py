"""`python -m titan_freeze JOB`: see the package."""

import json
import os
import sys
import traceback
from pathlib import Path

from .errors import FreezeError
from .events import Events
from .freeze import freeze
from .parity import record


def main():
    events = Events()
    try:
        job = json.loads(Path(sys.argv[1]).read_text())
        kernel, capture, samples = freeze(job, events)
        events.send("stage", stage="answers")
        record(kernel, capture, samples, events, job["answer_seconds"], job["memory"])
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
