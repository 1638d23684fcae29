"""The results as a page in Markdown, and the table of targets. Reads measurements, which are plain dicts."""

from statistics import median

from model import MODELS
from server import LABELS

IN_PROCESS = (
    "tract, batch 1",
    "onnxruntime, batch 1",
    "tract, batch 64",
    "onnxruntime, batch 64",
    "handler, reused instance",
    "handler, fresh instance: call",
    "handler, fresh instance: made, called, dropped",
)


class Results:
    """Measurements by what they are of."""

    def __init__(self, results):
        self.runs, self.measurements = results["runs"], results["measurements"]

    def of(self, part, **wanted):
        """The measurements of a part whose fields have these values."""
        return [
            one
            for one in self.measurements
            if one["part"] == part and all(one.get(field) == value for field, value in wanted.items())
        ]

    def values(self, part, field, **wanted):
        """A field of each, such as `throughput` or `latency_us.p50`; those that lack it are left out."""
        found = []
        for one in self.of(part, **wanted):
            for name in field.split("/"):
                one = (one or {}).get(name)
            if one is not None:
                found.append(one)
        return found

    def middle(self, part, field, **wanted):
        """The median of a field, or None."""
        values = self.values(part, field, **wanted)
        return median(values) if values else None

    def names(self, part, known, **wanted):
        """Which of the known servers or models there are."""
        key = "model" if known is MODELS else "server"
        there = {one[key] for one in self.of(part, **wanted)}
        return [name for name in known if name in there]


