"""LiteRT's C API, called through ctypes, as far as its profiler needs it."""

from __future__ import annotations

import ctypes
import random
import struct
import sys
from array import array
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator

_Handle = ctypes.c_void_p
_Size = ctypes.c_size_t
#: What a library must export to be asked for its events.
NEEDED = (
    "LiteRtCreateCompiledModel",
    "LiteRtCompiledModelGetProfiler",
    "LiteRtResetProfiler",
    "LiteRtStartProfiler",
    "LiteRtStopProfiler",
    "LiteRtGetNumProfilerEvents",
    "LiteRtGetProfilerEvents",
)
_CPU = 1
_WRITE = 1
#: Bits of an event's type: an operator of the graph; one inside a delegate, as two kinds of delegates report it.
_OPERATOR, _DELEGATED = 2, 4 | 8
#: The bytes of an event on a 64-bit processor, and where its fields are: the tag's address, the type, µs taken, the
#: operator's number in its graph, the graph's.
_EVENT = struct.Struct("<QI4xQQ48xQQI4x")
#: More than any version's event, so that a longer one is seen and not written beside the buffer.
_ROOM = 512
_PATTERN = b"\xa5"
#: Numbers of element types, as TensorFlow Lite gives them.
_TYPES = {
    1: "float32",
    2: "int32",
    3: "uint8",
    4: "int64",
    6: "bool",
    7: "int16",
    9: "int8",
    10: "float16",
    11: "float64",
    13: "uint64",
    16: "uint32",
    17: "uint16",
    18: "int4",
    19: "bfloat16",
}
_FLOATS = {"float32": "f", "float64": "d"}
#: What an input is filled with repeats after so many bytes.
_SEED_BYTES = 1 << 16
#: ``LiteRtCpuKernelMode``: XNNPACK and what it leaves, or the interpreter's own kernels alone.
WITH_DELEGATE, BUILTIN = 0, 2


class NoProfiler(Exception):  # noqa: N818  a fact about a runtime, not an error of ours
    """The library has no profiler that we understand."""


class ProfilerFailed(Exception):  # noqa: N818  a fact about artifact and runtime
    """The library refused a call, or its events make no sense."""


class Ran(NamedTuple):
    """One operator that ran: in microseconds, inside a delegate or with its number in its graph."""

    kind: str
    delegated: bool
    number: int
    graph: int
    elapsed_us: int


