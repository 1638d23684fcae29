"""What is measured of every server alike, in rounds.

Within a round every server has its turn before the next round begins, so that whatever slows the machine down for a
while meets all of them. Every function yields measurements, which are plain dicts.
"""

import json
import statistics
import subprocess
import time
from contextlib import ExitStack

from process import Failure, Peak, environment, pinned
from server import FLOOR, HERE, SLOW, Server

CONNECTIONS = (1, 16, 256)
# Shares of what a server answers at most at 16 connections, at which latency is measured.
SHARES = (0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0)
# Enough that one is idle whenever a request is due, unless the server cannot keep up.
OPEN_CONNECTIONS = 64


class Plan:
    """Where, how long and how often is measured."""

    def __init__(self, places, server_cores, client_cores, seconds, rounds):
        self.places, self.server_cores, self.client_cores = places, server_cores, client_cores
        self.seconds, self.rounds = seconds, rounds

    def load(self, server, connections, rate=None, cores=None):
        """One run of the client against a server."""
        return Client(self, server, connections, rate, cores).finish()


class Client:
    """A run of the client that has begun."""

    def __init__(self, plan, server, connections, rate=None, cores=None):
        seconds = plan.seconds
        if server.name in SLOW:
            # Its answers take tens of milliseconds each, one after the other.
            seconds = max(seconds, 4, connections / 12)
        command = [
            plan.places.load,
            f"127.0.0.1:{server.port}",
            server.path,
            server.prepared.body,
            "--connections",
            connections,
            "--seconds",
            seconds,
            "--warmup",
            min(0.5, seconds / 4),
        ]
        if rate:
            command += ["--rate", rate]
        self.server, self.cpu, self.since = server, server.process.cpu_seconds(), time.perf_counter()
        self.popen = subprocess.Popen(
            pinned(command, cores or plan.client_cores),
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def running(self):
        """Whether it goes on."""
        return self.popen.poll() is None

    def finish(self):
        """Waits for its end; what it measured, and how many cores the server used meanwhile."""
        try:
            output, errors = self.popen.communicate()
        except BaseException:
            self.popen.kill()
            raise
        used = (self.server.process.cpu_seconds() - self.cpu) / (time.perf_counter() - self.since)
        if self.popen.returncode:
            log = self.server.process.log
            raise Failure(f"the client failed against {self.server.name}: {errors.strip()} (server's log: {log})")
        return json.loads(output) | {"server_cores_used": used}


def started(stack, names, prepared, places, cores):
    """The servers with one model, each after its first answer; all must answer the same."""
    servers, reference = {}, None
    for name in names:
        servers[name] = server = stack.enter_context(Server(name, prepared, places, cores))
        answer, _ = server.first_answer()
        if name in FLOOR:
            continue
        reference = reference or (name, answer["answer"])
        pairs = zip(answer["answer"], reference[1], strict=True)
        if any(abs(one - other) > 1e-4 for one, other in pairs):
            raise Failure(f"{name} answers {answer}, {reference[0]} {reference[1]}: they do not serve the same model")
    return servers


def _said(part, model, server, **values):
    print(f"{part:10} {model:8} {server:16}", *(f"{key} {value}" for key, value in values.items()), flush=True)


def _show(part, model, server, how, result):
    latency = result["latency_us"] or {}
    _said(
        part,
        model,
        server,
        **how,
        throughput=round(result["throughput"]),
        p50=latency.get("p50"),
        p99=latency.get("p99"),
    )


def closed(plan, names, prepared):
    """Closed loop at each number of connections, and memory idle and under load."""
    model = prepared.model.name
    with ExitStack() as stack:
        servers = started(stack, names, prepared, plan.places, plan.server_cores)
        time.sleep(1)
        for name, server in servers.items():
            process = server.process
            yield {
                "part": "memory",
                "model": model,
                "server": name,
                "when": "idle",
                "resident": process.resident(),
                "proportional": process.proportional(),
            }
        for number in range(plan.rounds):
            for connections in CONNECTIONS:
                for name, server in servers.items():
                    if name in SLOW and number >= 3:
                        continue
                    with Peak(server.process) as peak:
                        result = plan.load(server, connections)
                    _show("closed", model, name, {"connections": connections}, result)
                    yield {"part": "closed", "model": model, "server": name, "round": number, **result}
                    if connections == CONNECTIONS[-1]:
                        yield {
                            "part": "memory",
                            "model": model,
                            "server": name,
                            "when": "load",
                            "round": number,
                            "resident": peak.bytes,
                            "proportional": server.process.proportional(),
                        }


def open_loop(plan, names, prepared, saturation):
    """At fixed rates, each a share of the server's `saturation`."""
    model = prepared.model.name
    with ExitStack() as stack:
        servers = started(stack, names, prepared, plan.places, plan.server_cores)
        for number in range(plan.rounds):
            for share in SHARES:
                for name, server in servers.items():
                    if name in SLOW and number > 0:
                        continue
                    rate = max(1.0, round(share * saturation[name], 1))
                    result = plan.load(server, OPEN_CONNECTIONS, rate=rate)
                    _show("open", model, name, {"share": share}, result)
                    yield {"part": "open", "model": model, "server": name, "round": number, "share": share, **result}


def shared(plan, names, prepared):
    """Closed loop at 16 connections with server and client both on all cores."""
    model = prepared.model.name
    cores = sorted({*plan.server_cores, *plan.client_cores})
    with ExitStack() as stack:
        servers = started(stack, names, prepared, plan.places, cores)
        for number in range(plan.rounds):
            for name, server in servers.items():
                result = plan.load(server, 16, cores=cores)
                _show("shared", model, name, {"connections": 16}, result)
                yield {"part": "shared", "model": model, "server": name, "round": number, **result}


def cold(plan, names, prepared):
    """From the start of the process to its first answer."""
    model = prepared.model.name
    for name in names:
        # What is made once, such as Titan's data folder with the version in it, is there from then on.
        with Server(name, prepared, plan.places, plan.server_cores) as server:
            server.first_answer()
    for number in range(plan.rounds):
        for name in names:
            if name in SLOW and number >= 3:
                continue
            with Server(name, prepared, plan.places, plan.server_cores) as server:
                _, seconds = server.first_answer()
            _said("cold", model, name, seconds=round(seconds, 3))
            yield {"part": "cold", "model": model, "server": name, "round": number, "seconds": seconds}


def in_process(plan, prepared):
    """Without HTTP: tract, onnxruntime, and the handler in a reused and in a fresh instance."""
    places, model = plan.places, prepared.model.name
    commands = (
        [places.binaries / "in-process", prepared.bundles["reuse"], prepared.body],
        [places.python("fastapi"), "onnxruntime_alone.py", prepared.onnx],
    )
    for number in range(plan.rounds):
        for command in commands:
            done = subprocess.run(
                pinned([*command, "--seconds", plan.seconds / 2], plan.server_cores[:1]),
                env=environment(),
                capture_output=True,
                text=True,
                cwd=HERE / "servers",
            )
            if done.returncode:
                raise Failure(f"{command[0]} failed: {done.stderr.strip()}")
            for what, latency in json.loads(done.stdout).items():
                _said("in-process", model, what, p50=latency["p50"], p99=latency["p99"])
                yield {"part": "in-process", "model": model, "server": what, "round": number, "latency_us": latency}


def saturations(measurements, model):
    """By server: the median throughput at 16 connections."""
    found = {}
    for one in measurements:
        if one["part"] == "closed" and one["model"] == model and one["connections"] == 16:
            found.setdefault(one["server"], []).append(one["throughput"])
    return {name: statistics.median(values) for name, values in found.items()}
