"""Runs an engine module under the wasmtime package: a host that has clocks, entropy and a log, but no models.

What the engine's memory holds is read and written by the canonical ABI, as titan's own host does.
"""

import secrets
import struct
import sys
import time

import wasmtime

STACK = 2 << 20
"""Bytes of Wasm stack: the least the engine is made for."""
MEMORY = 2 << 30
"""Bytes that an instance may use: more is a MemoryError in it."""


class Failure(Exception):
    """What an export of the engine reported. The text is Python's traceback."""


class Engine:
    """One instance. `log` receives what it writes to its standard error."""

    def __init__(self, file, log=sys.stderr.buffer.write):
        config = wasmtime.Config()
        config.max_wasm_stack = STACK
        config.cache = True
        self.store = self._limited(wasmtime.Engine(config))
        self.module = wasmtime.Module.from_file(self.store.engine, file)
        self._log = log
        self._link()

    @staticmethod
    def _limited(engine):
        store = wasmtime.Store(engine)
        store.set_limits(memory_size=MEMORY)
        return store

    def _link(self):
        linker = wasmtime.Linker(self.store.engine)
        for need in self.module.imports:
            if isinstance(need.type, wasmtime.MemoryType):
                self.memory = wasmtime.Memory(self.store, need.type)
                linker.define(self.store, need.module, need.name, self.memory)
                continue
            function = getattr(self, self._name(need), None) or self._absent(need)
            linker.define_func(need.module, need.name, need.type, function)
        self.exports = linker.instantiate(self.store, self.module).exports(self.store)

    @staticmethod
    def _name(need):
        interface = need.module.split(":")[1].split("@")[0]
        return "host_" + "".join(c if c.isalnum() else "_" for c in f"{interface}_{need.name}")

    @staticmethod
    def _absent(need):
        def refuse(*_):
            raise RuntimeError(f"this host lacks {need.module} {need.name}")

        return refuse

    def host_clocks_wall_clock_now(self, to):
        now = time.time_ns()
        self._write(to, struct.pack("<QI", *divmod(now, 10**9)))

    def host_clocks_monotonic_clock_now(self):
        return time.monotonic_ns()

    def host_clocks_monotonic_clock_subscribe_duration(self, nanoseconds):
        self._sleep = nanoseconds
        return 1

    def host_io_poll__method_pollable_block(self, _):
        time.sleep(self._sleep / 1e9)

    def host_io_poll__resource_drop_pollable(self, _):
        pass

    def host_random_random_get_random_u64(self):
        return secrets.randbits(63)

    def host_cli_stderr_get_stderr(self):
        return 1

    def host_io_streams__method_output_stream_blocking_write_and_flush(self, _, at, length, to):
        assert length <= 4096
        self._log(bytes(self._read(at, length)))
        self._write(to, struct.pack("<B", 0))

    def host_io_streams__resource_drop_output_stream(self, _):
        pass

    def host_nn_graph_load_by_name(self, _at, _length, to):
        self._write(to, struct.pack("<Bxxxi", 1, 1))

    def host_nn_errors__method_error_data(self, _, to):
        message = b"this host has no models"
        self._write(to, struct.pack("<II", self._put(message), len(message)))

    def host_nn_errors__resource_drop_error(self, _):
        pass

    def _read(self, at, length):
        return self.memory.read(self.store, at, at + length)

    def _write(self, at, contents):
        self.memory.write(self.store, contents, at)

    def _put(self, contents):
        at = self.exports["cabi_realloc"](self.store, 0, 0, 1, len(contents))
        if contents:
            self._write(at, contents)
        return at

    def _text(self, at):
        where, length = struct.unpack("<II", self._read(at, 8))
        return bytes(self._read(where, length)).decode()

    def _call(self, name, *arguments):
        start = self.exports["__stack_pointer"].value(self.store)
        result = self.exports[name](self.store, *arguments)
        assert self.exports["__stack_pointer"].value(self.store) == start, f"{name} left its stack behind"
        return result

    def _outcome(self, result):
        failed = self._read(result, 1)[0]
        text = self._text(result + 4) if failed else None
        self._call("titan_return", result)
        if failed:
            raise Failure(text)

    def boot(self):
        """Starts Python. Raises Failure."""
        self._outcome(self._call("titan_boot"))

    def freeze(self, state):
        """Loads the bytes `state` and readies the heap. Raises Failure."""
        self._outcome(self._call("titan_freeze", self._put(state), len(state)))

    def call(self, endpoint, request):
        """Answers the request, a str: (status, headers, body). Raises Failure."""
        request = request.encode()
        result = self._call("titan_call", endpoint, self._put(request), len(request))
        if self._read(result, 1)[0]:
            failure = Failure(self._text(result + 12))
            self._call("titan_return", result)
            raise failure
        status, headers, count, body, length = struct.unpack("<HxxIIII", self._read(result + 4, 20))
        pairs = [(self._text(headers + 16 * i), self._text(headers + 16 * i + 8)) for i in range(count)]
        answer = status, pairs, bytes(self._read(body, length))
        self._call("titan_return", result)
        return answer

    def heap(self):
        """Linear memory as it is, for `restore`."""
        return bytes(self._read(0, self.memory.data_len(self.store)))

    def restore(self, heap):
        """A new instance of the same module whose memory is `heap`."""
        other = Engine.__new__(Engine)
        other.store = self._limited(self.store.engine)
        other.module = self.module
        other._log = self._log
        other._link()
        grow = len(heap) - other.memory.data_len(other.store)
        other.memory.grow(other.store, grow // 65536)
        other._write(0, heap)
        return other
