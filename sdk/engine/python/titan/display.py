"""What a value looks like: the MIME bundle by which a notebook shows the value of a cell's last expression."""

import base64
import json

from .pretty import pretty

# The methods by which objects offer other forms of themselves, as Jupyter's frontends ask for them.
_METHODS = {
    "_repr_html_": "text/html",
    "_repr_markdown_": "text/markdown",
    "_repr_svg_": "image/svg+xml",
    "_repr_png_": "image/png",
    "_repr_jpeg_": "image/jpeg",
    "_repr_pdf_": "application/pdf",
    "_repr_latex_": "text/latex",
    "_repr_json_": "application/json",
    "_repr_javascript_": "application/javascript",
}


def display(*objects, **options):
    """Accepted and without effect, as `IPython.display.display` is in Jupyter Kernel Gateway: what it shows is for
    frontends, and a response is what was printed, or the value of the last expression."""


def bundle(value):
    """The MIME bundle of `value` as JSON bytes; None for an object that has shown itself."""
    if hasattr(type(value), "_ipython_display_"):
        value._ipython_display_()
        return None
    return json.dumps(_forms(value), default=repr).encode("utf-8", "backslashreplace")


def _forms(value):
    forms = {"text/plain": pretty(value)}
    kind = type(value)
    # A class has the methods its instances show themselves with; they are not for showing the class.
    if isinstance(value, type) or kind.__module__ == "builtins":
        return forms
    for method, mime in _METHODS.items():
        if hasattr(kind, method):
            data = _form(getattr(value, method))
            if data is not None:
                forms[mime] = data
    if hasattr(kind, "_repr_mimebundle_"):
        data = _form(value._repr_mimebundle_)
        if data is not None:
            forms.update(data)
    return forms


def _form(method):
    """What the method returns, without the metadata it may add; None if it has nothing to return."""
    try:
        data = method()
    except NotImplementedError:
        return None
    if isinstance(data, tuple):
        data = data[0]
    return base64.b64encode(data).decode() if isinstance(data, bytes) else data
