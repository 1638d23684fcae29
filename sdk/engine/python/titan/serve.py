"""The life of a service in the engine: `boot`, `thaw` a frozen state, `warm` up, and `call` an endpoint for every
request."""

import builtins
import importlib
import json
import os
import sys
import traceback

from . import display, files, hashes, local, renew, settings, state, uses, warmup
from .endpoint import Endpoint
from .output import Output

_TEXT = [("Content-Type", "text/plain; charset=utf-8")]
_JSON = [("Content-Type", "application/json")]

# The notebook's variables: the handlers' globals, kept from one request to the next.
_namespace = sys.modules["__main__"].__dict__
_endpoints = []
# What `warm` needs; None if there is nothing to warm up.
_cold = None


def boot():
    """Readies what is the same for every service: what is imported here is in the engine's first heap image."""
    # As in the kernel; numpy, for one, keeps a copy. What C code takes for a size is less.
    sys.maxsize = 2**63 - 1
    import numpy.random  # nearly every notebook needs numpy

    hashes.install()
    json.loads = _lenient(json.loads)
    json.dumps = _prepared(json.dumps)
    builtins.display = display.display
    builtins.input = _no_input


def _lenient(loads):
    """`json.loads` that returns a dict or list as it is: a body that was JSON already is one in REQUEST."""
    scan = json.JSONDecoder().scan_once

    def lenient(s, **options):
        if type(s) is str and not options:
            # Text without white space around its value, which is nearly all, needs no more than this.
            try:
                value, end = scan(s, 0)
                if end == len(s):
                    return value
            except (StopIteration, ValueError):
                pass
        elif isinstance(s, (dict, list)):
            return s
        return loads(s, **options)

    lenient.__name__ = lenient.__qualname__ = "loads"
    lenient.__module__, lenient.__doc__ = "json", loads.__doc__
    return lenient


def _prepared(dumps):
    """`json.dumps` that does not make its encoder anew whenever it is called without options."""
    plain = json.JSONEncoder()
    separators = plain.key_separator, plain.item_separator
    string = json.encoder.encode_basestring_ascii
    # Without the record of what it is in, which finds circles: those end in a RecursionError.
    encode = json.encoder.c_make_encoder(None, plain.default, string, None, *separators, False, False, True)

    def prepared(obj, **options):
        if not options:
            try:
                return "".join(encode(obj, 0))
            except Exception:
                # The error that is expected comes from below.
                pass
        return dumps(obj, **options)

    prepared.__name__ = prepared.__qualname__ = "dumps"
    prepared.__module__, prepared.__doc__ = "json", dumps.__doc__
    return prepared


def _no_input(prompt=None, /):
    raise EOFError("a request has no standard input: what was sent is in REQUEST")


def thaw(frozen):
    """Loads the bytes of a state, so that `call` can answer."""
    global _cold
    warm, stream, memory = state.split(frozen)
    arrays = []

    def array(index, dtype, shape, order):
        arrays.append(state.array(memory[index], dtype, shape, order))
        return arrays[-1]

    reader = state.Reader(stream, _namespace, array)
    head = reader.head
    names = head["files"] + head["package_files"]
    files.install(head["folder"], head["files"], head["package_files"], memory[len(memory) - len(names) :])
    local.install(head["modules"], head["packages"])
    for name, what in head["imports"].items():
        try:
            importlib.import_module(name)
        except Exception as error:
            # Otherwise the statement copes when it is reached.
            if what is not None:
                raise state.StateError(
                    f"{what} {name}, which fails in the engine ({state.told(error)}): use what it has, or compute the "
                    "result in a cell before and keep it in a variable"
                ) from error
    settings.put(reader.fill())
    os.environ.update(head["environment"])
    uses.check(head["uses"], _namespace)
    _endpoints[:] = map(Endpoint, head["endpoints"])
    _cold = (stream, arrays, reader.sources) if warm else None


def warm():
    """Runs the endpoints if the state asks for it, without effect on the notebook's variables."""
    global _cold
    if _cold is not None:
        warmup.run(_endpoints, *_cold)
    _cold = None


def call(number, request):
    """Answers `request`, the text of REQUEST, by the endpoint of that number: (status, headers, body), or the
    exception as (last line, traceback)."""
    if renew.due:
        renew.start()
    endpoint = _endpoints[number]
    _namespace["REQUEST"] = request
    try:
        body, is_bundle = endpoint.run(_namespace, Output())
        headers = _JSON if is_bundle else _TEXT
        if endpoint.info is not None:
            return _with_info(endpoint, headers, body)
        return 200, headers, body
    except BaseException as error:
        return _failure(error)
    finally:
        sys.stdout = sys.__stdout__


def _with_info(endpoint, headers, body):
    """The response with status and headers as the endpoint's ResponseInfo cell prints them."""
    sys.stdout = output = Output()
    exec(endpoint.info, _namespace)
    printed = output.getvalue()
    if not printed:
        return 200, headers, body
    try:
        info = json.loads(printed)
        status = int(info.get("status", 200))
        own = [(str(name), str(value)) for name, value in info.get("headers", {}).items()]
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the cell '# ResponseInfo {endpoint.label}' must print a JSON object with 'headers' (an object) and "
            f"'status' (a number): it printed {printed[:100]!r}"
        ) from error
    if not 200 <= status <= 599:
        raise ValueError(f"the cell '# ResponseInfo {endpoint.label}' gives {status}, which is no status of a response")
    if any(name.lower() == "content-type" for name, _ in own):
        headers = []
    return status, headers + own, body


def _failure(error):
    """(last line, traceback) as the notebook's author knows them, without the frames that led to the cell."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("titan."):
        trace = trace.tb_next
    advice = files.explain(error)
    text = "".join(traceback.format_exception(type(error), error, trace or error.__traceback__))
    try:
        message = str(error)
    except Exception:
        message = ""
    name = type(error).__qualname__
    line = f"{name}: {message}".splitlines()[0] if message else name
    if advice is not None:
        line += f" ({advice})"
    return line, text
