"""Downloads a package's source archive from the index that pip is configured for.

    fetch_sdist.py NAME VERSION FILE

`pip download` would run the package's build to learn its dependencies; the index's JSON (PEP 691) names the file at once.
The caller checks the hash.
"""

import json
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

from pip._internal.models.index import PyPI


def index():
    asked = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
    return (asked.stdout.strip() or PyPI.simple_url).rstrip("/")


def main(name, version, to):
    page = f"{index()}/{name}/"
    request = urllib.request.Request(page, headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request) as response:
        files = json.load(response)["files"]
    wanted = f"{name}-{version}.tar.gz"
    urls = [file["url"] for file in files if file["filename"] == wanted]
    if not urls:
        sys.exit(f"the index has no {wanted}")
    with urllib.request.urlopen(urllib.parse.urljoin(page, urls[0])) as response, open(to, "wb") as file:
        shutil.copyfileobj(response, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
