"""Objects that hold data in a form a notebook shows: HTML, Markdown, pictures, and so on.

Named as IPython names its own, because such objects travel by the name of their class.
"""

import base64
import copy
import os
import struct


class DisplayObject:
    """Holds `data`, given as it is or in the file `filename`; `url` is for whoever shows it to follow."""

    _flags = "r"
    metadata = None

    def __init__(self, data=None, url=None, filename=None, metadata=None):
        data = os.fspath(data) if isinstance(data, os.PathLike) else data
        if isinstance(data, str):
            if data.startswith("http") and url is None:
                data, url = None, data
            elif filename is None and _exists(data):
                data, filename = None, data
        self.url, self.filename, self.data = url, filename, data
        self.metadata = metadata if metadata is not None else self.metadata or {}
        self.reload()
        self._check_data()

    def __repr__(self):
        return f"<{type(self).__module__}.{type(self).__name__} object>"

    def reload(self):
        """Reads the file anew."""
        if self.filename is not None:
            with open(self.filename, self._flags, encoding=None if "b" in self._flags else "utf-8") as file:
                self.data = file.read()
        elif self.url is not None:
            raise OSError(f"{self.url} cannot be read: a request has no network; read it in a cell before")

    def _check_data(self):
        pass

    def _with_metadata(self, data):
        return (data, copy.deepcopy(self.metadata)) if self.metadata else data


def _exists(path):
    try:
        return os.path.exists(path)
    except (OSError, ValueError):
        return False


class TextDisplayObject(DisplayObject):
    """Holds text."""

    def _check_data(self):
        if self.data is not None and not isinstance(self.data, str):
            raise TypeError(f"{type(self).__name__} expects text, not {self.data!r}")


class Pretty(TextDisplayObject):
    """Is shown as its text."""

    def __repr__(self):
        return self.data


class HTML(TextDisplayObject):
    def _repr_html_(self):
        return self._with_metadata(self.data)

    __html__ = _repr_html_


class Markdown(TextDisplayObject):
    def _repr_markdown_(self):
        return self._with_metadata(self.data)


class Math(TextDisplayObject):
    def _repr_latex_(self):
        return self._with_metadata(rf"$\displaystyle {self.data.strip('$')}$")


class Latex(TextDisplayObject):
    def _repr_latex_(self):
        return self._with_metadata(self.data)


class Javascript(TextDisplayObject):
    def __init__(self, data=None, url=None, filename=None, lib=None, css=None):
        self.lib = [lib] if isinstance(lib, str) else lib or []
        self.css = [css] if isinstance(css, str) else css or []
        super().__init__(data, url, filename)

    def _repr_javascript_(self):
        loaded = [
            'new Promise(function(resolve, reject) {\n\tvar script = document.createElement("script");\n'
            "\tscript.onload = resolve;\n\tscript.onerror = reject;\n"
            f'\tscript.src = "{lib}";\n\tdocument.head.appendChild(script);\n}}).then(() => {{\n'
            for lib in self.lib
        ]
        styles = [
            f'var link = document.createElement("link");\nlink.rel = "stylesheet";\nlink.href = "{css}";\n'
            "document.head.appendChild(link);\n"
            for css in self.css
        ]
        return "".join([*styles, *loaded, self.data, *("\n});" for _ in self.lib)])


class SVG(DisplayObject):
    """Holds the `svg` element of a document."""

    _flags = "rb"
    _data = None

    @property
    def data(self):
        return self._data

    @data.setter
    def data(self, svg):
        if svg is not None:
            from xml.dom import minidom

            found = minidom.parseString(svg).getElementsByTagName("svg")
            svg = found[0].toxml() if found else svg
        self._data = svg.decode(errors="replace") if isinstance(svg, bytes) else svg

    def _repr_svg_(self):
        return self._with_metadata(self.data)


class JSON(DisplayObject):
    """Holds a JSON object or list."""

    def __init__(self, data=None, url=None, filename=None, expanded=False, metadata=None, root="root", **options):
        self.metadata = {"expanded": expanded, "root": root, **(metadata or {}), **options}
        super().__init__(data, url, filename)

    def _check_data(self):
        if self.data is not None and not isinstance(self.data, (dict, list)):
            raise TypeError(f"{type(self).__name__} expects JSONable dict or list, not {self.data!r}")

    @property
    def data(self):
        return self._data

    @data.setter
    def data(self, data):
        if isinstance(data, os.PathLike):
            data = os.fspath(data)
        if isinstance(data, str):
            import json

            data = json.loads(data)
        self._data = data

    def _repr_json_(self):
        return self.data, self.metadata


class Image(DisplayObject):
    """Holds a picture's bytes in `format` (told from the bytes where it is not given), or with `embed=False` its
    address."""

    _flags = "rb"
    _SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8", "gif": b"GIF8", "webp": b"RIFF"}
    _MIMES = {name: f"image/{name}" for name in _SIGNATURES}

    def __init__(
        self, data=None, url=None, filename=None, format=None, embed=None, width=None, height=None, retina=False,
        unconfined=False, metadata=None, alt=None,
    ):
        data = os.fspath(data) if isinstance(data, os.PathLike) else data
        address = isinstance(data, str) and data.startswith("http")
        self.embed = embed if embed is not None else url is None and not address
        if format is None:
            format = next((name for name, first in self._SIGNATURES.items() if self._begins(data, first)), None)
            extension = os.path.splitext(str(filename or url or (data if isinstance(data, str) else "")))[1][1:].lower()
            format = format or {"jpg": "jpeg"}.get(extension, extension) or "png"
        self.format = {"jpg": "jpeg"}.get(format.lower(), format.lower())
        self.width, self.height, self.retina, self.unconfined, self.alt = width, height, retina, unconfined, alt
        super().__init__(data, url, filename, {} if metadata is None else metadata)
        if retina and self.data is not None and self.format == "png":
            wide, high = struct.unpack(">ii", self.data[16:24])
            self.width, self.height = wide // 2, high // 2

    @staticmethod
    def _begins(data, first):
        return isinstance(data, bytes) and data.startswith(first)

    def reload(self):
        if self.embed:
            super().reload()

    def _repr_html_(self):
        if self.embed:
            return None
        names = {"width": self.width, "height": self.height}
        given = "".join(f' {name}="{value}"' for name, value in names.items() if value)
        kind = ' class="unconfined"' if self.unconfined else ""
        alternative = f' alt="{self.alt}"' if self.alt else ""
        return f'<img src="{self.url}"{given}{kind}{alternative}/>'

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.embed:
            return {"text/html": self._repr_html_()}
        data = self.data if isinstance(self.data, str) else base64.b64encode(self.data).decode("ascii")
        shown = {"width": self.width, "height": self.height, "unconfined": self.unconfined, "alt": self.alt}
        metadata = {**self.metadata, **{name: value for name, value in shown.items() if value}}
        return {self._MIMES[self.format]: data}, metadata
