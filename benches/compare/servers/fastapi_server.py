"""Runs `fastapi_app` under uvicorn with uvloop and httptools.

fastapi_server.py [WORKERS]     serves on a free port of the loopback interface and prints it
"""

import socket
import sys

import uvicorn
from uvicorn.supervisors import Multiprocess


def main(workers=1):
    """Serves with as many processes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        "fastapi_app:app", workers=workers, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    # The listener as a socket and not by its number, for which uvicorn would not switch Nagle's algorithm off.
    if workers == 1:
        server.run(sockets=[listener])
    else:
        Multiprocess(config, sockets=[listener]).run()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
