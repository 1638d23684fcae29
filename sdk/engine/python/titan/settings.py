"""Settings of the process that a notebook may make and its endpoints' answers depend on: how arrays and frames are
shown, what numpy does about errors, the precision of decimals.

They are taken in the notebook's kernel when it has run, and put in the engine before the endpoints run; the warm-up
puts them back. Nothing is imported for it that is not there already.
"""

import sys


def take():
    """The settings, {library: what `put` gives it}."""
    taken = {}
    for library, (get, _) in _LIBRARIES.items():
        if library in sys.modules:
            taken[library] = get(sys.modules[library])
    return taken


def put(settings):
    """Sets what `take` found, for the libraries that are loaded."""
    for library, values in settings.items():
        if library in sys.modules:
            _LIBRARIES[library][1](sys.modules[library], values)


def _numpy(numpy):
    return numpy.get_printoptions(), numpy.geterr()


def _set_numpy(numpy, values):
    shown, errors = values
    numpy.set_printoptions(**{name: shown[name] for name in numpy.get_printoptions() if name in shown})
    numpy.seterr(**errors)


def _decimal(decimal):
    return decimal.getcontext().prec, decimal.getcontext().rounding


def _set_decimal(decimal, values):
    decimal.getcontext().prec, decimal.getcontext().rounding = values


def _options(pandas):
    """{name: default} of the options that can be set."""
    config = sys.modules["pandas._config.config"]
    return {name: o.defval for name, o in config._registered_options.items() if name not in config._deprecated_options}


def _pandas(pandas):
    """Only those that were changed: another version of pandas has other defaults."""
    values = {name: pandas.get_option(name) for name in _options(pandas)}
    return {name: value for name, value in values.items() if value != _options(pandas)[name]}


def _set_pandas(pandas, values):
    for name, default in _options(pandas).items():
        value = values.get(name, default)
        if pandas.get_option(name) != value:
            pandas.set_option(name, value)


_LIBRARIES = {
    "numpy": (_numpy, _set_numpy),
    "pandas": (_pandas, _set_pandas),
    "decimal": (_decimal, _set_decimal),
}
