"""Which variables code reads: the analysis of cells and functions by what Python compiles them to."""

import ast
import dis
import types

# How compiled code reads a variable that is not a function's own.
_READS = {"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS", "DELETE_NAME", "DELETE_GLOBAL"}
_WRITES = {"STORE_NAME", "STORE_GLOBAL"}


class Everything:
    """The names that are set where code never gets to: all."""

    def __contains__(self, name):
        return True

    def __or__(self, names):
        return self

    __ror__ = __or__

    def __sub__(self, names):
        return self

    def __and__(self, names):
        return names

    __rand__ = __and__


def global_reads(code):
    """The global names that a function's code reads, with those of the functions and classes within, in order."""
    reads = {}
    for instruction in dis.get_instructions(code):
        if instruction.opname in _READS:
            reads[instruction.argval] = None
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            reads.update(global_reads(part))
    return reads


def attributes(code):
    """All names that occur in the code, attributes among them."""
    found = set(code.co_names)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found |= attributes(part)
    return found


class CellReads:
    """The variables that a cell reads before it has surely set them. `known` is what was set before it; `reads` is a
    dict for its order; `after` is what is set at its end."""

    def __init__(self, source, flags=0, known=frozenset()):
        self.reads = {}
        self._flags = flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        tree = compile(source, "<cell>", "exec", self._flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        self.after = self._block(tree.body, known)

    def note(self, name, known):
        """Called for a variable that is read where only `known` are surely set."""
        self.reads[name] = None

    def _block(self, statements, known):
        for statement in statements:
            visit = getattr(self, "_" + type(statement).__name__, self._simple)
            known = visit(statement, known)
        return known

    def _code(self, code, known, own=frozenset()):
        """Notes what the code reads. `own` is what the functions within find set when they run."""
        known = frozenset() | known
        for instruction in dis.get_instructions(code):
            name = instruction.argval
            if instruction.opname in _READS and name not in known:
                self.note(name, known)
            elif instruction.opname in _WRITES:
                known = known | {name}
            elif isinstance(name, types.CodeType):
                for inner in global_reads(name):
                    if inner not in known and inner not in own:
                        self.note(inner, known | own)
            if instruction.opname == "DELETE_NAME":
                known = known - {name}
        return known

    def _expression(self, expression, known):
        tree = ast.Expression(expression)
        return self._code(compile(tree, "<cell>", "eval", self._flags, dont_inherit=True), known)

    def _simple(self, statement, known, own=frozenset()):
        tree = ast.Module([statement], [])
        return self._code(compile(tree, "<cell>", "exec", self._flags, dont_inherit=True), known, own)

    def _target(self, target, known):
        """Assigning to the target: its names are set, and what it takes to find the place is read."""
        value = ast.copy_location(ast.Constant(None), target)
        return self._simple(ast.copy_location(ast.Assign([target], value), target), known)

    def _FunctionDef(self, statement, known):
        return self._simple(statement, known, {statement.name})

    _AsyncFunctionDef = _ClassDef = _FunctionDef

    def _If(self, statement, known):
        known = self._expression(statement.test, known)
        return self._block(statement.body, known) & self._block(statement.orelse, known)

    def _For(self, statement, known):
        known = self._expression(statement.iter, known)
        self._block(statement.body, self._target(statement.target, known))
        self._block(statement.orelse, known)
        return known

    def _AsyncFor(self, statement, known):
        return self._For(statement, known)

    def _While(self, statement, known):
        known = self._expression(statement.test, known)
        self._block(statement.body, known)
        self._block(statement.orelse, known)
        return known

    def _With(self, statement, known):
        for item in statement.items:
            known = self._expression(item.context_expr, known)
            if item.optional_vars is not None:
                known = self._target(item.optional_vars, known)
        return self._block(statement.body, known)

    _AsyncWith = _With

    def _Try(self, statement, known):
        after = self._block(statement.orelse, self._block(statement.body, known))
        for handler in statement.handlers:
            if handler.type is not None:
                self._expression(handler.type, known)
            name = {handler.name} if handler.name else set()
            after = after & (self._block(handler.body, known | name) - name)
        return after | (self._block(statement.finalbody, known) if statement.finalbody else frozenset())

    _TryStar = _Try

    def _Match(self, statement, known):
        known = self._expression(statement.subject, known)
        after = Everything()
        for case in statement.cases:
            # Patterns are no expressions of their own; what they read and set is found in a statement of the one case.
            alone = ast.copy_location(ast.Match(ast.copy_location(ast.Constant(None), statement), [
                ast.match_case(case.pattern, case.guard, [ast.copy_location(ast.Pass(), statement)])
            ]), statement)
            after = after & self._block(case.body, self._simple(alone, known))
        last = statement.cases[-1]
        takes_all = last.guard is None and isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None
        return after if takes_all else after & known

    def _Raise(self, statement, known):
        self._simple(statement, known)
        return Everything()

    def _Break(self, statement, known):
        return Everything()

    _Continue = _Break
