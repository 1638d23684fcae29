"""What the machine is, and which titan is measured on it."""

import platform
import subprocess
from pathlib import Path


def describe(places):
    """Processor, memory, system, and titan's version."""
    info = Path("/proc/cpuinfo").read_text()
    values = dict(
        (part.strip() for part in line.split(":", 1)) for line in info.split("\n\n")[0].splitlines() if ":" in line
    )
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return {
        "processor": values.get("model name", platform.machine()),
        "cores": info.count("processor\t"),
        "virtual": "hypervisor" in values.get("flags", "").split(),
        "memory_bytes": int(memory["MemTotal"].split()[0]) * 1024,
        "kernel": platform.release(),
        "titan": _output(places.titan, "--version"),
        "commit": _output("git", "-C", Path(__file__).parent, "describe", "--always", "--dirty"),
        "rustc": _output("rustc", "--version"),
        "python": platform.python_version(),
    }


def _output(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout.strip()


def load():
    """How many threads wanted to run on average over the last minute, which says whether the machine was quiet."""
    return float(Path("/proc/loadavg").read_text().split()[0])
