"""The part of IPython that endpoints use: objects that show themselves (`IPython.display`), and none of its shell."""

__version__ = "9"


def get_ipython():
    """Requests are answered without IPython."""
    return None
