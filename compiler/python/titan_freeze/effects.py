"""What running code changes: which globals it may mutate, found by following values through its syntax tree.

Where the analysis does not know, it assumes a change, but for one thing: methods of libraries' objects change them
only if they are called like those that do (`append`, `update`, `fit`). It never runs code of the notebook.

A *root* says where a value may come from: (kind, name, depth), where kind is "global", "parameter" of the function looked
at, or "itself" for what the function keeps (closure, defaults, its module); depth 0 is the object, 1 one of its
elements or attributes, and so on. A value is a pair of sets of roots, of the object and of its elements: a new list of
the rows of a global has roots for its elements only.
"""

import ast
import collections.abc
import datetime
import decimal
import functools
import inspect
import numbers
import re
import types

_LIST = "append extend insert remove pop clear sort reverse"
_DICT = "update popitem setdefault move_to_end subtract"
_SET = "add discard difference_update intersection_update symmetric_difference_update"
_DEQUE = "appendleft popleft extendleft rotate"
_ARRAY = set("fill sort put itemset resize partition setfield setflags".split())
_FRAME = {"insert", "update", "pop"}
_TRAINING = """
    fit partial_fit fit_transform fit_predict train train_on_batch compile adapt load_weights set_weights set_params
    reset_state reset_states
"""
_OTHERS = "__setitem__ __delitem__ __setattr__ __delattr__ __iadd__ __ior__ push put write writelines truncate seed"
_MUTATORS = set(f"{_LIST} {_DICT} {_SET} {_DEQUE} {_TRAINING} {_OTHERS}".split()) | _ARRAY

# Functions that change their first argument.
_CHANGE_FIRST = set(
    """
    setattr delattr next anext shuffle heappush heappop heapify heapreplace heappushpop insort insort_left insort_right
    copyto fill_diagonal put put_along_axis place putmask setitem delitem iadd iconcat ior at
    """.split()
)
# Calls whose result is new, with what the arguments hold in it; and those that return something the arguments hold.
_NEW = set("list tuple dict set frozenset sorted reversed enumerate zip map filter iter chain copy items values".split())
_HELD = set(
    """
    next max min getattr get pop setdefault popitem popleft asarray reshape ravel view transpose squeeze atleast_1d
    atleast_2d
    """.split()
)
_RANDOM_READERS = {"getstate", "get_state", "__getstate__"}
_SCALARS = (
    numbers.Number, str, bytes, type(None), range, re.Pattern, decimal.Decimal, datetime.date, datetime.time,
    datetime.timedelta, datetime.tzinfo,
)
_FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef
_UNKNOWN = object()
_DEEPEST = 3
# The depth of a change that gives a variable another object.
_ASSIGNED = -1
_LOOKED_AT = 10_000

NOTHING = (frozenset(), frozenset())


def _value(roots):
    """The value that the roots are of."""
    return frozenset(roots), frozenset(_deeper(root) for root in roots)


def _deeper(root):
    kind, name, depth = root
    return kind, name, min(depth + 1, _DEEPEST)


def _part(value):
    """An element or attribute of a value."""
    return value[1], frozenset(_deeper(root) for root in value[1])


def _any(values):
    values = list(values)
    return frozenset().union(*(v[0] for v in values)), frozenset().union(*(v[1] for v in values))


def _new(values):
    """A new container of what the values hold."""
    return frozenset(), _any(values)[1]


def is_fixed(value, depth=0):
    """Whether what lies `depth` below the value cannot be changed."""
    if isinstance(value, _SCALARS) or type(value).__module__ == "numpy" and not hasattr(value, "__setitem__"):
        return True
    if isinstance(value, (tuple, frozenset)) and depth == 0:
        return True
    if depth == 0:
        return False
    if type(value).__name__ == "ndarray":
        return value.ndim == depth and not value.dtype.hasobject
    if not isinstance(value, (list, tuple, dict, set, frozenset, collections.deque)) or len(value) > _LOOKED_AT:
        return False
    return all(is_fixed(part, depth - 1) for part in (value.values() if isinstance(value, dict) else value))


class Summary:
    """What a function does when it is called: the roots it changes, and the value it returns."""

    def __init__(self, parameters=(), changes=(), returns=NOTHING):
        self.parameters, self.changes, self.returns = list(parameters), set(changes), returns


