"""Finds the source of functions: the cell or file, and where in it."""

import __future__
import ast
import linecache
import os
import warnings

# In the order in which the engine counts them too.
from .titan.rebuild import functions

# Of the features that code may ask for, the only one that not every supported version has anyway.
_FUTURE = __future__.annotations.compiler_flag


class Sources:
    """Sources that functions were found in. `magic_bodies` are (label, text) of code that has no name of its own."""

    def __init__(self, magic_bodies):
        self._magic_bodies = magic_bodies
        self._indexes = {}
        self._trees = {}

    def find(self, code):
        """((label, text, flags), line, ordinal) of a function's code, where ordinal tells functions of one name in
        one line apart; None if its source is not known."""
        flags = code.co_flags & _FUTURE
        lines = linecache.getlines(code.co_filename)
        places = [(code.co_filename, "".join(lines))] if lines else self._magic_bodies
        for label, text in places:
            # Files are named for people: where they lay is of no use to them.
            cell = os.path.basename(label), text, flags
            place = self._index(cell).get(code)
            if place is not None:
                return cell, *place
        return None

    def _index(self, cell):
        if cell not in self._indexes:
            label, text, flags = cell
            self._indexes[cell] = index = {}
            tree = ast.parse(text)
            # IPython compiles a cell statement by statement, Python a file as a whole. What the same function becomes
            # may differ.
            for parts in [ast.Module([statement], []) for statement in tree.body], [tree]:
                seen = {}
                for part in parts:
                    for code in functions(_compile(part, label, flags)):
                        key = code.co_name, code.co_firstlineno
                        seen[key] = ordinal = seen.get(key, -1) + 1
                        index.setdefault(code, (code.co_firstlineno, ordinal))
        return self._indexes[cell]

    def definition(self, cell, name, line):
        """The syntax tree of the function `name` that begins in the line; None for a lambda."""
        _, text, _ = cell
        if text not in self._trees:
            self._trees[text] = ast.parse(text)
        for node in ast.walk(self._trees[text]):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name:
                first = node.decorator_list[0] if node.decorator_list else node
                if first.lineno == line:
                    return node
        return None


def _compile(tree, label, flags):
    with warnings.catch_warnings():
        # They were shown when the code ran.
        warnings.simplefilter("ignore")
        return compile(tree, label, "exec", flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
