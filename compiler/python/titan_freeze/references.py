"""Tells what can be imported by its own name."""

import importlib


def is_reference(value):
    """Whether it is a class or function that can be imported under its own name, from a module other than the
    notebook."""
    try:
        if value.__module__ in (None, "__main__"):
            return False
        found = importlib.import_module(value.__module__)
        for part in value.__qualname__.split("."):
            found = getattr(found, part)
    except Exception:
        # Objects and modules may do anything when they are asked for an attribute, or imported.
        return False
    return found is value
