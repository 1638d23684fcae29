"""What only Titan is measured for: deploys, rollbacks, many versions, and what an idle gateway takes."""

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from measure import Client
from model import NOTEBOOKS, entries
from process import Failure, environment, pinned
from server import Server, call, deploy, gateway

STAGE = re.compile(r"(.*) (\d+) ms")


class _Service:
    """A service of a gateway that is running, for `Plan.load`."""

    def __init__(self, name, prepared, process, port):
        self.name, self.prepared, self.process, self.port = "titan", prepared, process, port
        self.path = f"/{name}/prediction"

    ask = Server.ask


def lifecycle(plan, prepared, versions):
    """All of it, in a data folder that is thrown away."""
    with tempfile.TemporaryDirectory(dir=plan.places.folder) as folder:
        for one in _lifecycle(plan, prepared, versions, Path(folder)):
            result = {"part": "lifecycle", "model": prepared.model.name, "server": "titan", **one}
            print(*(f"{key} {value}" for key, value in result.items() if key not in ("model", "server")), flush=True)
            yield result


def _lifecycle(plan, prepared, versions, folder):
    yield {"what": "binary", "bytes": plan.places.titan.stat().st_size}
    marks = [marked(prepared.bundles["reuse"], number, folder) for number in range(10)]
    process, services, admin = gateway(plan.places, plan.server_cores, folder / "few", "lifecycle")
    with process:
        time.sleep(1)
        yield {"what": "idle gateway", "resident": process.resident(), "proportional": process.proportional()}
        yield from _uploads(prepared, marks, process, services, admin, max(10, 4 * plan.rounds))
        yield from _rollbacks(plan, prepared, process, services, admin)
        yield from _notebook(plan, prepared, admin)
    yield from _many(plan, prepared, marks, folder, versions)


def marked(bundle, number, folder):
    """The same bundle with a custom section more in its component: another version as far as a gateway can tell."""
    mark = f"mark {number}".encode()
    section = bytes([len(b"mark")]) + b"mark" + mark
    files = entries(bundle)
    manifest = json.loads(files["manifest.json"])
    part = manifest["component"]
    component = files[part["file"]] + bytes([0, len(section)]) + section
    part |= {"sha256": hashlib.sha256(component).hexdigest(), "bytes": len(component)}
    place = folder / f"mark-{number}"
    for name, content in {**files, "manifest.json": json.dumps(manifest).encode(), part["file"]: component}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    tar = [
        "tar",
        "--format=ustar",
        "--owner=0",
        "--group=0",
        "--mode=0644",
        "--mtime=@0",
        "-cf",
        "-",
        "-C",
        place,
        *files,
    ]
    packed = subprocess.run(tar, check=True, stdout=subprocess.PIPE).stdout
    shutil.rmtree(place)
    return subprocess.run(["zstd", "-1qc"], input=packed, check=True, stdout=subprocess.PIPE).stdout


def _uploads(prepared, marks, process, services, admin, times):
    """From the first byte of an upload to the new version's first answer."""
    for number in range(times):
        since = time.perf_counter()
        version = deploy(admin, "house", marks[number % len(marks)])["version"]
        service = _Service(f"house@{version}", prepared, process, services)
        uploaded = time.perf_counter() - since
        while service.ask() is None:
            pass
        yield {"what": "upload", "seconds": time.perf_counter() - since, "upload_seconds": uploaded, "round": number}


def _rollbacks(plan, prepared, process, services, admin):
    """How long a rollback takes, and what running traffic sees of twenty a second."""
    service = _Service("house", prepared, process, services)
    saturation = plan.load(service, 16)["throughput"]
    for number in range(plan.rounds):
        calm = plan.load(service, 16, rate=saturation / 2)
        yield {"what": "traffic", "rollbacks": 0, "round": number, **calm}
        client = Client(plan, service, 16, rate=saturation / 2)
        taken = []
        while client.running():
            body = json.dumps({"to": f"v{1 + len(taken) % 2}"}).encode()
            since = time.perf_counter()
            call(admin, "POST", "/v1/services/house/rollback", body)
            taken.append(time.perf_counter() - since)
            time.sleep(0.05)
        yield {"what": "traffic", "rollbacks": len(taken), "round": number, **client.finish()}
        yield {"what": "rollback", "seconds": taken, "round": number}


def _notebook(plan, prepared, admin):
    """`titan deploy` of a notebook that does not train, in an image that is there."""
    names = {"TITAN_GATEWAY": f"http://127.0.0.1:{admin}"}
    for number in range(plan.rounds):
        since = time.perf_counter()
        done = subprocess.run(
            pinned([plan.places.titan, "deploy", NOTEBOOKS / "house.ipynb"], [*plan.server_cores, *plan.client_cores]),
            env=environment(names),
            capture_output=True,
            text=True,
        )
        took = time.perf_counter() - since
        if done.returncode:
            raise Failure(f"titan deploy failed: {done.stderr.strip()}")
        stages = re.search(r"^stages: (.*)$", done.stdout, re.MULTILINE)[1].split(", ")
        parts = {
            name: int(milliseconds) / 1e3
            for name, milliseconds in (STAGE.fullmatch(stage).groups() for stage in stages)
        }
        yield {"what": "notebook", "seconds": took, "stages": parts, "round": number}


def _many(plan, prepared, marks, folder, versions):
    """Resident memory of many idle versions, ten a service, and how soon a gateway that has them is up again."""
    data = folder / "many"
    process, _, admin = gateway(plan.places, plan.server_cores, data, "many")
    with process:
        for number in range(versions):
            deploy(admin, f"service-{number // 10}", marks[number % 10])
        time.sleep(2)
        yield {
            "what": "many deployed",
            "versions": versions,
            "resident": process.resident(),
            "proportional": process.proportional(),
        }
    for number in range(plan.rounds):
        since = time.perf_counter()
        process, services, admin = gateway(plan.places, plan.server_cores, data, "many")
        with process:
            service = _Service(f"service-{(versions - 1) // 10}", prepared, process, services)
            while service.ask() is None:
                pass
            first = time.perf_counter() - since
            while not _ready(admin):
                time.sleep(0.005)
            ready = time.perf_counter() - since
            time.sleep(1)
            yield {
                "what": "many restarted",
                "versions": versions,
                "round": number,
                "first_answer": first,
                "ready": ready,
                "resident": process.resident(),
                "proportional": process.proportional(),
            }


def _ready(admin):
    try:
        call(admin, "GET", "/readyz")
    except Failure:
        return False
    return True