class Effects:
    """Effects of the notebook's code. `names` are its variables, `sources` finds functions, and `modules` are the names of the
    modules that belong to the notebook."""

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
        walker = _Walker(self)
        for tree in trees:
            walker.block(tree.body)
        return walker.changed

    def methods(self, name):
        """The methods of that name in all classes of the notebook."""
        return self._methods.get(name, [])

    def can_change(self, root):
        """False for what a variable holds if nothing can change it."""
        kind, name, depth = root
        return kind != "global" or depth == _ASSIGNED or not is_fixed(self.names.get(name, _UNKNOWN), depth)

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
        summaries = [_Walker(self, function, node).summary() for node in self._nodes(function.__code__, place)]
        summary = summaries[0] if summaries else Summary()
        for other in summaries[1:]:
            summary.changes |= other.changes
            summary.returns = _any([summary.returns, other.returns])
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


class _Walker:
    """Follows values through a cell, or through a function. `known` maps local names (in a cell: globals it has set) to
    values."""

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
            self.known[name] = _value({("parameter", name, 0)})
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
        elif isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            self._own.add(node.name)
            return
        elif isinstance(node, ast.Lambda):
            return
        elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
            self._own.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            self._own.update(_bound(alias) for alias in node.names)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            self._own.add(node.name)
        for child in ast.iter_child_nodes(node):
            self._declare(child)

    def summary(self):
        """Walks through the function."""
        if isinstance(self._node, ast.Lambda):
            self._returns.append(self.value(self._node.body))
        else:
            self.block(self._node.body)
        return Summary(self._parameters, self._changes, _any(self._returns))

    # Names.

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
            return _UNKNOWN
        function = self._function
        if scope == "free":
            try:
                return function.__closure__[function.__code__.co_freevars.index(name)].cell_contents
            except ValueError:
                return _UNKNOWN
        names = self._effects.names if self._is_notebooks() else function.__globals__
        return names.get(name, _UNKNOWN)

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
        if static is not _UNKNOWN and (is_fixed(static) or self._effects.is_foreign(static)):
            return NOTHING
        roots = {("itself", None, 0)} if scope == "free" else {self._root(name)}
        if static is not _UNKNOWN and self._effects.changes_when_read(static):
            self._change(roots)
        return _value(roots)

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
            self._changes.add((kind, name, _ASSIGNED))

    def _change(self, roots):
        for root in roots:
            if not self._effects.can_change(root) and self._node is None:
                continue
            if root[0] == "global" and self._node is None:
                self.changed.setdefault(root[1])
            else:
                self._changes.add(root)

    # Statements.

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
                self.known[name] = _any(known[name] for known in after if name in known)
            else:
                # In a cell, what one branch sets may still be what the variable was.
                values = [known[name] for known in after if name in known]
                self.known[name] = _any([*values, _value({self._root(name)})])

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
                known = self.value(pairs[index]) if len(pairs) == len(target.elts) else _part(value)
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
        items = _part(self.value(statement.iter))

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
        value = _any([self.value(statement.subject), _part(self.value(statement.subject))])

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
            name = _bound(alias)
            # What every cell means by the name is no change.
            if not isinstance(self._static(name), types.ModuleType):
                self._assign(name, NOTHING)

    def _ImportFrom(self, statement):
        for alias in statement.names:
            static = self._static(_bound(alias))
            if static is _UNKNOWN or getattr(static, "__name__", None) != alias.name:
                self._assign(_bound(alias), NOTHING)

    def _FunctionDef(self, statement):
        for expression in [*statement.decorator_list, *statement.args.defaults, *filter(None, statement.args.kw_defaults)]:
            self.value(expression)
        self._assign(statement.name, NOTHING)
        self._local[statement.name] = self._inner(statement)

    _AsyncFunctionDef = _FunctionDef

    def _ClassDef(self, statement):
        self._assign(statement.name, NOTHING)
        for part in statement.body:
            if isinstance(part, _FUNCTIONS):
                self._inner(part)

    def _inner(self, node):
        """The summary of a function within. What it changes beside its arguments counts as changed here: it will be called."""
        summary = _Walker(self._effects, self._function, node, self).summary()
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
        return NOTHING if self._is_fixed(node) else _part(value)

    def _is_fixed(self, node):
        static = self._static_of(node)
        return static is not _UNKNOWN and is_fixed(static)

    def _value_Subscript(self, node):
        value = self.value(node.value)
        self.value(node.slice)
        if self._is_fixed(node):
            return NOTHING
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        # A slice may be a view of the whole.
        return value if any(isinstance(part, ast.Slice) for part in parts) else _part(value)

    def _value_NamedExpr(self, node):
        value = self.value(node.value)
        self._target(node.target, value)
        return value

    def _value_Await(self, node):
        return self.value(node.value)

    _value_Starred = _value_Await

    def _value_IfExp(self, node):
        self.value(node.test)
        return _any([self.value(node.body), self.value(node.orelse)])

    def _value_BoolOp(self, node):
        return _any([self.value(part) for part in node.values])

    def _value_Tuple(self, node):
        values = [self.value(part) for part in node.elts]
        return frozenset(), _any(values)[0]

    _value_List = _value_Set = _value_Tuple

    def _value_Dict(self, node):
        for key in filter(None, node.keys):
            self.value(key)
        return frozenset(), _any([self.value(part) for part in node.values])[0]

    def _value_ListComp(self, node):
        before = dict(self.known)
        for generator in node.generators:
            self._bind(generator.target, _part(self.value(generator.iter)))
            for test in generator.ifs:
                self.value(test)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        value = frozenset(), _any([self.value(part) for part in parts])[0]
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

    # Calls.

    def _static_of(self, node):
        """The object an expression stands for before the code runs, if it can be told without running any."""
        if isinstance(node, ast.Name):
            return self._static(node.id)
        if isinstance(node, ast.Attribute):
            holder = self._static_of(node.value)
            return _UNKNOWN if holder is _UNKNOWN else _attribute(holder, node.attr)
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            holder = self._static_of(node.value)
            if type(holder) in (dict, list, tuple):
                try:
                    return holder[node.slice.value]
                except (LookupError, TypeError):
                    pass
        return _UNKNOWN

    def _value_Call(self, node):
        arguments = [self.value(argument) for argument in node.args]
        named = {keyword.arg: self.value(keyword.value) for keyword in node.keywords}
        for keyword in node.keywords:
            if keyword.arg == "out":
                self._change(named["out"][0])
        receiver = self.value(node.func.value) if isinstance(node.func, ast.Attribute) else None
        everything = [*arguments, *named.values(), *([receiver] if receiver else [])]
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            self._callback(argument, everything)
        if isinstance(node.func, ast.Name) and node.func.id == "super" and self._parameters:
            return self.known[self._parameters[0]]
        if isinstance(node.func, ast.Name) and node.func.id in self._local and node.func.id in self.known:
            return self._called(self._local[node.func.id], None, arguments, named, NOTHING)
        callee = self.value(node.func) if not isinstance(node.func, ast.Attribute) else _part(receiver)
        function = self._static_of(node.func)
        while isinstance(function, functools.partial):
            arguments = [_value(callee[0])] * len(function.args) + arguments
            function = function.func
        function = inspect.unwrap(function) if isinstance(function, functools._lru_cache_wrapper) else function
        called = self._own_call(function, callee, receiver, arguments, named)
        if called is not None:
            return called
        name = node.func.attr if receiver is not None else getattr(node.func, "id", "")
        holder = self._static_of(node.func.value) if receiver is not None else _UNKNOWN
        if receiver is not None and not isinstance(holder, types.ModuleType):
            return self._method(node, name, holder, receiver, arguments, named)
        if name in _CHANGE_FIRST and arguments:
            self._change(arguments[0][0])
        return self._result(name, everything if receiver is None else [*arguments, *named.values()])

    def _own_call(self, function, callee, receiver, arguments, named):
        """The result of calling something of the notebook's own; None if it is not."""
        if isinstance(function, types.FunctionType) and self._effects.is_own(function):
            return self._called(self._effects.of_function(function), function, arguments, named, callee)
        if isinstance(function, types.MethodType) and self._effects.is_own(function.__func__):
            itself = receiver if receiver is not None else callee
            return self._called(
                self._effects.of_function(function.__func__), function.__func__, [itself, *arguments], named, callee
            )
        if isinstance(function, type) and self._effects.is_own(function):
            for name in "__new__", "__init__", "__post_init__":
                made = inspect.getattr_static(function, name, None)
                made = getattr(made, "__func__", made)
                if isinstance(made, types.FunctionType) and self._effects.is_own(made):
                    itself = callee if name == "__new__" else NOTHING
                    self._called(self._effects.of_function(made), made, [itself, *arguments], named, callee)
            return frozenset(), _any([*arguments, *named.values()])[0]
        if function is not _UNKNOWN and self._effects.is_own(type(function)):
            call = inspect.getattr_static(type(function), "__call__", None)
            if isinstance(call, types.FunctionType):
                return self._called(self._effects.of_function(call), call, [callee, *arguments], named, callee)
        return None

    def _called(self, summary, function, arguments, named, callee):
        """Applies a summary to the arguments of a call. `callee` is the function itself, as a value."""
        given = dict(zip(summary.parameters, arguments)) | {key: value for key, value in named.items() if key}
        rest = _any([*arguments[len(summary.parameters) :], *(v for k, v in named.items() if k not in summary.parameters)])

        def actual(root):
            kind, name, depth = root
            if kind == "global":
                replaced = self._node is None and name in self.known and depth != _ASSIGNED
                return _at(self.known[name], depth) if replaced else {root}
            if kind == "itself":
                return callee[0]
            if name in given:
                return _at(given[name], depth)
            if name in summary.parameters:
                # A default value is kept by the function.
                return callee[0] if _has_changeable_default(function, name) else frozenset()
            return rest[0] | rest[1]

        for change in summary.changes:
            self._change(actual(change))
        own, parts = summary.returns
        return frozenset().union(*map(actual, own)), frozenset().union(*map(actual, parts))

    def _callback(self, node, values):
        """A function that is handed over is called, with any of the other values."""
        summary = None
        if isinstance(node, ast.Lambda):
            summary = _Walker(self._effects, self._function, node, self).summary()
        elif isinstance(node, ast.Name) and node.id in self._local:
            summary = self._local[node.id]
        else:
            function = self._static_of(node)
            function = getattr(function, "__func__", function)
            if isinstance(function, types.FunctionType) and self._effects.is_own(function):
                summary = self._effects.of_function(function)
        if summary is not None:
            for kind, name, depth in summary.changes:
                if kind == "parameter":
                    self._change(_any(values)[0] | _any(values)[1])
                elif kind == "itself":
                    self._change(self.value(node)[0])
                else:
                    self._change({(kind, name, depth)})

    def _method(self, node, name, holder, receiver, arguments, named):
        """A call of a method that is not known to be the notebook's own."""
        inplace = any(
            keyword.arg == "inplace" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
            for keyword in node.keywords
        )
        if inplace or _changes_receiver(name, holder):
            self._change(receiver[0])
        if holder is _UNKNOWN:
            for function in self._effects.methods(name) if receiver[0] else ():
                summary = self._effects.of_function(function)
                self._called(summary, function, [receiver, *arguments], named, NOTHING)
        if name in _CHANGE_FIRST - _MUTATORS and arguments:
            self._change(arguments[0][0])
        return self._result(name, [receiver, *arguments])

    @staticmethod
    def _result(name, values):
        if name in _NEW:
            return _new(values)
        return _part(_any(values)) if name in _HELD else NOTHING


