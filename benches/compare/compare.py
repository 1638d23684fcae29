"""Titan beside what a user would pick instead: sets servers up, measures them side by side, and writes the results.

`run.sh` builds what this needs and runs it. See README.md for what is measured and how.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import environments
import machine
import measure
import report
from lifecycle import lifecycle
from model import MODELS, prepare
from process import Failure
from server import ENVIRONMENTS, LABELS, Places

HERE = Path(__file__).parent
PARTS = ("closed", "open", "shared", "cold", "in-process", "lifecycle")
# Servers of each part.
APART = ("echo", "titan", "titan-fresh", "fastapi", "bentoml", "kernel-gateway")
SHARED = ("echo", "titan", "titan-fresh", "fastapi", "fastapi-workers", "bentoml")
COLD = ("titan", "fastapi", "bentoml", "kernel-gateway")


def arguments():
    """The command line."""
    cores = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one round of half a second each: shows that everything works"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes [default: 2]")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is repeated [default: 5]")
    parser.add_argument("--models", type=_some(MODELS), default=list(MODELS), help="of " + ", ".join(MODELS))
    parser.add_argument("--servers", type=_some(LABELS), default=list(LABELS), help="of " + ", ".join(LABELS))
    parser.add_argument("--parts", type=_some(PARTS), default=list(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--versions", type=int, default=200, help="idle versions on one gateway [default: 200]")
    parser.add_argument(
        "--server-cores", type=_cores, default=cores[: max(1, len(cores) - 1)], help="[default: all but the last]"
    )
    parser.add_argument("--client-cores", type=_cores, default=cores[-1:], help="[default: the last]")
    parser.add_argument(
        "--results", type=Path, default=HERE / "results", help="the folder to write [default: results here]"
    )
    parser.add_argument(
        "--into", action="store_true", help="replace in the results what is measured now, and keep the rest"
    )
    parser.add_argument("--only-report", action="store_true", help="write table and plots from the results again")
    parser.add_argument("--only-prepare", action="store_true", help="compile the notebooks and measure nothing")
    parser.add_argument("--binaries", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.seconds, chosen.rounds = 0.5, 1
    return chosen


def _some(known):
    def read(text):
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)} is unknown: choose of {', '.join(known)}, with commas between"
            )
        return names

    return read


def _cores(text):
    try:
        return [int(core) for core in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of cores such as 0,1") from None


def measurements(chosen, plan, prepared, earlier):
    """Everything that was chosen, as it comes."""
    parts, first = chosen.parts, next(iter(prepared.values()))

    def of(names):
        return [name for name in names if name in chosen.servers]

    done = []
    if "in-process" in parts:
        for one in prepared.values():
            yield from measure.in_process(plan, one)
    if "closed" in parts:
        for one in prepared.values():
            for measurement in measure.closed(plan, of(APART), one):
                done.append(measurement)
                yield measurement
    if "open" in parts:
        saturation = measure.saturations([*earlier, *done], first.model.name)
        if missing := [name for name in of(APART) if name not in saturation]:
            raise Failure(
                f"how much {', '.join(missing)} can answer is unknown: measure the part 'closed' too, or first"
            )
        yield from measure.open_loop(plan, of(APART), first, saturation)
    if "shared" in parts:
        yield from measure.shared(plan, of(SHARED), first)
    if "cold" in parts:
        yield from measure.cold(plan, of(COLD), first)
    if "lifecycle" in parts and "titan" in chosen.servers:
        yield from lifecycle(plan, first, chosen.versions)


def key(measurement):
    """What a later run of the same replaces."""
    return measurement["part"], measurement["model"], measurement["server"]


def run(chosen):
    """Measures, and writes the results as they come, so that an interrupted run leaves what it has."""
    places = Places(chosen.binaries.resolve(), chosen.folder.resolve())
    file = chosen.results / "results.json"
    chosen.results.mkdir(parents=True, exist_ok=True)
    if not chosen.only_report:
        needed = sorted({ENVIRONMENTS[name] for name in chosen.servers if name in ENVIRONMENTS})
        if "in-process" in chosen.parts:
            needed = sorted({*needed, "fastapi"})
        for name in needed:
            environments.make(places, name)
        prepared = {name: prepare(MODELS[name], places.titan, places.folder) for name in chosen.models}
        if chosen.only_prepare:
            return
        results = json.loads(file.read_text()) if chosen.into and file.exists() else {"runs": [], "measurements": []}
        number = len(results["runs"])
        results["runs"].append(
            {
                "started": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                "command": " ".join(["run.sh", *_given()]),
                "seconds": chosen.seconds,
                "rounds": chosen.rounds,
                "machine": machine.describe(places),
                "packages": environments.packages(places, needed),
                "load_before": machine.load(),
                "server_cores": chosen.server_cores,
                "client_cores": chosen.client_cores,
            }
        )
        # This program too stays off the servers' cores.
        os.sched_setaffinity(0, chosen.client_cores)
        plan = measure.Plan(places, chosen.server_cores, chosen.client_cores, chosen.seconds, chosen.rounds)
        earlier, new = results["measurements"], []
        try:
            for measurement in measurements(chosen, plan, prepared, earlier):
                new.append({"run": number, **measurement})
        finally:
            again = {key(measurement) for measurement in new}
            results["measurements"] = [one for one in earlier if key(one) not in again] + new
            lines = ",\n".join(json.dumps(one) for one in results["measurements"])
            runs = json.dumps(results["runs"], indent=1)
            file.write_text(f'{{"runs": {runs},\n"measurements": [\n{lines}\n]}}\n')
    results = json.loads(file.read_text())
    (chosen.results / "README.md").write_text(report.document(results))
    environments.make(places, "plots")
    subprocess.run([places.python("plots"), HERE / "plots.py", file, chosen.results], check=True)
    print(report.targets(results))
    print(f"written to {chosen.results}")


def _given():
    """The command line without what `run.sh` adds."""
    return [word for word in sys.argv[1:] if not word.startswith(("--binaries", "--folder"))]


def main():
    """Runs; an error is one line, and whatever ends it stops the servers."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        run(arguments())
    except Failure as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
