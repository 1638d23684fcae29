"""Stand-ins for the functions of the engine's `titan.rebuild`, which this Python does not have.

pickle writes a function as its module and name after it has checked that the module has it. So there is a module of
that name here, with a function for every method of `rebuild.Builder`. None is ever called.
"""

import sys
import types

NAMES = """
    array class_ container enum estimator_class function history lru_cache model module session set_class
    set_container set_function single_dispatch sparse tensor torch_tensor tree trees unseeded
    view
""".split()


def _stand_in(name):
    def stand_in(*arguments):
        raise TypeError(f"{name} runs in the engine only")

    stand_in.__module__ = "titan.rebuild"
    stand_in.__name__ = stand_in.__qualname__ = name
    return stand_in


for _name in NAMES:
    globals()[_name] = _stand_in(_name)

_module = types.ModuleType("titan.rebuild", __doc__)
_module.__dict__.update({name: globals()[name] for name in NAMES})
MODULES = {"titan": types.ModuleType("titan"), "titan.rebuild": _module}


def is_stand_in(value):
    return getattr(value, "__module__", None) == "titan.rebuild"


class Present:
    """While this is entered, the modules can be imported."""

    def __enter__(self):
        self._hidden = {name: sys.modules.get(name) for name in MODULES}
        sys.modules.update(MODULES)

    def __exit__(self, *_):
        for name, module in self._hidden.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
