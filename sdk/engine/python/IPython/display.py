"""What endpoints import to show values."""

from titan.display import display

from .core.display import (
    HTML,
    JSON,
    SVG,
    DisplayObject,
    Image,
    Javascript,
    Latex,
    Markdown,
    Math,
    Pretty,
    TextDisplayObject,
)


def clear_output(wait=False):
    """A response has no output of before."""


__all__ = """
    DisplayObject HTML Image JSON Javascript Latex Markdown Math Pretty SVG TextDisplayObject clear_output display
""".split()
