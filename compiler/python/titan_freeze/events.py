"""Tells the compiler how far the freeze has come."""

import json
import os


class Events:
    """Takes standard output over for itself. What the notebook and its programs print goes to standard error from
    then on, so that it is never taken for an event."""

    def __init__(self):
        self._file = os.dup(1)
        os.dup2(2, 1)

    def send(self, event, **fields):
        line = json.dumps({"event": event, **fields}).encode() + b"\n"
        while line:
            line = line[os.write(self._file, line) :]