def number(value):
    """Three significant digits, with commas between thousands."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(values, scale=1.0):
    """The median, and the range in brackets."""
    if not values:
        return ""
    scaled = sorted(value * scale for value in values)
    if len(scaled) == 1 or number(scaled[0]) == number(scaled[-1]):
        return number(median(scaled))
    return f"{number(median(scaled))} ({number(scaled[0])} to {number(scaled[-1])})"


def table(head, rows):
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def document(results):
    """The whole page."""
    data = Results(results)
    sections = [
        "# Results\n\nMade by `benches/compare/run.sh`; [the page above](../README.md) says how. Medians of rounds, "
        "their range in brackets. Times are microseconds unless it says otherwise.\n",
        "## Machine\n\n" + machines(data),
        "## Targets\n\nFor the 10-32-32-1 network unless it says otherwise.\n\n" + targets(results),
    ]
    for name in data.names("closed", MODELS):
        sections.append(
            f"## {MODELS[name].label}, closed loop\n\n![throughput](throughput-{name}.svg)\n\n" + closed(data, name)
        )
    for name in data.names("open", MODELS):
        sections.append(
            f"## {MODELS[name].label}, latency against load\n\nFixed rates, latency from when a request was due.\n\n"
            f"![latency against load](load-{name}.svg)\n\n" + open_loop(data, name)
        )
    for name in data.names("shared", MODELS):
        sections.append(
            f"## {MODELS[name].label}, client and server on the same cores\n\n"
            "All of the machine's cores for both, 16 connections.\n\n" + shared(data, name)
        )
    for part, title, rows in (
        ("in-process", "Without HTTP", in_process),
        ("memory", "Memory", memory),
        ("cold", "Cold start", cold),
        ("lifecycle", "Titan's deploys and versions", lifecycle),
    ):
        if data.of(part):
            sections.append(f"## {title}\n\n" + rows(data))
    return "\n".join(sections)


def machines(data):
    """What each run was made on."""
    lines = []
    for run, one in enumerate(data.runs):
        if not any(measurement["run"] == run for measurement in data.measurements):
            continue
        machine = one["machine"]
        packages = "; ".join(f"{name}: {versions}" for name, versions in one["packages"].items())
        lines.append(
            f"- {one['started']}, `{one['command']}`: {one['rounds']} rounds of {one['seconds']} s. "
            f"{machine['processor']}, "
            f"{machine['cores']} cores{' of a virtual machine' if machine['virtual'] else ''}, "
            f"{machine['memory_bytes'] / 2**30:.0f} GiB, Linux {machine['kernel']}. Servers on core "
            f"{', '.join(map(str, one['server_cores']))}, the client on core "
            f"{', '.join(map(str, one['client_cores']))}. Load of the machine before: {one['load_before']}. "
            f"{machine['titan']} ({machine['commit']}), {machine['rustc']}, "
            f"Python {machine['python']}; {packages}."
        )
    return "\n".join(lines) + "\n"


def closed(data, model):
    """Throughput and latency at each number of connections."""
    rows = []
    for connections in sorted({one["connections"] for one in data.of("closed", model=model)}):
        fastapi = data.middle("closed", "throughput", model=model, server="fastapi", connections=connections)
        for server in data.names("closed", LABELS, model=model):
            where = {"model": model, "server": server, "connections": connections}
            throughput = data.values("closed", "throughput", **where)
            times = [number(data.middle("closed", f"latency_us/{at}", **where)) for at in ("p99", "p99.9")]
            ratio = number(median(throughput) / fastapi) if fastapi else ""
            refused = sum(
                count
                for one in data.of("closed", **where)
                for status, count in one["statuses"].items()
                if status != "200"
            )
            rows.append(
                [
                    str(connections),
                    LABELS[server],
                    spread(throughput),
                    ratio,
                    spread(data.values("closed", "latency_us/p50", **where)),
                    *times,
                    number(data.middle("closed", "server_cores_used", **where)),
                    str(refused or ""),
                ]
            )
    head = [
        "connections",
        "server",
        "requests/s",
        "of FastAPI",
        "p50",
        "p99",
        "p99.9",
        "server's cores used",
        "not 200",
    ]
    return table(head, rows)


def open_loop(data, model):
    """Latency at each rate."""
    rows = []
    for server in data.names("open", LABELS, model=model):
        for share in sorted({one["share"] for one in data.of("open", model=model, server=server)}):
            where = {"model": model, "server": server, "share": share}
            times = [spread(data.values("open", f"latency_us/{at}", **where)) for at in ("p50", "p99", "p99.9")]
            rate = number(data.middle("open", "rate", **where))
            rows.append(
                [LABELS[server], f"{share:.0%}", rate, number(data.middle("open", "throughput", **where)), *times]
            )
    return table(["server", "of saturation", "asked, requests/s", "answered", "p50", "p99", "p99.9"], rows)


def shared(data, model):
    """Throughput on all cores."""
    rows = []
    fastapi = data.middle("shared", "throughput", model=model, server="fastapi-workers")
    for server in data.names("shared", LABELS, model=model):
        where = {"model": model, "server": server}
        throughput = data.values("shared", "throughput", **where)
        ratio = number(median(throughput) / fastapi) if fastapi else ""
        rows.append(
            [LABELS[server], spread(throughput), ratio, spread(data.values("shared", "latency_us/p50", **where))]
        )
    return table(["server", "requests/s", "of FastAPI with a worker a core", "p50"], rows)


def in_process(data):
    """Times without HTTP."""
    rows = []
    for model in data.names("in-process", MODELS):
        for what in IN_PROCESS:
            times = [
                spread(data.values("in-process", f"latency_us/{at}", model=model, server=what))
                for at in ("p50", "p99", "p99.9")
            ]
            rows.append([MODELS[model].label, what, *times])
    return table(["model", "what", "p50", "p99", "p99.9"], rows)


def memory(data):
    """Resident memory."""
    rows = []
    for model in data.names("memory", MODELS):
        for server in data.names("memory", LABELS, model=model):
            where = {"model": model, "server": server}
            cells = [
                spread(data.values("memory", field, when=when, **where), 1e-6)
                for when in ("idle", "load")
                for field in ("resident", "proportional")
            ]
            rows.append([MODELS[model].label, LABELS[server], *cells])
    text = (
        "Of a server's processes together, in MB: idle after the first answer, and the peak under load from 256 "
        "connections. In the proportional columns a page that n processes share counts 1/n for each; there, the load's "
        "is read when it has ended.\n\n"
    )
    head = ["model", "server", "idle, resident", "idle, proportional", "load, resident", "load, proportional"]
    return text + table(head, rows)


def cold(data):
    """Start to first answer."""
    rows = [
        [LABELS[server], spread(data.values("cold", "seconds", server=server), 1e3)]
        for server in data.names("cold", LABELS)
    ]
    return (
        "From the start of the process to its first answer. Titan's version is deployed, its engine compiled.\n\n"
        + table(["server", "ms"], rows)
    )


def lifecycle(data):
    """Titan's own measurements."""

    def values(what, field, **wanted):
        return data.values("lifecycle", field, what=what, **wanted)

    rollbacks = [seconds for one in values("rollback", "seconds") for seconds in one]
    versions = next(iter(values("many restarted", "versions")), 0)
    rows = [
        ["binary", "MB", spread(values("binary", "bytes"), 1e-6)],
        ["gateway without a version, resident", "MB", spread(values("idle gateway", "resident"), 1e-6)],
        ["the same, proportional", "MB", spread(values("idle gateway", "proportional"), 1e-6)],
        ["bundle upload to first answer", "ms", spread(values("upload", "seconds"), 1e3)],
        ["of that, the upload", "ms", spread(values("upload", "upload_seconds"), 1e3)],
        [f"rollback ({len(rollbacks)} of them, under load)", "ms", spread(rollbacks, 1e3)],
        ["p99 at half of saturation", "us", spread(traffic(data, rolling=False))],
        ["the same during rollbacks", "us", spread(traffic(data, rolling=True))],
        ["`titan deploy` of the notebook, which does not train", "s", spread(values("notebook", "seconds"))],
        [
            "of that, running the notebook (importing Keras)",
            "s",
            spread([v["run notebook"] for v in values("notebook", "stages")]),
        ],
        [f"{versions} versions after their deploys, resident", "MB", spread(values("many deployed", "resident"), 1e-6)],
        ["the same, proportional", "MB", spread(values("many deployed", "proportional"), 1e-6)],
        [f"{versions} versions after a restart, resident", "MB", spread(values("many restarted", "resident"), 1e-6)],
        ["the same, proportional", "MB", spread(values("many restarted", "proportional"), 1e-6)],
        ["restart with them: first answer", "ms", spread(values("many restarted", "first_answer"), 1e3)],
        ["restart with them: all services loaded", "ms", spread(values("many restarted", "ready"), 1e3)],
    ]
    return table(["what", "unit", "value"], rows)


