"""What running code changes: which globals it may mutate, found by following values through its syntax tree.

Where the analysis does not know, it assumes a change, but for one thing: methods of libraries' objects change them
only if they are called like those that do (`append`, `update`, `fit`). It never runs code of the notebook.
"""

import ast
import collections.abc
import inspect
import types

from .roots import ASSIGNED, UNKNOWN, Summary, any_of, is_fixed
from .walker import Walker


class Effects:
    """Effects of the notebook's code. `names` are its variables, `sources` finds functions, and `modules` names
    the modules that belong to the notebook."""

    def __init__(self, names, sources, modules):
        self.names, self._sources, self._modules = names, sources, modules
        self._summaries, self._kept = {}, []
        self._methods = {}
        for cls in list(names.values()):
            if isinstance(cls, type) and self.is_own(cls):
                for name, function in vars(cls).items():
                    if isinstance(function, types.FunctionType):
                        self._methods.setdefault(name, []).append(function)

    def is_own(self, value):
        """Whether a function or class is the notebook's."""
        module = getattr(value, "__module__", None)
        if isinstance(value, types.FunctionType):
            module = value.__globals__.get("__name__")
        return module == "__main__" or module in self._modules

    def is_foreign(self, value):
        """Whether it is a library's module: what is in it is no variable of the notebook, `sys.stdout` for one."""
        return isinstance(value, types.ModuleType) and value.__name__ not in self._modules

    def of_cell(self, trees):
        """The names of the globals that cells, run one after the other, assign, delete or change, in order."""
        walker = Walker(self)
        for tree in trees:
            walker.block(tree.body)
        return walker.changed

    def methods(self, name):
        """The methods of that name in all classes of the notebook."""
        return self._methods.get(name, [])

    def can_change(self, root):
        """False for what a variable holds if nothing can change it."""
        kind, name, depth = root
        return kind != "global" or depth == ASSIGNED or not is_fixed(self.names.get(name, UNKNOWN), depth)

    def of_function(self, function):
        """The summary of a function of the notebook."""
        if id(function) not in self._summaries:
            # What calls itself is looked at once.
            self._kept.append(function)
            self._summaries[id(function)] = Summary()
            self._summaries[id(function)] = self._summarise(function)
        return self._summaries[id(function)]

    def _summarise(self, function):
        place = self._sources.find(function.__code__)
        if place is None:
            return Summary()
        summaries = [Walker(self, function, node).summary() for node in self._nodes(function.__code__, place)]
        summary = summaries[0] if summaries else Summary()
        for other in summaries[1:]:
            summary.changes |= other.changes
            summary.returns = any_of([summary.returns, other.returns])
        return summary

    def _nodes(self, code, place):
        """The trees it may have been made from: one, or all lambdas of its line."""
        cell, line, _ = place
        if code.co_name != "<lambda>":
            node = self._sources.definition(cell, code.co_name, line)
            return [] if node is None else [node]
        return [node for node in ast.walk(ast.parse(cell[1])) if isinstance(node, ast.Lambda) and node.lineno == line]

    def changes_when_read(self, value):
        """Whether reading a variable may already change its value: iterators, and objects whose operators or properties
        change them."""
        if isinstance(value, collections.abc.Iterator):
            return True
        if isinstance(value, type) or not self.is_own(type(value)):
            return False
        for name in dir(type(value)):
            member = inspect.getattr_static(type(value), name, None)
            function = member.fget if isinstance(member, property) else member
            implicit = isinstance(member, property) or name.startswith("__") and name not in _MAKING
            if implicit and isinstance(function, types.FunctionType) and self.is_own(function):
                summary = self.of_function(function)
                if any(change[:2] == ("parameter", summary.parameters[0]) for change in summary.changes):
                    return True
        return False


_MAKING = {"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__", "__setstate__", "__call__",
           "__setitem__", "__delitem__", "__setattr__", "__delattr__", "__del__"}
