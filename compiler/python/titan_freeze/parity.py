"""Answers every endpoint's sample request in the notebook's own kernel, for the compiler to compare the version with.

The cells are run by the very code that runs them in the engine, in the package `titan` below this one; what they
compute with is the kernel's own: its Python, its libraries, its models, the way it shows a value.

Every answer starts from the variables as they were frozen. Where that is safe an endpoint answers in a child process,
which has a copy of everything, may crash, and is held to the version's memory. Libraries such as TensorFlow have
threads of their own, which a child would lack: there it answers in this process, on deep copies of the variables.
Models are then shared, and so is what cannot be copied.
"""

import base64
import copy
import faulthandler
import json
import os
import resource
import select
import signal
import sys
import time
import warnings

from .outside import Reach

RUNS = 2
"""Answers of every endpoint: one whose answers differ cannot be compared with anything."""
LONG = 1.0
"""Seconds after which an answer is not asked for again: deploys are waited for."""
EMPTY = {"body": "", "args": {}, "path": {}, "headers": {}}
_THREADED = {"tensorflow", "torch", "jax"}
# What a library may reserve in this process beside what a request needs, and a thread of numpy's libraries, in bytes.
_HEADROOM = 4 << 30
_THREAD = 16 << 20


def _use_one_thread():
    """The threads of OpenMP, which scikit-learn computes with, are not there in a child: it must not wait for them."""
    if "threadpoolctl" in sys.modules:
        sys.modules["threadpoolctl"].threadpool_limits(1)


class _TimeUp(BaseException):
    """A handler's own `except Exception` must not stop it."""


def record(kernel, capture, samples, events, limit, memory):
    """Sends an event `answers` for every endpoint. A request may take `limit` seconds, and `memory` bytes beyond what
    the kernel has."""
    _silence()
    kernel_answers = _Answers(kernel, capture, limit, memory)
    for number, endpoint in enumerate(capture.endpoints):
        reach = Reach(endpoint, kernel, capture.modules.local)
        sample = samples[endpoint.export]
        known = sample is not None or "REQUEST" not in reach.names
        if known or endpoint.method == "GET":
            answers = kernel_answers.of(number, json.dumps(EMPTY) if sample is None else sample)
        else:
            answers = []
        events.send(
            "answers",
            endpoint=endpoint.export,
            request=sample if sample is not None else json.dumps(EMPTY),
            mock=known,
            outside=reach.outside,
            answers=answers,
        )


def _silence():
    """Nobody is to read what handlers write to the terminal: it was not asked for."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # The notebook may have closed or replaced it.
            pass
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    for name in ("keras", "tf_keras"):
        keras = sys.modules.get(name)
        if keras is not None:
            # It goes to standard output; models of the engine show none.
            keras.utils.Progbar.update = lambda *arguments, **options: None


class _Answers:
    def __init__(self, kernel, capture, limit, memory):
        # Imported when the notebook has run: it takes the variables of `__main__`, and changes `json.loads` as in the
        # engine.
        from .titan import display, endpoint, renew, serve

        loads = json.loads
        serve.boot()
        for name, value in list(kernel.names.items()):
            if value is loads:
                kernel.names[name] = json.loads
        display.bundle = kernel.bundle
        kernel.hide_displays()
        self._serve, self._endpoint, self._renew = serve, endpoint.Endpoint, renew.renew
        self._kernel, self._capture, self._limit, self._memory = kernel, capture, limit, memory
        self._in_child = not capture.models and _THREADED.isdisjoint(sys.modules)

    def of(self, number, request):
        """The answers to `request`; fewer than RUNS if there is no use in another."""
        answers = []
        for _ in range(RUNS):
            self._reseed()
            began = time.monotonic()
            answers.append(self._child(number, request) if self._in_child else self._here(number, request))
            if "missing" in answers[-1] or time.monotonic() - began > LONG:
                break
        return answers

    def _reseed(self):
        """As when an instance starts."""
        for name in ("random", "numpy.random"):
            module = sys.modules.get(name)
            if module is not None:
                module.seed()
        self._renew(self._capture.generators)

    def _answer(self, number, request):
        """The answer, as the package describes it."""
        endpoint = self._capture.endpoints[number]
        try:
            with _Alarm(self._limit):
                self._serve._endpoints[:] = [self._endpoint(endpoint.head(None))]
                result = self._serve.call(0, request)
        except _TimeUp:
            result = None
        if result is None or len(result) == 2 and result[0].startswith(_TimeUp.__name__):
            return {"missing": f"it runs for more than {self._limit:g} s"}
        if len(result) == 2:
            return {"raised": result[0]}
        status, headers, body = result
        response = {"status": status, "headers": headers, "body": base64.b64encode(body).decode()}
        return {"response": response}

    def _bounded(self, number, request, memory):
        """The answer, given with no more than `memory` bytes beyond what this process has."""
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        with open("/proc/self/statm") as file:
            limit = int(file.read().split()[0]) * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
        try:
            return self._answer(number, request)
        except MemoryError:
            # Not even its own traceback had room.
            return {"raised": "MemoryError"}
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    def _child(self, number, request):
        """The answer, given by a copy of this process."""
        read, write = os.pipe()
        with warnings.catch_warnings():
            # About threads: those of numpy's libraries are made anew in a child.
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                _use_one_thread()
                answer = self._bounded(number, request, self._memory + _THREAD * os.cpu_count())
                with open(write, "wb") as pipe:
                    pipe.write(json.dumps(answer).encode())
            finally:
                os._exit(0)
        os.close(write)
        # The alarm in the child comes first, unless C code or a lock holds it up.
        text = _read(read, time.monotonic() + self._limit + 1)
        os.close(read)
        if text is None:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if text is None:
            return {"missing": f"it runs for more than {self._limit:g} s"}
        if not text:
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            return {"missing": f"it ends the notebook's Python {how}"}
        return json.loads(text)

    def _here(self, number, request):
        """The answer, given by this process; the variables are afterwards what they were."""
        names = self._kernel.names
        before = dict(names)
        names.update(self._copies())
        # C code does not notice the alarm. Ending here leaves the rest unchecked, which the compiler then says.
        faulthandler.dump_traceback_later(self._limit + 10, exit=True, file=sys.__stderr__)
        try:
            return self._bounded(number, request, self._memory + _HEADROOM)
        finally:
            faulthandler.cancel_dump_traceback_later()
            names.clear()
            names.update(before)

    def _copies(self):
        """Deep copies of the variables that travel. Objects that several hold stay one object."""
        memo = {id(model): model for model in self._capture.models}
        copies = {}
        for name, variable in self._capture.variables.items():
            try:
                copies[name] = copy.deepcopy(variable.value, memo)
            except Exception:
                # Modules, and what else cannot be copied.
                copies[name] = variable.value
        return copies


class _Alarm:
    """Raises _TimeUp in what it surrounds when the time is up."""

    def __init__(self, limit):
        self._limit = limit

    def __enter__(self):
        self._before = signal.signal(signal.SIGALRM, _time_up)
        # Again and again: a handler may catch it.
        signal.setitimer(signal.ITIMER_REAL, self._limit, 0.1)

    def __exit__(self, *_):
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)


def _time_up(number, frame):
    raise _TimeUp


def _read(file, deadline):
    """All that can be read until the file's end; None if that does not come in time."""
    parts = []
    while select.select([file], [], [], max(0, deadline - time.monotonic()))[0]:
        part = os.read(file, 1 << 20)
        if not part:
            return b"".join(parts)
        parts.append(part)
    return None
