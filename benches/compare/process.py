"""Processes on cores of their own: started, watched (memory and CPU time of the whole tree) and stopped with all that
they started."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = resource.getpagesize()


class Failure(Exception):
    """What went wrong and what to do, in one line."""


def pinned(command, cores):
    """The command on these cores only."""
    return ["taskset", "-c", ",".join(map(str, cores)), *map(str, command)]


def environment(more=None):
    """What every process gets: no threads beside its server's own, no backtraces, no telemetry."""
    quiet = {"OMP_NUM_THREADS": "1", "RUST_BACKTRACE": "0", "BENTOML_DO_NOT_TRACK": "True", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return os.environ | quiet | (more or {})


class Process:
    """A server process; its output goes to the file `log`."""

    def __init__(self, command, cores, log, env=None, cwd=None):
        self.log = Path(log)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "w") as output:
            # In a session of its own, so that Ctrl-C reaches this program only, which then stops it in order.
            self.popen = subprocess.Popen(
                pinned(command, cores),
                env=environment(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self):
        """Fails if it has ended."""
        if self.popen.poll() is not None:
            end = "; ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])
            raise Failure(f"{self.popen.args[3]} ended with {self.popen.returncode}: {end} (all of it: {self.log})")

    def first_line(self, prefix="", patience=120):
        """The first line of its output that begins with `prefix`, once it is there."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self.check()
            for line in self.log.read_text(errors="replace").splitlines(keepends=True):
                if line.startswith(prefix) and line.endswith("\n"):
                    return line.strip()
            time.sleep(0.001)
        raise Failure(f"{self.popen.args[3]} did not say where it listens within {patience} s: see {self.log}")

    def tree(self):
        """The numbers of the process and of all that descend from it."""
        children = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() and (stat := _stat(int(entry.name))):
                children.setdefault(int(stat[1]), []).append(int(entry.name))
        found = [self.popen.pid]
        for pid in found:
            found.extend(children.get(pid, []))
        return found

    def resident(self):
        """Resident memory of the tree in bytes; pages that several of its processes share count for each."""
        return _resident(self.tree())

    def proportional(self):
        """As `resident`, but a page that n processes share counts 1/n for each."""
        total = 0
        for pid in self.tree():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return total

    def cpu_seconds(self):
        """CPU time that the tree has used."""
        return sum((int(stat[11]) + int(stat[12])) / TICK for pid in self.tree() if (stat := _stat(pid)))

    def stop(self):
        """Ends the tree, politely for five seconds."""
        tree = self.tree()
        _signal(tree[:1], signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(timeout=5)
        _signal([pid for pid in tree[1:] if _stat(pid)], signal.SIGKILL)
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Peak:
    """The largest resident memory of a process while the `with` block ran, looked at four times a second."""

    def __init__(self, process):
        # Looked up once: finding out who descends from whom takes too long to do it beside a measurement.
        self.tree, self.bytes, self.done = process.tree(), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while True:
            self.bytes = max(self.bytes, _resident(self.tree))
            if self.done.wait(0.25):
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def _resident(pids):
    return sum(int(stat[21]) * PAGE for pid in pids if (stat := _stat(pid)))


def _stat(pid):
    """The fields of /proc/PID/stat after the command's name, from the state on; None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _signal(pids, number):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
