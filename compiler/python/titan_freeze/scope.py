"""The names of a cell or function: whose variables they are, what is known of them, and which of them change."""

import ast
import builtins

from .roots import ASSIGNED, NOTHING, UNKNOWN, is_fixed, value_of

FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef


class Scope:
    """The names of a cell, of a function, or of a function within `outer`. `known` maps local names (in a cell: globals
    it has set) to values; `changed` are the globals that a cell changes, in order."""

    def __init__(self, effects, function=None, node=None, outer=None):
        self._effects, self._function, self._node, self._outer = effects, function, node, outer
        self.known, self._local = {}, {}
        self.changed, self._changes, self._returns = {}, set(), []
        self._globals, self._nonlocals, self._parameters = set(), set(), []
        if node is not None:
            self._enter(node)

    def _enter(self, node):
        arguments = node.args
        named = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
        self._parameters = [argument.arg for argument in named]
        self._own = set(self._parameters)
        for argument in arguments.vararg, arguments.kwarg:
            if argument is not None:
                self._own.add(argument.arg)
        for name in self._own:
            self.known[name] = value_of({("parameter", name, 0)})
        body = node.body if isinstance(node.body, list) else [node.body]
        for part in body:
            self._declare(part)
        self._own -= self._globals | self._nonlocals

    def _declare(self, node):
        """Notes the names that belong to this function."""
        if isinstance(node, ast.Global):
            self._globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            self._nonlocals.update(node.names)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            self._own.add(node.name)
            return
        elif isinstance(node, ast.Lambda):
            return
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            self._own.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._own.update(bound(alias) for alias in node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            self._own.add(node.name)
        for child in ast.iter_child_nodes(node):
            self._declare(child)

    def _scope(self, name):
        """Whose variable a name is: "local", "outer" of a function around this one, "free", or "global"."""
        if self._node is None:
            return "global"
        if name in self._globals:
            return "global"
        if name in self._own:
            return "local"
        if self._outer is not None:
            if name in self._outer.known:
                return "outer"
            outer = self._outer._scope(name)
            return "outer" if outer in ("local", "outer") else outer
        return "free" if name in self._function.__code__.co_freevars else "global"

    def _static(self, name):
        """The value that a name has before the code runs, if it is known and still has it."""
        scope = self._scope(name)
        if scope in ("local", "outer") or name in self.known:
            return UNKNOWN
        function = self._function
        if scope == "free":
            try:
                return function.__closure__[function.__code__.co_freevars.index(name)].cell_contents
            except ValueError:
                return UNKNOWN
        names = self._effects.names if self._is_notebooks() else function.__globals__
        return names.get(name, getattr(builtins, name, UNKNOWN))

    def _is_notebooks(self):
        return self._function is None or self._function.__globals__.get("__name__") == "__main__"

    def _root(self, name):
        """The root of a global."""
        return ("global", name, 0) if self._is_notebooks() else ("itself", None, 0)

    def _name(self, name):
        scope = self._scope(name)
        if scope == "local" or name in self.known:
            return self.known.get(name, NOTHING)
        if scope == "outer":
            return self._outer._name(name)
        static = self._static(name)
        if static is not UNKNOWN and (
            is_fixed(static) or self._effects.is_foreign(static) or static is getattr(builtins, name, UNKNOWN)
        ):
            return NOTHING
        roots = {("itself", None, 0)} if scope == "free" else {self._root(name)}
        if static is not UNKNOWN and self._effects.changes_when_read(static):
            self._change(roots)
        return value_of(roots)

    def _assign(self, name, value):
        scope = self._scope(name)
        if scope == "global":
            self._assign_global(name)
            if self._node is None:
                self.known[name] = value
        elif scope == "free":
            self._change({("itself", None, 0)})
        elif scope == "local":
            self.known[name] = value

    def _assign_global(self, name):
        if self._node is None:
            self.changed.setdefault(name)
        else:
            kind, name, _ = self._root(name)
            self._changes.add((kind, name, ASSIGNED))

    def _change(self, roots):
        for root in roots:
            if not self._effects.can_change(root) and self._node is None:
                continue
            if root[0] == "global" and self._node is None:
                self.changed.setdefault(root[1])
            else:
                self._changes.add(root)


def bound(alias):
    """The variable that an import sets."""
    return alias.asname or alias.name.split(".")[0]
