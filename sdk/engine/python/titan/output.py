"""Standard output of an endpoint: what it prints is kept and becomes the body of the response."""

import io


class Output(io.StringIO):
    """Takes `sys.stdout`'s place for one run of a cell. Being a StringIO it is written to by C code alone."""

    encoding = "utf-8"
    errors = "backslashreplace"
    name = "<stdout>"
    # Bytes written by way of `buffer`, and the text before and between them; None until then.
    _raw = None

    @property
    def buffer(self):
        """The binary stream below, as of any standard output."""
        if self._raw is None:
            self._raw = _Raw(self)
        return self._raw

    def fileno(self):
        raise io.UnsupportedOperation("the response has no file number")

    def reconfigure(self, **options):
        """Accepted and without effect: a response is UTF-8."""

    def body(self):
        """All that was written, as bytes."""
        if self._raw is not None:
            self._raw.take_text()
            return b"".join(self._raw.parts)
        text = self.getvalue()
        try:
            return text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", self.errors)


class _Raw(io.RawIOBase):
    """`Output.buffer`: keeps bytes in order with the text of its output."""

    def __init__(self, output):
        self._output = output
        self.parts = []

    def take_text(self):
        """Moves the text written since the last bytes into `parts`."""
        text = self._output.getvalue()
        if text:
            self._output.seek(0)
            self._output.truncate()
            self.parts.append(text.encode("utf-8", self._output.errors))

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self.take_text()
        self.parts.append(data)
        return len(data)