def traffic(data, rolling):
    """The p99 of running traffic with or without rollbacks, of every round in which it was answered at all."""
    rounds = [one for one in data.of("lifecycle", what="traffic") if bool(one["rollbacks"]) == rolling]
    return [one["latency_us"]["p99"] for one in rounds if one["latency_us"]]


def targets(results):
    """The table of targets, with what was measured and whether it is reached."""
    data = Results(results)
    rows = []
    for what, target, measured, reached in _targets(data):
        verdict = "not measured" if reached is None else "reached" if reached else "not reached"
        rows.append([what, target, measured if reached is not None else "", verdict])
    return table(["measure", "target", "measured", "verdict"], rows)


def _targets(data):
    """Yields measure, target, what was measured, and whether that reaches it; None where the run does not say."""

    def http(server, field, connections, model="house"):
        return data.middle("closed", field, model=model, server=server, connections=connections)

    def one(what, target, value, limit, show):
        known = value is not None and limit is not None
        return what, target, show if known else "", value <= limit if known else None

    def ratio(value, base):
        return value / base if value is not None and base else None

    p50 = {server: http(server, "latency_us/p50", 1) for server in LABELS}
    titan = p50["titan"]
    for base, factor in (("fastapi", 4), ("kernel-gateway", 500)):
        times = ratio(p50[base], titan)
        yield one(
            "p50 at 1 connection",
            f"at most 1/{factor} of {LABELS[base]}",
            times and 1 / times,
            1 / factor,
            f"{number(titan)} us, 1/{number(times)} of {number(p50[base])}",
        )
    floor = p50["echo"]
    yield one(
        "p50 at 1 connection",
        "at most 2x the bare echo + 20 us",
        titan,
        floor and 2 * floor + 20,
        f"{number(titan)} us, echo {number(floor)}",
    )
    many = {server: http(server, "throughput", 16) for server in LABELS}
    times = ratio(many["titan"], many["fastapi"])
    yield one(
        "throughput at 16 connections, server and client on cores of their own",
        "at least 6x FastAPI with a worker a core",
        times and -times,
        -6,
        f"{number(times)}x: {number(many['titan'])}/s",
    )
    both = {server: data.middle("shared", "throughput", model="house", server=server) for server in LABELS}
    times = ratio(both["titan"], both["fastapi-workers"])
    yield one(
        "throughput at 16 connections, both on all cores",
        "at least 6x FastAPI with a worker a core",
        times and -times,
        -6,
        f"{number(times)}x: {number(both['titan'])}/s",
    )
    half = [
        data.middle("open", f"latency_us/{at}", model="house", server="titan", share=0.5) for at in ("p50", "p99.9")
    ]
    times = ratio(half[1], half[0])
    yield one(
        "p99.9 at half of saturation",
        "at most 5x p50",
        times,
        5,
        f"{number(times)}x: {number(half[1])} of {number(half[0])} us",
    )
    fresh = [
        data.middle("in-process", f"latency_us/{at}", model="house", server=IN_PROCESS[5]) for at in ("p50", "p99")
    ]
    yield one("`fresh`: p50 in the handler", "at most 150 us", fresh[0], 150, f"{number(fresh[0])} us")
    yield one("`fresh`: p99 in the handler", "at most 500 us", fresh[1], 500, f"{number(fresh[1])} us")
    times = ratio(many["titan-fresh"], many["fastapi"])
    yield one(
        "`fresh`: throughput at 16 connections",
        "at least that of FastAPI + onnxruntime",
        times and -times,
        -1,
        f"{number(times)}x: {number(many['titan-fresh'])}/s",
    )
    handler = data.middle("in-process", "latency_us/p50", model="house", server=IN_PROCESS[4])
    known = None not in (titan, floor, handler)
    own = titan - floor - handler if known else None
    yield one(
        "the gateway's own time: p50 at 1 connection less the echo's and the handler's",
        "at most 15 us",
        own,
        15,
        f"{number(own)} us" if known else "",
    )
    for batch, names in ((1, IN_PROCESS[0:2]), (64, IN_PROCESS[2:4])):
        tract, onnx = (data.middle("in-process", "latency_us/p50", model="large", server=name) for name in names)
        yield one(
            f"10-1000x4-1 on one thread, batch {batch}",
            "within 1.2x of onnxruntime",
            ratio(tract, onnx),
            1.2,
            f"{number(ratio(tract, onnx))}x: {number(tract)} us",
        )
    upload = data.middle("lifecycle", "seconds", what="upload")
    yield one("bundle upload to first answer", "at most 150 ms", upload, 0.15, f"{number(upload and upload * 1e3)} ms")
    rollbacks = [seconds for one in data.values("lifecycle", "seconds", what="rollback") for seconds in one]
    rollback = median(rollbacks) if rollbacks else None
    yield one("rollback", "at most 2 ms", rollback, 0.002, f"{number(rollback and rollback * 1e3)} ms")
    calm, during = (traffic(data, rolling) for rolling in (False, True))
    times = median(during) / median(calm) if calm and during else None
    yield one("p99 of running traffic during rollbacks", "within 1.2x", times, 1.2, f"{number(times)}x")
    deploys = [o["seconds"] - o["stages"]["run notebook"] for o in data.of("lifecycle", what="notebook")]
    deploy = median(deploys) if deploys else None
    yield one("notebook deploy less running the notebook", "at most 3 s", deploy, 3, f"{number(deploy)} s")
    count = data.middle("lifecycle", "versions", what="many restarted")
    empty = data.middle("lifecycle", "resident", what="idle gateway")
    full = data.middle("lifecycle", "resident", what="many deployed")
    each = (full - empty) / count / 1e6 if None not in (count, empty, full) else None
    yield one(
        "idle version, resident",
        "at most 1 MB",
        each,
        1,
        f"{number(each)} MB, mean of {number(count)} after their deploys",
    )
    ready = data.middle("lifecycle", "ready", what="many restarted") if count and count >= 1000 else None
    yield one("start with 1,000 versions of 100 services", "under 3 s", ready, 3, f"{number(ready)} s")
    yield one(
        "gateway without a version, resident",
        "at most 60 MB",
        empty and empty / 1e6,
        60,
        f"{number(empty and empty / 1e6)} MB",
    )
    size = data.middle("lifecycle", "bytes", what="binary")
    yield one("binary", "at most 60 MB", size and size / 1e6, 60, f"{number(size and size / 1e6)} MB")
