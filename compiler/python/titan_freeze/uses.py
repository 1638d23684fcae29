"""What the text of an endpoint's code says it will ask of things, where that can be told before any request: a method of
a model, a function of a module, a class of scikit-learn. Code that expects it to be missing may ask for anything.

Refuses what no version can do. Whether the engine's stand-in for a thing has an attribute only the engine knows: it is
handed what there is to look at.
"""

import ast
import sys
import types

from .errors import FreezeError

_COPES = {"AttributeError", "ImportError", "ModuleNotFoundError", "NotImplementedError"}
_PROGRAM = "starts a program, and a version can start none: run it in a cell before, and keep what it answers"
_THREAD = "starts a thread, and a version has none: do it one after the other, or in a cell before"
# What an engine's modules have and cannot do.
_IMPOSSIBLE = {
    "concurrent.futures.ThreadPoolExecutor": _THREAD,
    "concurrent.futures.thread.ThreadPoolExecutor": _THREAD,
    "threading.Thread": _THREAD,
    "threading.Timer": _THREAD,
    "_thread.start_new_thread": _THREAD,
    "os.system": _PROGRAM,
    "os.popen": _PROGRAM,
    **{f"subprocess.{name}": _PROGRAM for name in "run call check_call check_output getoutput Popen".split()},
}


class Uses:
    """`looked_at` is what the engine is to look at: {(variable, attributes): label of the code that asks}. `variables`
    are the notebook's, `made_in_cells(value)` tells of a class whose objects only the notebook's cells can make."""

    def __init__(self, variables, made_in_cells):
        self._variables, self._made_in_cells = variables, made_in_cells
        self.looked_at = {}

    def find(self, tree, reads, label):
        """Looks through code that reads the variables `reads`. Raises FreezeError for what cannot be."""
        known = {name: self._variables[name] for name in reads if name in self._variables}
        modules = _imported(tree)
        for node, called in _outermost(tree):
            root, attributes = _path(node)
            if root in modules:
                self._imported(".".join((modules[root], *attributes)), label)
            elif root in known:
                self._variable(root, known[root], attributes, called, label)

    def _imported(self, name, label):
        self._refuse(name, label)
        parts = name.split(".")
        module = next((m for end in range(len(parts), 0, -1) if (m := ".".join(parts[:end])) in sys.modules), None)
        if module is not None and module != name:
            attributes = name[len(module) + 1 :].split(".")
            if _has(sys.modules[module], attributes[0]):
                self.looked_at.setdefault((module, tuple(attributes)), label)

    def _variable(self, name, value, attributes, called, label):
        if isinstance(value, types.ModuleType):
            self._refuse(".".join((value.__name__, *attributes)), label)
        elif isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)) and not attributes:
            self._refuse(f"{value.__module__}.{value.__qualname__}", label)
        if isinstance(value, type) and called and not attributes and self._made_in_cells(value):
            raise FreezeError(
                f"{label} makes a {value.__name__}, which is trained in a cell only: fit it in a cell before, and "
                "keep it in a variable"
            )
        if attributes and _has(value, attributes[0]):
            self.looked_at.setdefault((name, tuple(attributes)), label)

    @staticmethod
    def _refuse(name, label):
        if name in _IMPOSSIBLE:
            raise FreezeError(f"{label} calls {name}, which {_IMPOSSIBLE[name]}")


def _imported(tree):
    """{name: what it stands for} of the import statements in the code."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.update((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)
    return found


def _outermost(tree, called=False):
    """(node, whether it is called) of the longest chains of attributes that begin with a name, without those in code
    that copes, or that a flag turns on: the endpoint may leave it off."""
    if isinstance(tree, ast.Try) and any(map(_copes, tree.handlers)):
        parts = [*tree.handlers, *tree.orelse, *tree.finalbody]
    elif isinstance(tree, ast.If) and any(isinstance(n, ast.Name) and n.id == "hasattr" for n in ast.walk(tree.test)):
        parts = tree.orelse
    elif isinstance(tree, (ast.If, ast.IfExp)) and _is_flag(tree.test):
        return
    elif isinstance(tree, (ast.Name, ast.Attribute)) and isinstance(tree.ctx, ast.Load) and _path(tree)[0] is not None:
        yield tree, called
        return
    elif isinstance(tree, ast.Call):
        yield from _outermost(tree.func, True)
        parts = [*tree.args, *tree.keywords]
    else:
        parts = ast.iter_child_nodes(tree)
    for part in parts:
        yield from _outermost(part)


def _is_flag(test):
    """Whether a condition is no more than a variable, or that it is not set."""
    return isinstance(test.operand if isinstance(test, ast.UnaryOp) else test, ast.Name)


def _copes(handler):
    """Whether it expects that something is not there. One for any error tells of it, and answers nothing else."""
    return any(isinstance(node, ast.Name) and node.id in _COPES for node in ast.walk(handler.type or ast.Pass()))


def _path(node):
    """(name, attributes) of `name.attribute.attribute`; the name is None for another expression."""
    attributes = []
    while isinstance(node, ast.Attribute):
        attributes.insert(0, node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else None), attributes


def _has(value, name):
    """Whether the value has the attribute, as far as can be told without running code of its own."""
    if isinstance(value, types.ModuleType):
        return name in vars(value) or "__getattr__" in vars(value) and hasattr(value, name)
    return name in getattr(value, "__dict__", {}) or hasattr(type(value), name)
