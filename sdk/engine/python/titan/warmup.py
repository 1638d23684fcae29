"""Runs the endpoints before the heap is kept, so that a new instance finds caches filled.

The notebook's variables must not notice: the endpoints run on a second copy of them, made from the same state and
dropped afterwards. Code objects are shared, so what the interpreter learned about them stays. Arrays are shared too,
but cannot be written.
"""

import gc
import os
import sys
import time
import types
import warnings

from . import local, renew, settings
from .output import Output
from .state import Reader

ROUNDS = 3
"""Runs of every endpoint: the interpreter specialises code after the second."""
LONG = 500
"""Milliseconds after which a run is not repeated: what takes that long gains nothing by it."""
LARGEST = 8 << 20
"""Bytes of the largest stream that is read a second time: memory it took stays in the heap image."""
EMPTY = '{"body": "", "args": {}, "path": {}, "headers": {}}'


def run(endpoints, stream, arrays, sources):
    """Runs `endpoints` on a copy of the variables in `stream`, whose arrays are `arrays` in the order they were
    made."""
    if len(stream) > LARGEST:
        return
    main, modules, restore = sys.modules["__main__"], local.take(), _settings()
    made, generators = iter(arrays), renew.generators[:]
    automatic = gc.isenabled()
    # Everything made here is then of the youngest generation, and collecting that is quick.
    gc.disable()
    try:
        sys.stderr = Output()
        # Nothing is warmer for having waited.
        time.sleep = _checked_sleep
        sys.modules["__main__"] = copy = types.ModuleType("__main__")
        _run(endpoints, Reader(stream, copy.__dict__, lambda *_: _locked(next(made)), sources), copy.__dict__)
        copy.__dict__.clear()
    finally:
        renew.generators[:] = generators
        sys.stderr = sys.__stderr__
        sys.modules["__main__"] = main
        local.put(modules)
        restore()
        gc.collect(0)
        if automatic:
            gc.enable()


def _run(endpoints, reader, namespace):
    # Not above: the notebook's own kernel has this package too, but not what is built into the engine.
    import _titan

    try:
        reader.fill()
    except Exception:
        # It was read once already, but a class of the notebook may have minded that arrays cannot be written.
        return
    for endpoint in endpoints:
        for _ in range(ROUNDS):
            namespace["REQUEST"] = EMPTY if endpoint.sample is None else endpoint.sample
            _titan.lap(None)
            try:
                endpoint.run(namespace, Output())
                if endpoint.info is not None:
                    exec(endpoint.info, namespace)
            except BaseException:
                # The sample may not be what the endpoint expects. Its requests will tell.
                break
            finally:
                sys.stdout = sys.__stdout__
            if _titan.lap(LONG):
                break


def _checked_sleep(seconds, /):
    """`time.sleep` without the wait."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")


def _locked(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _settings():
    """Returns a function that sets what endpoints may change outside their variables to what it is now."""
    environment, filters, taken, sleep = dict(os.environ), warnings.filters[:], settings.take(), time.sleep

    def restore():
        os.environ.clear()
        os.environ.update(environment)
        warnings.filters[:] = filters
        settings.put(taken)
        time.sleep = sleep

    return restore
