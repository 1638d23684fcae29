"""Reads a frozen state: the one place that says what its bytes mean. `titan_freeze.state` writes them.

A state is

    flags    1 byte, put in front by the compiler: 1 to run the endpoints while the heap image is made, 2 for code to learn
             nothing more in the instances made of it (read in src/reactor.c)
    length   8 bytes, little-endian: of the stream
    stream   pickles, one after the other
    arrays   the memory of numpy arrays and then the contents of files, each 8 bytes of length (little-endian) and its
             bytes

The first pickle of the stream is plain data, a dict:

    modules    {name: (is_package, file, source)}: Python files that lie beside the notebook, sources compressed by zlib
    packages   the same of the image's packages
    folder     the absolute path of the notebook's folder if files of it travel
    files      names of files in it that travel
    package_files  names of data files of packages, relative to where packages are
    imports    {name: what}: modules that endpoints import; `what` says who, as in `GET /x imports`, or is None for an
               import that need not succeed
    sources    [(label, text, flags)]: cells that functions come from; flags are those of `compile`
    endpoints  [{method, path, source, flags, quiet, info, sample}]: `info` is the source of the ResponseInfo cell or
               None, `quiet` says that the value of the last expression is not shown, `sample` is a REQUEST or None
    names      {name: who}: the variables in order, and who reads each, as in `GET /x (in function f)`
    uses       [(who, name, attributes)]: what code asks of variables and modules; see `titan.uses`
    environment  {name: value} of variables of the environment that the notebook has set

One pickle for every variable follows, in the order of `names`, and one of what `titan.settings` takes, all read by one
unpickler, so that an object that several variables hold stays one object. What pickle cannot carry by itself is built by functions of `titan.rebuild`:
a reference to `titan.rebuild.NAME` in the stream is the method NAME of `rebuild.Builder`.
"""

import pickle
import struct
from io import BytesIO

from . import files
from .rebuild import Builder, Sources

_LENGTH = struct.Struct("<Q")


class StateError(Exception):
    """A state that this engine cannot answer from: what is wrong, and what to do, in one line."""


def split(state):
    """(warm, stream, arrays) of the bytes `state`; arrays are views of it."""
    view = memoryview(state)
    (length,) = _LENGTH.unpack_from(view, 1)
    at = 1 + _LENGTH.size
    stream = bytes(view[at : at + length])
    at += length
    arrays = []
    while at < len(view):
        (length,) = _LENGTH.unpack_from(view, at)
        at += _LENGTH.size
        arrays.append(view[at : at + length])
        at += length
    return view[0] & 1 != 0, stream, arrays


class Reader(pickle.Unpickler):
    """Reads a stream into `namespace`. `array(index, dtype, shape, order)` makes the numpy arrays. `sources` are
    those of an earlier reader of the same stream, whose code objects are then used again."""

    def __init__(self, stream, namespace, array, sources=None):
        file = BytesIO(stream)
        self.head = pickle.load(file)
        super().__init__(file)
        self.sources = sources or Sources(self.head["sources"])
        self._namespace = namespace
        self._builder = Builder(self.sources, namespace, array)

    def find_class(self, module, name):
        if module == "titan.rebuild":
            return getattr(self._builder, name)
        return super().find_class(module, name)

    def fill(self):
        """Puts every variable into the namespace; returns the settings."""
        for name, user in self.head["names"].items():
            try:
                self._namespace[name] = self.load()
            except Exception as error:
                raise StateError(
                    f"variable {name}, which {user} uses, cannot be built in the engine ({told(error)}): keep what the "
                    "endpoint needs of it as numbers, text, lists, dicts or numpy arrays"
                ) from error
        return self.load()


def told(error):
    """The exception in one line, with the place in a file that travels where it was raised."""
    where, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(("<", "/lib/python3.13/")) or "/site-packages/" in file:
            where = f" ({file.rpartition('/site-packages/')[2]}, line {trace.tb_lineno})"
        trace = trace.tb_next
    advice = files.explain(error)
    where += f": {advice}" if advice else ""
    return " ".join(f"{type(error).__name__}: {error}{where}".split())


def array(memory, dtype, shape, order):
    """A numpy array that owns a copy of `memory`."""
    import numpy

    return numpy.frombuffer(memory, dtype).reshape(shape, order=order).copy(order)
