"""A client of the house-price service, of the standard library alone.

    client.py URL ask              one request to each endpoint, with its answer
    client.py URL load -- COMMAND  requests without pause on keep-alive connections while COMMAND runs, and a second
                                   before and after; fails if a single request does
"""

import collections
import http.client
import json
import subprocess
import sys
import threading
import time
import urllib.parse

HOUSE = {
    "LotArea": 8450, "OverallQual": 7, "OverallCond": 5, "TotalBsmtSF": 856, "FullBath": 2,
    "HalfBath": 1, "BedroomAbvGr": 3, "TotRmsAbvGrd": 8, "Fireplaces": 0, "GarageArea": 548,
}
CONNECTIONS = 4


class Connection:
    """One keep-alive connection. `http.client` would reconnect silently; this one fails instead."""

    def __init__(self, url):
        self.path = url.path
        self.http = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        self.http.connect()
        self.http.auto_open = 0

    def send(self, method, path, body=None):
        headers = {"Content-Type": "application/json"} if body else {}
        self.http.request(method, self.path + path, body and json.dumps(body), headers)
        response = self.http.getresponse()
        return response.status, response.getheader("titan-version"), response.read().decode()


def ask(url):
    connection = Connection(url)
    for method, path, body in (("GET", "/loss", None), ("GET", "/accuracy", None), ("POST", "/prediction", HOUSE)):
        status, version, answer = connection.send(method, path, body)
        print(f"{version} {method:4} {url.path}{path:12} {status} {answer.strip()}")
        if status != 200:
            sys.exit(1)


def load(url, command):
    stop, lock = threading.Event(), threading.Lock()
    answers, failures = collections.Counter(), []

    def client():
        connection = Connection(url)
        while not stop.is_set():
            try:
                status, version, _ = connection.send("POST", "/prediction", HOUSE)
            except (OSError, http.client.HTTPException) as error:
                with lock:
                    failures.append(repr(error))
                return
            with lock:
                answers[version] += 1
                if status != 200:
                    failures.append(f"{version} answered {status}")

    clients = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    code = subprocess.run(command).returncode
    time.sleep(1)
    stop.set()
    for thread in clients:
        thread.join()
    counts = ", ".join(f"{count} by {version}" for version, count in sorted(answers.items()))
    print(f"{sum(answers.values())} requests answered ({counts}), {len(failures)} failed")
    for failure in failures[:5]:
        print(f"  {failure}")
    sys.exit(code or bool(failures))


def main():
    match sys.argv[1:]:
        case [url, "ask"]:
            ask(urllib.parse.urlsplit(url))
        case [url, "load", "--", *command] if command:
            load(urllib.parse.urlsplit(url), command)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
