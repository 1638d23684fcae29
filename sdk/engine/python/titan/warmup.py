"""Runs the endpoints before the heap is kept, so that a new instance finds caches filled and free lists stocked.

The notebook's variables must not notice: the endpoints run on a second copy of them, made from the same state and
dropped afterwards. Code objects are shared, so what the interpreter learned about them stays. Arrays are shared too,
but cannot be written.
"""

import gc
import os
import sys
import types
import warnings

from . import local
from .output import Output
from .state import Reader

ROUNDS = 3
"""Runs of every endpoint: the interpreter specialises code after the second."""
LARGEST = 8 << 20
"""Bytes of the largest stream that is read a second time: memory it took stays in the heap image."""
EMPTY = '{"body": "", "args": {}, "path": {}, "headers": {}}'


def run(endpoints, stream, arrays, sources):
    """Runs `endpoints` on a copy of the variables in `stream`, whose arrays are `arrays` in the order they were
    made."""
    if len(stream) > LARGEST:
        return
    main, modules, restore = sys.modules["__main__"], local.take(), _settings()
    made = iter(arrays)
    automatic = gc.isenabled()
    # Everything made here is then of the youngest generation. A full collection would empty the free lists.
    gc.disable()
    try:
        sys.stderr = Output()
        sys.modules["__main__"] = copy = types.ModuleType("__main__")
        _run(endpoints, Reader(stream, copy.__dict__, lambda *_: _locked(next(made)), sources), copy.__dict__)
        copy.__dict__.clear()
    finally:
        sys.stderr = sys.__stderr__
        sys.modules["__main__"] = main
        local.put(modules)
        restore()
        gc.collect(0)
        if automatic:
            gc.enable()


def _run(endpoints, reader, namespace):
    try:
        reader.fill()
    except Exception:
        # It was read once already, but a class of the notebook may have minded that arrays cannot be written.
        return
    for endpoint in endpoints:
        for _ in range(ROUNDS):
            namespace["REQUEST"] = EMPTY if endpoint.sample is None else endpoint.sample
            try:
                endpoint.run(namespace, Output())
                if endpoint.info is not None:
                    exec(endpoint.info, namespace)
            except BaseException:
                # The sample may not be what the endpoint expects. Its requests will tell.
                break
            finally:
                sys.stdout = sys.__stdout__


def _locked(array):
    view = array.view()
    view.flags.writeable = False
    return view


def _settings():
    """Returns a function that sets what endpoints may change outside their variables to what it is now."""
    environment, filters = dict(os.environ), warnings.filters[:]
    numpy = sys.modules["numpy"]
    printing, errors = numpy.get_printoptions(), numpy.geterr()

    def restore():
        os.environ.clear()
        os.environ.update(environment)
        warnings.filters[:] = filters
        numpy.set_printoptions(**printing)
        numpy.seterr(**errors)

    return restore
