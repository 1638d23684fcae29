"""Stands in for `urllib.request` in the engine, which has no network: packages that may fetch something can be
imported, and fail when they do."""

from urllib.error import URLError


class Request:
    """As far as code prepares one."""

    def __init__(self, url, data=None, headers=None, **options):
        self.full_url, self.data, self.headers = url, data, dict(headers or {})


def _refuse(*arguments, **options):
    raise URLError("a version has no network: fetch it in a cell before")


urlopen = urlretrieve = build_opener = _refuse
