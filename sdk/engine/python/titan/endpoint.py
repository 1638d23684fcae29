"""An endpoint cell, compiled, and how it is run."""

import ast
import sys

from . import display, rebuild

CO_COROUTINE = 0x80


class Endpoint:
    """Runs an endpoint's cell: statements, and the expression whose value answers if nothing is printed."""

    __slots__ = "info", "sample", "label", "_body", "_value", "_shown", "_awaits"

    def __init__(self, head):
        self.label = f"{head['method']} {head['path']}"
        self.sample = head["sample"]
        self.info = head["info"] and rebuild.compile_cell(f"<ResponseInfo {self.label}>", head["info"], head["flags"])
        label, text, flags = f"<{self.label}>", head["source"], head["flags"]
        tree = ast.parse(text, label)
        self._shown = not head["quiet"]
        self._body = self._value = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)
            self._value = rebuild.compile_cell(label, text, flags, "eval", last)
        if tree.body:
            self._body = rebuild.compile_cell(label, text, flags, "exec", tree)
        codes = [code for code in (self._body, self._value) if code is not None]
        self._awaits = any(code.co_flags & CO_COROUTINE for code in codes)

    def run(self, namespace, output):
        """Runs the cell with `output` as its standard output: (body, whether it is a MIME bundle)."""
        sys.stdout = output
        value = None
        if self._awaits:
            value = self._await(namespace)
        else:
            if self._body is not None:
                exec(self._body, namespace)
            if self._value is not None:
                value = eval(self._value, namespace)
        printed = output.body()
        if printed or value is None or not self._shown:
            return printed, False
        shown = display.bundle(value)
        return (output.body(), False) if shown is None else (shown, True)

    def _await(self, namespace):
        """As in a kernel, a cell may await at top level; but there is no event loop to wait with."""
        value = None
        for code in (self._body, self._value):
            value = None
            if code is not None:
                value = eval(code, namespace)
                if code.co_flags & CO_COROUTINE:
                    value = _finish(value)
        return value


def _finish(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the endpoint awaits what has not happened yet, and an endpoint has no event loop to wait with")
