"""Two sets of kernels for each format of artifact: the one that devices use by default, another that rounds otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from orchestrator.errors import brief

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.runtimes.base import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """How an artifact is loaded from its path; of a ready file also from the numbers of the outputs to read."""

    usual: Callable[..., Loaded]
    other: Callable[..., Loaded]


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """What of the kernels takes an artifact."""

    #: Those that devices use by default, else the others.
    first: Loaded
    #: The other ones beside; ``None`` where only one set takes it.
    second: Loaded | None
    #: Why one set does not take the artifact, with its name; ``None`` where both do.
    refusal: str | None


def load(form: str, path: str, outputs: Sequence[int] = ()) -> Available:
    """Load an artifact with the kernels that take it: what one runtime's delegate refuses, another runtime may run.

    ``outputs`` are the numbers of those to read, none where it has one. Raises what the usual kernels raise where none takes it.
    """
    kernels, chosen = BY_FORMAT[form], (outputs,) if outputs else ()
    try:
        first = kernels.usual(path, *chosen)
    except Exception as error:  # noqa: BLE001  interpreters raise what they like
        try:
            return Available(
                first=kernels.other(path, *chosen),
                second=None,
                refusal=f"the default kernels refuse it: {brief(error)}",
            )
        except Exception:  # noqa: BLE001
            raise error from None
    try:
        return Available(first=first, second=kernels.other(path, *chosen), refusal=None)
    except Exception as error:  # noqa: BLE001
        return Available(first=first, second=None, refusal=f"the kernels without a delegate refuse it: {brief(error)}")


def _litert(path: str, outputs: Sequence[int] = ()) -> Loaded:
    from agent.runtimes import litert

    return cast("Loaded", litert.load(path, 1, outputs))


def _litert_without_xnnpack(path: str, outputs: Sequence[int] = ()) -> Loaded:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from agent.runtimes.interpreter import InterpreterLoaded

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=path, experimental_op_resolver_type=kernels, num_threads=1)
    return cast("Loaded", InterpreterLoaded(interpreter, outputs))


def _onnxruntime(path: str, outputs: Sequence[int] = ()) -> Loaded:
    from agent.runtimes import onnxruntime

    return onnxruntime.load(path, 1, outputs)


def _onnxruntime_unfused(path: str, outputs: Sequence[int] = ()) -> Loaded:
    from agent.runtimes import onnxruntime

    return onnxruntime.load(path, 1, outputs, optimized=False)


def _tensorflow(path: str) -> Loaded:
    from agent.runtimes import tensorflow

    return tensorflow.load_keras(path)


#: Format of an artifact -> its kernels.
BY_FORMAT: Mapping[str, Kernels] = {
    "tflite": Kernels(usual=_litert, other=_litert_without_xnnpack),
    "onnx": Kernels(usual=_onnxruntime, other=_onnxruntime_unfused),
    "keras": Kernels(usual=_tensorflow, other=_tensorflow),
}