def _at(value, depth):
    """The roots of what lies `depth` below a value."""
    for _ in range(depth):
        value = _part(value)
    return value[0]


def _bound(alias):
    """The variable that an import sets."""
    return alias.asname or alias.name.split(".")[0]


def _is_namespace(node):
    """Whether it is the dict of all variables."""
    return isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("globals", "locals", "vars") and not node.args


def _attribute(holder, name):
    """An attribute that can be had without running code of the notebook."""
    if isinstance(holder, types.ModuleType):
        return vars(holder).get(name, _UNKNOWN)
    found = inspect.getattr_static(holder, name, _UNKNOWN)
    if isinstance(found, types.FunctionType) and not isinstance(holder, type):
        return found.__get__(holder)
    if isinstance(found, classmethod):
        return found.__get__(holder, type(holder))
    return found.__func__ if isinstance(found, staticmethod) else found


def _has_changeable_default(function, name):
    if function is None:
        return True
    parameter = inspect.signature(function, follow_wrapped=False).parameters.get(name)
    return parameter is not None and parameter.default is not parameter.empty and not is_fixed(parameter.default)


def _changes_receiver(name, holder):
    """Whether a method of `holder` that is called `name` changes it."""
    kind = type(holder)
    if holder is _UNKNOWN:
        return name in _MUTATORS
    if is_fixed(holder):
        return False
    if kind.__module__.startswith("numpy.random") or isinstance(holder, __import__("random").Random):
        return name not in _RANDOM_READERS
    if kind.__module__.split(".")[0] == "pandas":
        return name in _FRAME
    return name in (_ARRAY if kind.__name__ == "ndarray" else _MUTATORS)
