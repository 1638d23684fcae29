"""The servers of the comparison: how each is started on cores of its own with one model, and when it is ready."""

import http.client
import json
import re
import shutil
import socket
import time
from pathlib import Path

from process import Failure, Process

HERE = Path(__file__).parent
PATIENCE = 180
LABELS = {
    "echo": "bare hyper echo",
    "titan": "Titan, `reuse`",
    "titan-fresh": "Titan, `fresh`",
    "fastapi": "FastAPI + onnxruntime, one worker",
    "fastapi-workers": "FastAPI + onnxruntime, a worker a core",
    "bentoml": "BentoML + onnxruntime",
    "kernel-gateway": "Jupyter Kernel Gateway + Keras",
}
# The Python environment of each that has one.
ENVIRONMENTS = {
    "fastapi": "fastapi",
    "fastapi-workers": "fastapi",
    "bentoml": "bentoml",
    "kernel-gateway": "kernel-gateway",
}
# Answers so slowly that it is measured for longer.
SLOW = {"kernel-gateway"}
# Answers with something else than the prediction.
FLOOR = {"echo"}


class Server:
    """A server that is running: where it listens, and its process."""

    def __init__(self, name, prepared, places, cores):
        self.name, self.prepared = name, prepared
        self.since = time.perf_counter()
        self.process, self.port, self.path = STARTS[name](prepared, places, cores)

    def ask(self):
        """The answer to the model's request, read as JSON; None as long as nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = self.prepared.body.read_bytes()
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
        except (ConnectionRefusedError, ConnectionResetError, http.client.RemoteDisconnected):
            return None
        finally:
            connection.close()
        if response.status in (404, 502, 503):
            return None
        if response.status != 200:
            raise Failure(f"{self.name} answers {response.status}: {text[:200]!r}; see {self.process.log}")
        return json.loads(text)

    def first_answer(self):
        """Waits for the first answer; that, and how many seconds after its process was started it came."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.process.check()
            answer = self.ask()
            if answer is not None:
                return answer, time.perf_counter() - self.since
            time.sleep(0.001)
        raise Failure(f"{self.name} does not answer within {PATIENCE} s: see {self.process.log}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()


class Places:
    """Where things are."""

    def __init__(self, binaries, folder):
        self.binaries, self.folder = binaries, folder
        self.titan, self.load = binaries / "titan", binaries / "load"

    def python(self, name):
        """The interpreter of an environment."""
        return self.folder / "environments" / name / "bin/python"

    def log(self, name):
        """Where a server's output goes."""
        return self.folder / "logs" / f"{name}.log"


def gateway(places, cores, data, name="titan"):
    """A Titan gateway on the data folder: its process, and the ports of services and admin API."""
    command = [places.titan, "gateway", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", data]
    process = Process(command, cores, places.log(name))
    try:
        return process, *(
            int(re.search(r":(\d+)", process.first_line(kind)[len(kind) :])[1]) for kind in ("services", "admin")
        )
    except BaseException:
        process.stop()
        raise


def deploy(admin, service, bundle):
    """Uploads a bundle, and returns what the gateway says of the version."""
    return call(admin, "POST", f"/v1/services/{service}/versions", bundle, "application/vnd.titan.bundle")


def call(admin, method, path, body=b"", kind="application/json"):
    """One call of a gateway's admin API."""
    connection = http.client.HTTPConnection("127.0.0.1", admin, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    if response.status >= 300:
        raise Failure(f"{method} {path} answers {response.status}: {text.decode(errors='replace')}")
    return json.loads(text) if text else None


def _titan(state):
    def start(prepared, places, cores):
        """Its data folder is kept, so that a second start finds the version deployed: that is its cold start."""
        name = f"titan-{state}"
        data = places.folder / "data" / f"{name}-{prepared.model.name}"
        bundle = prepared.bundles[state]
        made_of = data / "made-of"
        stamp = f"{bundle.stat().st_mtime_ns} {places.titan.stat().st_mtime_ns}"
        new = not made_of.exists() or made_of.read_text() != stamp
        if new:
            shutil.rmtree(data, ignore_errors=True)
        process, services, admin = gateway(places, cores, data / "gateway", name)
        if new:
            try:
                deploy(admin, prepared.model.name, bundle.read_bytes())
            except BaseException:
                process.stop()
                raise
            made_of.write_text(stamp)
        return process, services, f"/{prepared.model.name}/prediction"

    return start


def _prints_port(name, command, env=None):
    def start(prepared, places, cores):
        names = {"MODEL": str(prepared.onnx), "FUNCTION": prepared.model.function}
        process = Process(command(places, cores), cores, places.log(name), names, HERE / "servers")
        try:
            return process, int(process.first_line()), "/prediction"
        except ValueError:
            process.stop()
            raise Failure(f"{name} does not start: see {process.log}") from None

    return start


def _fastapi(workers):
    def command(places, cores):
        return [places.python("fastapi"), "fastapi_server.py", len(cores) if workers else 1]

    return _prints_port("fastapi-workers" if workers else "fastapi", command)


def _bentoml(prepared, places, cores):
    names = {
        "MODEL": str(prepared.onnx),
        "FUNCTION": prepared.model.function,
        "BENTOML_HOME": str(places.folder / "bentoml-home"),
    }
    port = free_port()
    command = [places.python("bentoml"), "-m", "bentoml", "serve", "bentoml_server:Prediction", "--host", "127.0.0.1"]
    process = Process([*command, "--port", port], cores, places.log("bentoml"), names, HERE / "servers")
    return process, port, "/prediction"


def _kernel_gateway(prepared, places, cores):
    python = places.python("kernel-gateway")
    port = free_port()
    options = {
        "api": "kernel_gateway.notebook_http",
        "seed_uri": prepared.model.notebook,
        "port": port,
        "port_retries": 0,
        "log_level": "WARN",
    }
    command = [
        python.with_name("jupyter-kernelgateway"),
        *(f"--KernelGatewayApp.{key}={value}" for key, value in options.items()),
    ]
    names = {"PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin", "JUPYTER_PLATFORM_DIRS": "1"}
    process = Process(command, cores, places.log("kernel-gateway"), names, prepared.model.notebook.parent)
    return process, port, "/prediction"


def free_port():
    """A port that was free a moment ago, for a server that cannot tell which one it took."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


STARTS = {
    "echo": _prints_port("echo", lambda places, cores: [places.binaries / "echo"]),
    "titan": _titan("reuse"),
    "titan-fresh": _titan("fresh"),
    "fastapi": _fastapi(workers=False),
    "fastapi-workers": _fastapi(workers=True),
    "bentoml": _bentoml,
    "kernel-gateway": _kernel_gateway,
}
