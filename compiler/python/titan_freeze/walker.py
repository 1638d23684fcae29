"""Follows values through the statements and expressions of a cell or function."""

import ast
import functools
import types

from .calls import Calls
from .roots import NOTHING, UNKNOWN, Summary, any_of, is_fixed, part_of, value_of
from .scope import FUNCTIONS, bound


class Walker(Calls):
    """Walks through a cell with `block`, or through a function with `summary`."""

    def summary(self):
        """Walks through the function."""
        if isinstance(self._node, ast.Lambda):
            self._returns.append(self.value(self._node.body))
        else:
            self.block(self._node.body)
        return Summary(self._parameters, self._changes, any_of(self._returns))

    def block(self, statements):
        for statement in statements:
            visit = getattr(self, "_" + type(statement).__name__, None)
            if visit is not None:
                visit(statement)
            else:
                self._each(statement)

    def _each(self, node):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child)

    def _branches(self, *branches):
        """Walks through code of which one part runs; each may be none at all."""
        before, after = dict(self.known), []
        for branch in branches:
            self.known = dict(before)
            branch()
            after.append(self.known)
        self.known = {}
        for name in {name for known in after for name in known}:
            if self._scope(name) != "global" or all(name in known for known in after):
                self.known[name] = any_of(known[name] for known in after if name in known)
            else:
                # In a cell, what one branch sets may still be what the variable was.
                values = [known[name] for known in after if name in known]
                self.known[name] = any_of([*values, value_of({self._root(name)})])

    def _Assign(self, statement):
        value = self.value(statement.value)
        for target in statement.targets:
            self._target(target, value, statement.value)

    def _AnnAssign(self, statement):
        if statement.value is not None:
            self._target(statement.target, self.value(statement.value), statement.value)

    def _AugAssign(self, statement):
        self.value(statement.value)
        if isinstance(statement.target, ast.Name):
            value = self._name(statement.target.id)
            # Lists and arrays are changed in place.
            self._change(value[0])
            self._assign(statement.target.id, value)
        else:
            self._change(self.value(statement.target.value)[0])

    def _target(self, target, value, source=None):
        if isinstance(target, ast.Name):
            self._assign(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            pairs = getattr(source, "elts", ())
            for index, element in enumerate(target.elts):
                known = self.value(pairs[index]) if len(pairs) == len(target.elts) else part_of(value)
                self._target(element, known)
        elif isinstance(target, ast.Starred):
            self._target(target.value, value)
        elif isinstance(target, ast.Subscript) and _is_namespace(target.value):
            name = target.slice.value if isinstance(target.slice, ast.Constant) else None
            if isinstance(name, str) and self._is_notebooks():
                self._assign_global(name)
            else:
                self.value(target.slice)
        else:
            self._change(self.value(target.value)[0])
            if isinstance(target, ast.Subscript):
                self.value(target.slice)

    def _Delete(self, statement):
        for target in statement.targets:
            self._target(target, NOTHING)
            if isinstance(target, ast.Name):
                self.known.pop(target.id, None)

    def _For(self, statement):
        items = part_of(self.value(statement.iter))

        def turn():
            self._target(statement.target, items)
            self.block(statement.body)

        # What a turn leaves behind is there in the next.
        self._branches(turn, lambda: None)
        self._branches(turn, lambda: None)
        self.block(statement.orelse)

    _AsyncFor = _For

    def _While(self, statement):
        for _ in range(2):
            self.value(statement.test)
            self._branches(lambda: self.block(statement.body), lambda: None)
        self.block(statement.orelse)

    def _If(self, statement):
        self.value(statement.test)
        self._branches(lambda: self.block(statement.body), lambda: self.block(statement.orelse))

    def _With(self, statement):
        for item in statement.items:
            value = self.value(item.context_expr)
            if item.optional_vars is not None:
                self._target(item.optional_vars, value)
        self.block(statement.body)

    _AsyncWith = _With

    def _Try(self, statement):
        self._branches(lambda: self.block(statement.body + statement.orelse), lambda: None)
        self._branches(lambda: None, *(functools.partial(self.block, handler.body) for handler in statement.handlers))
        self.block(statement.finalbody)

    _TryStar = _Try

    def _Match(self, statement):
        value = any_of([self.value(statement.subject), part_of(self.value(statement.subject))])

        def case(case):
            for node in ast.walk(case.pattern):
                name = getattr(node, "name", None) or getattr(node, "rest", None)
                if name:
                    self._assign(name, value)
            if case.guard is not None:
                self.value(case.guard)
            self.block(case.body)

        self._branches(lambda: None, *(functools.partial(case, one) for one in statement.cases))

    def _Return(self, statement):
        if statement.value is not None:
            self._returns.append(self.value(statement.value))

    def _Import(self, statement):
        for alias in statement.names:
            name = bound(alias)
            # What every cell means by the name is no change.
            if not isinstance(self._static(name), types.ModuleType):
                self._assign(name, NOTHING)

    def _ImportFrom(self, statement):
        for alias in statement.names:
            static = self._static(bound(alias))
            if static is UNKNOWN or getattr(static, "__name__", None) != alias.name:
                self._assign(bound(alias), NOTHING)

    def _FunctionDef(self, statement):
        defaults = [*statement.args.defaults, *filter(None, statement.args.kw_defaults)]
        for expression in [*statement.decorator_list, *defaults]:
            self.value(expression)
        self._assign(statement.name, NOTHING)
        self._local[statement.name] = self._inner(statement)

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, statement):
        self._assign(statement.name, NOTHING)
        for part in statement.body:
            if isinstance(part, FUNCTIONS):
                self._inner(part)

    def _inner(self, node):
        """The summary of a function within. What it changes beside its arguments counts as changed here: it will be
        called."""
        summary = Walker(self._effects, self._function, node, self).summary()
        self._change(change for change in summary.changes if change[0] != "parameter")
        return summary

    # Expressions.

    def value(self, node):
        """Where the value of an expression may come from."""
        visit = getattr(self, "_value_" + type(node).__name__, None)
        if visit is not None:
            return visit(node)
        self._each(node)
        return NOTHING

    def _value_Name(self, node):
        return self._name(node.id)

    def _value_Attribute(self, node):
        value = self.value(node.value)
        return NOTHING if self._is_fixed(node) else part_of(value)

    def _is_fixed(self, node):
        static = self._static_of(node)
        return static is not UNKNOWN and is_fixed(static)

    def _value_Subscript(self, node):
        value = self.value(node.value)
        self.value(node.slice)
        if self._is_fixed(node):
            return NOTHING
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        # A slice may be a view of the whole.
        return value if any(isinstance(part, ast.Slice) for part in parts) else part_of(value)

    def _value_NamedExpr(self, node):
        value = self.value(node.value)
        self._target(node.target, value)
        return value

    def _value_Await(self, node):
        return self.value(node.value)

    _value_Starred = _value_Await

    def _value_IfExp(self, node):
        self.value(node.test)
        return any_of([self.value(node.body), self.value(node.orelse)])

    def _value_BoolOp(self, node):
        return any_of([self.value(part) for part in node.values])

    def _value_Tuple(self, node):
        values = [self.value(part) for part in node.elts]
        return frozenset(), any_of(values)[0]

    _value_List = _value_Set = _value_Tuple

    def _value_Dict(self, node):
        for key in filter(None, node.keys):
            self.value(key)
        return frozenset(), any_of([self.value(part) for part in node.values])[0]

    def _value_ListComp(self, node):
        before = dict(self.known)
        for generator in node.generators:
            self._bind(generator.target, part_of(self.value(generator.iter)))
            for test in generator.ifs:
                self.value(test)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        value = frozenset(), any_of([self.value(part) for part in parts])[0]
        self.known = before
        return value

    _value_SetComp = _value_GeneratorExp = _value_DictComp = _value_ListComp

    def _bind(self, target, value):
        """Sets the variables of a comprehension, which are nobody else's."""
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self.known[node.id] = value

    def _value_Lambda(self, node):
        self._inner(node)
        return NOTHING

    def _value_Yield(self, node):
        if node.value is not None:
            self._returns.append((frozenset(), self.value(node.value)[0]))
        return NOTHING

    def _value_YieldFrom(self, node):
        self._returns.append(self.value(node.value))
        return NOTHING


def _is_namespace(node):
    """Whether it is the dict of all variables."""
    called = getattr(node.func, "id", None) if isinstance(node, ast.Call) else None
    return called in ("globals", "locals", "vars") and not node.args
