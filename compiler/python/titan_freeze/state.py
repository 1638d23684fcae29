"""Writes a frozen state. What its bytes mean: `titan.state` of the engine, which reads it."""

import io
import pickle
import struct
import types
import zlib

from .errors import type_name
from .pickler import Pickler
from .stand_ins import Present


class _Numbers:
    """What the pickler is told of while the state is written."""

    def __init__(self, capture):
        self._capture = capture
        self.cells, self.arrays, self.memory = {}, [], 0
        self.shown = capture.shown

    def function(self, function, place):
        pass

    def cell(self, cell):
        return self.cells.setdefault(cell, len(self.cells))

    def model(self, model):
        return self._capture.specs[id(model)]

    def generator(self, generator):
        pass

    def array(self, array):
        self.arrays.append(array)
        self.memory += array.nbytes
        return len(self.arrays) - 1

    def base(self, array):
        return self._capture.travelling_base(array)


def write_state(file, capture, samples, files):
    """Writes the state: [{name, type, bytes, endpoint}] of the variables in it, without modules."""
    numbers, stream, captured = _Numbers(capture), io.BytesIO(), []
    pickler = Pickler(stream, numbers, capture.modules, capture.sources)
    variables = capture.in_order()
    with Present():
        for variable in variables:
            before = stream.tell() + numbers.memory
            capture.pickle(pickler, variable)
            size = stream.tell() + numbers.memory - before
            if not isinstance(variable.value, types.ModuleType):
                kind, endpoint = type_name(variable.value), variable.endpoint.export
                captured.append({"name": variable.name, "type": kind, "bytes": size, "endpoint": endpoint})
        capture.pickle(pickler, capture.settings)
    head = pickle.dumps(_head(capture, list(numbers.cells), variables, samples, files), protocol=5)
    with open(file, "wb") as output:
        output.write(struct.pack("<Q", len(head) + stream.tell()))
        output.write(head)
        output.write(stream.getbuffer())
        for array in numbers.arrays:
            output.write(struct.pack("<Q", array.nbytes))
            output.write(_memory(array))
        for content in files.contents():
            output.write(struct.pack("<Q", len(content)))
            output.write(content)
    return captured


def _head(capture, cells, variables, samples, files):
    return {
        "modules": {name: _compressed(*module) for name, module in capture.modules.local.items()},
        "packages": {name: _compressed(*module) for name, module in capture.modules.packages.items()},
        "folder": str(files.folder) if files.own else None,
        "files": list(files.own),
        "package_files": list(files.of_packages),
        "imports": capture.imports,
        "sources": cells,
        "endpoints": [endpoint.head(samples[endpoint.export]) for endpoint in capture.endpoints],
        "names": {variable.name: variable.user for variable in variables},
        "uses": [(user, name, attributes) for (name, attributes), user in capture.uses.looked_at.items()],
        "environment": _environment(capture, cells),
    }


def _environment(capture, cells):
    """The variables of the environment that the notebook has set and its code names."""
    texts = [text for endpoint in capture.endpoints for text in (endpoint.source, endpoint.info) if text]
    texts += [text for _, text, _ in cells] + [source for _, _, source in capture.modules.local.values()]
    return {name: value for name, value in capture.environment.items() if any(name in text for text in texts)}


def _compressed(is_package, file, source):
    return is_package, file, zlib.compress(source.encode())


def _memory(array):
    """The elements of the array in the order the pickler noted."""
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    flat = array.ravel(order)
    return flat.view("u1") if flat.size and flat.dtype.itemsize else flat.tobytes()
