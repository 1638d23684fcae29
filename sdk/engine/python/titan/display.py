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
    """Prints every object, as `IPython.display.display` does where there is no frontend. Options are for frontends."""
    for value in objects:
        print(pretty(value))


def bundle(value):
    """The MIME bundle of `value` as JSON bytes."""
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
    """What the method returns, without the metadata it may add; None if it fails, as then a notebook leaves it out."""
    try:
        data = method()
    except Exception:
        return None
    if isinstance(data, tuple):
        data = data[0]
    return base64.b64encode(data).decode() if isinstance(data, bytes) else data
