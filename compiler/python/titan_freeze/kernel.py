"""Runs the notebook's cells as a Jupyter kernel does."""

import __future__
import base64
import json
import os
import sys
import traceback

from IPython.core.compilerop import CachingCompiler
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from .errors import FreezeError, one_line


class _Compiler(CachingCompiler):
    """Names code after the cell it is in, so that tracebacks do, here and in the engine."""

    cell = 0

    def __init__(self):
        super().__init__()
        self._texts = {}

    def get_code_name(self, raw_code, transformed_code, number):
        name, part = f"<cell {self.cell}>", 1
        # A cell may run other code, by `get_ipython().run_cell` or a magic.
        while self._texts.setdefault(name, transformed_code) != transformed_code:
            part += 1
            name = f"<cell {self.cell}, part {part}>"
        return name


class _Shell(InteractiveShell):
    """An IPython without a terminal or a frontend. Errors are told by the one who runs cells, once."""

    compiler_class = Type(_Compiler)

    def enable_gui(self, gui=None):
        """Plots are drawn to no window."""

    # What was raised last while a value was shown.
    format_error = None

    def showtraceback(self, exc_tuple=None, **options):
        if exc_tuple is not None:
            self.format_error = exc_tuple[1]

    def showsyntaxerror(self, *arguments, **options):
        pass

    def ask_exit(self):
        raise SystemExit("the cell calls exit")


class Kernel:
    """A notebook's kernel. `names` is its namespace; `magic_bodies` are (label, text) of the code within cells that a
    magic runs, as `%%time` does: such code has no name of its own."""

    def __init__(self, events, folder):
        # The user's history and start-up files are not the notebook's.
        os.environ["IPYTHONDIR"] = str(folder)
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "NoColor"
        config.InteractiveShell.xmode = "Plain"
        self._shell = _Shell.instance(config=config, ipython_dir=str(folder))
        self._events = events
        self.magic_bodies = []
        self._own, self._environment = dict(self._shell.user_ns), dict(os.environ)
        # As in a kernel, the program's arguments are none of the notebook's.
        del sys.argv[1:]

    @property
    def names(self):
        return self._shell.user_ns

    def environment(self):
        """{name: value} of the variables of the environment that the notebook has set."""
        return {name: value for name, value in os.environ.items() if self._environment.get(name) != value}

    def is_own(self, name):
        """Whether the variable is there in every kernel and not the notebook's."""
        missing = object()
        if name in ("In", "Out", "_", "__", "___", "_ih", "_oh", "_dh", "exit", "quit", "get_ipython"):
            return True
        return self.names[name] is self._own.get(name, missing)

    def transform(self, source):
        """The Python code of a cell, which may hold magics."""
        return self._shell.transform_cell(source)

    @property
    def flags(self):
        """The flags of `compile` for what follows the cells: their `from __future__ import`."""
        return self._shell.compile.flags & __future__.annotations.compiler_flag

    def is_quiet(self, source):
        """Whether a cell ends in a semicolon, which hides the value of its last expression."""
        return self._shell.displayhook.semicolon_at_end_of_expression(source)

    def hide_displays(self):
        """From now on `display` has no effect, as it has none on a response."""
        self._shell.display_pub.publish = lambda *arguments, **options: None

    def bundle(self, value):
        """The MIME bundle by which a notebook shows `value`, as JSON bytes; None for an object that has shown itself."""
        self._shell.format_error = None
        forms, _ = self._shell.display_formatter.format(value)
        if self._shell.format_error is not None:
            raise self._shell.format_error
        if not forms:
            return None
        for mime, form in forms.items():
            if isinstance(form, bytes):
                forms[mime] = base64.b64encode(form).decode()
        return json.dumps(forms, default=repr).encode("utf-8", "backslashreplace")

    def run(self, cells, endpoints):
        """Runs every cell: {export name of an endpoint: REQUEST as its first cell is reached}."""
        samples = {}
        for position, cell in enumerate(cells, 1):
            for endpoint in endpoints:
                if endpoint["after_cell"] < cell["index"] and endpoint["name"] not in samples:
                    samples[endpoint["name"]] = self._request()
            self._events.send("cell", index=cell["index"], position=position, of=len(cells))
            self._run_cell(cell["index"], cell["source"])
        for endpoint in endpoints:
            samples.setdefault(endpoint["name"], self._request())
        return samples

    def _request(self):
        """A notebook's mock REQUEST is text, as the real one, or by mistake what that text would be parsed to."""
        request = self.names.get("REQUEST")
        if isinstance(request, dict):
            try:
                request = json.dumps(request)
            except (TypeError, ValueError):
                return None
        return request if isinstance(request, str) else None

    def _run_cell(self, index, source):
        self._shell.compile.cell = index
        if source.lstrip().startswith("%%"):
            magic, _, body = source.lstrip().partition("\n")
            self.magic_bodies.append((f"<cell {index}, below {magic.split()[0]}>", self.transform(body)))
        result = self._shell.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            raise _cell_error(index, source, error)


def _cell_error(index, source, error):
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<cell "):
        trace = trace.tb_next
    summary = traceback.TracebackException(type(error), error, trace)
    kind = type(error).__name__
    what = f"{kind}: {summary}" if str(summary) else kind
    if isinstance(error, SyntaxError):
        line, what = error.text or "", f"{kind}: {error.msg}"
    else:
        # The line as it was written: magics are translated line by line.
        lines, number = source.splitlines(), summary.stack[0].lineno if summary.stack else 0
        line = lines[number - 1] if 0 < number <= len(lines) else ""
    at = f" at {line.strip()!r}" if line.strip() else ""
    message = f"cell {index}: {one_line(what)}{at}; correct the cell and deploy again"
    return FreezeError(message, "".join(summary.format()))
