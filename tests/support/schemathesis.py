"""What schemathesis.rs sends as a bundle: one that can be deployed, which no bytes are that a schema could describe."""

import os
import pathlib

import schemathesis


@schemathesis.serializer("application/vnd.titan.bundle")
def bundle(_context, _value):
    """The body, whatever was generated."""
    return pathlib.Path(os.environ["TITAN_BUNDLE"]).read_bytes()
