"""Finds import statements in Python code, and tells which of them its author can do without. It knows nothing of what
there is to import."""

import ast
import os
import types

_COPES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
# What code may ask about where it runs, as the engine answers.
_ENGINE = {
    "sys": types.SimpleNamespace(
        version_info=(3, 13, 5, "final", 0), platform="wasi", byteorder="little", maxsize=2**63 - 1
    ),
    "os": types.SimpleNamespace(name=os.name),
}


class Import:
    """An import statement of one name: `module`, or `attribute` from it. `guarded` says that the code copes without,
    `conditional` that the statement depends on a condition not known here; `level` counts the dots of a relative
    import. `instead_of` are the statements of which one must fail before it is reached.
    """

    def __init__(self, module, attribute, level, guarded, conditional):
        self.module, self.attribute, self.level = module, attribute, level
        self.guarded, self.conditional = guarded, conditional
        self.instead_of = ()


def imports(tree, into_functions=True, guarded=False, conditional=False):
    """Yields every Import in a syntax tree, or only those that run when the module does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, None, 0, guarded, conditional)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield Import(node.module or "", alias.name, node.level, guarded, conditional)
        elif isinstance(node, ast.Try) and any(_copes(handler) for handler in node.handlers):
            tried = list(_of(node.body, into_functions, True, conditional))
            yield from tried
            for statement in _of(node.handlers, into_functions, guarded, conditional):
                statement.instead_of = (*statement.instead_of, *tried)
                yield statement
            yield from _of([*node.orelse, *node.finalbody], into_functions, guarded, conditional)
        elif isinstance(node, ast.With) and any(_suppresses(item.context_expr) for item in node.items):
            yield from _of(node.body, into_functions, True, conditional)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not into_functions:
            continue
        elif isinstance(node, ast.Call) and (module := _imported(node)):
            yield Import(module, None, 0, True, True)
        elif isinstance(node, ast.If):
            holds = _outcome(node.test)
            if holds is not False:
                yield from _of(node.body, into_functions, guarded, conditional or holds is None)
            if holds is not True:
                yield from _of(node.orelse, into_functions, guarded, conditional or holds is None)
        else:
            yield from imports(node, into_functions, guarded, conditional)


def _is_importing(node):
    return isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__") and bool(node.args)


def _imported(call):
    """The module that a call of `import_module` with its name imports, or None. Its author expects anything."""
    name = call.args[0].value if _is_importing(call) and isinstance(call.args[0], ast.Constant) else None
    return name if isinstance(name, str) and name.strip(".") == name else None


def computes_names(tree):
    """Whether code imports modules by names that are not written there."""
    return any(_is_importing(node) and not isinstance(node.args[0], ast.Constant) for node in ast.walk(tree))


def _of(statements, *options):
    return imports(ast.Module(statements, []), *options)


def _name(node):
    return getattr(node, "id", getattr(node, "attr", None))


def _copes(handler):
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(_name(kind) in _COPES for kind in kinds)


def _suppresses(context):
    return (
        isinstance(context, ast.Call)
        and _name(context.func) == "suppress"
        and any(_name(a) in _COPES for a in context.args)
    )


def _outcome(test):
    """Whether the condition holds in the engine, or None if that depends on more than where the code runs."""
    if _name(test) == "TYPE_CHECKING":
        return False
    names = {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}
    if not names or not names <= _ENGINE.keys() or any(isinstance(node, ast.Call) for node in ast.walk(test)):
        return None
    try:
        return bool(eval(compile(ast.Expression(test), "<condition>", "eval"), {"__builtins__": {}}, _ENGINE))
    except Exception:
        return None