class Profiler:
    """An artifact compiled for the CPU with LiteRT's profiler; what it holds ends with the process."""

    def __init__(self, library: ctypes.CDLL, path: str, threads: int, kernels: int = WITH_DELEGATE) -> None:
        if struct.calcsize("P") != 8 or sys.byteorder != "little":
            raise NoProfiler("events are understood on 64-bit little-endian processors alone")
        self._library = library
        self._libc = ctypes.CDLL(None)
        self._libc.strdup.restype, self._libc.strdup.argtypes = _Handle, [ctypes.c_char_p]
        self._libc.free.restype, self._libc.free.argtypes = None, [_Handle]
        self._free = ctypes.CFUNCTYPE(None, _Handle)(self._libc.free)
        environment = self._make("LiteRtCreateEnvironment", 0, None)
        self._model = self._make("LiteRtCreateModelFromFile", environment, path.encode())
        options = self._make("LiteRtCreateOptions")
        self._call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        self._add_options(options, b"runtime_options_string", b"enable_profiling = true\n")
        self._add_options(options, b"xnnpack", b"num_threads = %d\nkernel_mode = %d\n" % (threads, kernels))
        self._compiled = self._make("LiteRtCreateCompiledModel", environment, self._model, options)
        signature = self._make("LiteRtGetModelSignature", self._model, _Size(0))
        self._inputs = self._buffers("Input", environment, signature)
        self._outputs = self._buffers("Output", environment, signature)
        self._profiler = self._make("LiteRtCompiledModelGetProfiler", self._compiled)
        if not self._profiler.value:
            raise NoProfiler("its compiled model has no profiler")

    def invocation(self) -> Callable[[], None]:
        """Return what invokes the artifact once; raises `ProfilerFailed`."""
        run = self._library.LiteRtRunCompiledModel
        run.restype = ctypes.c_int
        arguments = (
            *(self._compiled, _Size(0), _Size(len(self._inputs)), self._inputs),
            *(_Size(len(self._outputs)), self._outputs),
        )

        def invoke() -> None:
            status = run(*arguments)
            if status:
                raise ProfilerFailed("LiteRtRunCompiledModel ended with status %d" % status)

        return invoke

    def start(self) -> None:
        """Forget earlier events, then write new ones."""
        self._call("LiteRtResetProfiler", self._profiler)
        self._call("LiteRtStartProfiler", self._profiler)

    def stop(self) -> None:
        """Write no more events."""
        self._call("LiteRtStopProfiler", self._profiler)

    def events(self) -> list[Ran]:
        """Return the operators that ran between start and stop, in order; raises `ProfilerFailed`, `NoProfiler`."""
        counted = ctypes.c_int()
        self._call("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(counted))
        count = counted.value
        if count <= 0:
            raise ProfilerFailed("the profiler wrote no events")
        buffer = ctypes.create_string_buffer(_PATTERN * (count * _ROOM), count * _ROOM)
        self._call("LiteRtGetProfilerEvents", self._profiler, count, buffer)
        return list(operators_in(buffer.raw, count))

    def types(self, graph: int, number: int) -> str:
        """Return the types of an operator's tensors, ``float32, int8 -> float32``; empty where the graph has none."""
        try:
            found = self._make("LiteRtGetModelSubgraph", self._model, _Size(graph))
            operator = self._make("LiteRtGetSubgraphOp", found, _Size(number))
            inputs, outputs = (self._types_of(operator, what) for what in ("Input", "Output"))
        except ProfilerFailed:
            return ""
        return "%s -> %s" % (", ".join(inputs), ", ".join(outputs)) if inputs or outputs else ""

    def _types_of(self, operator: _Handle, what: str) -> list[str]:
        """Return the types of the inputs or outputs of an operator, each once."""
        count = _Size()
        self._call("LiteRtGetNumOp%ss" % what, operator, ctypes.byref(count))
        tensors = (self._make("LiteRtGetOp" + what, operator, _Size(index)) for index in range(count.value))
        names = (_TYPES.get(self._tensor_type(tensor)[0], "") for tensor in tensors if tensor.value)
        return list(dict.fromkeys(name for name in names if name))

    def _tensor_type(self, tensor: _Handle) -> Any:
        """Return LiteRT's structure of an element type and a layout, whose first integer is the type."""
        described = (ctypes.c_int32 * 64)()
        self._call("LiteRtGetRankedTensorType", tensor, ctypes.byref(described))
        return described

    def _buffers(self, what: str, environment: _Handle, signature: _Handle) -> Any:
        """Return buffers for the inputs or outputs; inputs hold numbers that any model might get."""
        count = _Size()
        self._call("LiteRtGetNumSignature%ss" % what, signature, ctypes.byref(count))
        buffers = (_Handle * count.value)()
        for index in range(count.value):
            tensor = self._make("LiteRtGetSignature%sTensorByIndex" % what, signature, _Size(index))
            described = self._tensor_type(tensor)
            need = self._make(
                "LiteRtGetCompiledModel%sBufferRequirements" % what, self._compiled, _Size(0), _Size(index)
            )
            buffer = self._make(
                "LiteRtCreateManagedTensorBufferFromRequirements", environment, ctypes.byref(described), need
            )
            if what == "Input":
                self._fill(buffer, _TYPES.get(described[0], ""))
            buffers[index] = buffer.value
        return buffers

    def _fill(self, buffer: _Handle, kind: str) -> None:
        size = _Size()
        self._call("LiteRtGetTensorBufferSize", buffer, ctypes.byref(size))
        chance = random.Random(0)  # noqa: S311  numbers, no secret
        if kind in _FLOATS:
            block = array(_FLOATS[kind], (chance.random() for _ in range(_SEED_BYTES // 8))).tobytes()
        else:
            block = bytes(chance.getrandbits(8) for _ in range(_SEED_BYTES)) if kind in ("int8", "uint8") else b"\0"
        content = (block * (size.value // len(block) + 1))[: size.value]
        address = _Handle()
        self._call("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), _WRITE)
        ctypes.memmove(address, content, size.value)
        self._call("LiteRtUnlockTensorBuffer", buffer)

    def _add_options(self, options: _Handle, name: bytes, text: bytes) -> None:
        payload = _Handle(self._libc.strdup(text))
        opaque = self._make("LiteRtCreateOpaqueOptions", name, payload, self._free)
        self._call("LiteRtAddOpaqueOptions", options, opaque)

    def _make(self, name: str, *arguments: Any) -> _Handle:
        """Call what writes a handle into its last argument, and return that."""
        made = _Handle()
        self._call(name, *arguments, ctypes.byref(made))
        return made

    def _call(self, name: str, *arguments: Any) -> None:
        function = getattr(self._library, name, None)
        if function is None:
            raise NoProfiler("its library has no %s" % name)
        function.restype = ctypes.c_int
        status = function(*arguments)
        if status:
            raise ProfilerFailed("%s ended with status %d" % (name, status))


def operators_in(raw: bytes, count: int, tag_at: Optional[Callable[[int], bytes]] = None) -> Iterator[Ran]:
    """Yield the operators among ``count`` events in ``raw``; raises `NoProfiler` where another layout was written.

    The pattern that the buffer had shows how much was written. Events of another size have other fields: none is read.
    ``tag_at`` reads the text at an address.
    """
    written = len(raw.rstrip(_PATTERN))
    # The last event may end in padding that was not written.
    if not count * _EVENT.size - 4 <= written <= count * _EVENT.size:
        raise NoProfiler("this version lays its events out in another way (%d bytes for %d of them)" % (written, count))
    read = tag_at or ctypes.string_at
    for place in range(count):
        tag, kind, _, elapsed_us, number, graph, _ = _EVENT.unpack_from(raw, place * _EVENT.size)
        if tag and kind & (_OPERATOR | _DELEGATED):
            name = read(tag).decode(errors="replace")
            yield Ran(name, bool(kind & _DELEGATED), number, graph, elapsed_us)
