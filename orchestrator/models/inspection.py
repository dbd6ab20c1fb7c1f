"""What a model's file holds, as interpreters see it."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent.runtimes.interpreter import split_delegated
from orchestrator import registry
from orchestrator.domain.model import Preprocess
from orchestrator.errors import FarmError, ModelError, brief
from orchestrator.models import held_preprocessing, onnx_graph, situations, tflite_graph
from orchestrator.models.graph_ends import End
from orchestrator.models.keras_file import KerasFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.models.keras_source import KerasSource

ONNX_RUNTIME = "onnxruntime"
#: Images of noise that ranges are taken from: they change scales, no operator.
NOISE_IMAGES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """The nodes of one operator."""

    name: str
    nodes: int
    #: How many of them LiteRT's default delegate takes; ``None`` where LiteRT does not take the file.
    delegated: int | None
    #: Runtime -> how many of them its delegate takes; only runtimes that take the artifact.
    taken: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeView:
    """What a runtime on this machine makes of an artifact, in a real interpreter."""

    runtime: str
    version: str
    #: ``None`` where it has none, or where it takes no node.
    delegate: str | None = None
    delegated: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactView:
    """A ``.tflite`` in LiteRT's interpreter on this machine, with its default delegate, or an ONNX file; or why it isn't one."""

    scheme: str
    size_bytes: int | None = None
    inputs: tuple[End, ...] = ()
    outputs: tuple[End, ...] = ()
    #: By name.
    operators: tuple[Operator, ...] = ()
    runtimes: tuple[RuntimeView, ...] = ()
    #: Multiply-accumulates of one image.
    macs: int | None = None
    #: Preprocessing at its input.
    preprocessing: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """A file."""

    path: str
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    parameters: int
    artifacts: tuple[ArtifactView, ...]
    #: Preprocessing that the model does itself: a suite's ``preprocess:`` must not do it again.
    preprocessing: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ModelView:
        """Undo `dataclasses.asdict` and a trip through JSON."""
        artifacts = tuple(
            ArtifactView(
                **{
                    **each,
                    **_ends(each),
                    "operators": tuple(Operator(**one) for one in each["operators"]),
                    "runtimes": tuple(RuntimeView(**one) for one in each["runtimes"]),
                    "preprocessing": tuple(each["preprocessing"]),
                }
            )
            for each in plain["artifacts"]
        )
        values = {"artifacts": artifacts, "preprocessing": tuple(plain["preprocessing"])}
        return cls(**{**plain, **_ends(plain), **values})


def look_into(path: Path, *, schemes: Sequence[str], size: int, output: str | None) -> ModelView:
    """Return what the file at ``path`` holds; raises `ModelError` where it can't be read.

    A Keras model is converted by each of ``schemes``, with ``size`` for height and width that are free. A conversion that
    fails is an artifact with an ``error``.
    """
    if path.suffix.lower() == ".tflite":
        graph = tflite_graph.read(path)
        view = _artifact("as-is", path)
        return ModelView(
            path=str(path),
            inputs=view.inputs,
            outputs=view.outputs,
            parameters=graph.parameters,
            artifacts=(view,),
            preprocessing=view.preprocessing,
        )
    if path.suffix.lower() == ".onnx":
        return _onnx(path, size)
    source, how = _keras(path, size, output)
    model = source.keras
    image, scores = model.inputs[0], model.outputs[0]
    [name] = getattr(model, "output_names", [scores.name])
    return ModelView(
        path=str(path),
        inputs=(End(name=image.name, shape=tuple(image.shape), dtype=str(image.dtype)),),
        outputs=(End(name=name, shape=tuple(scores.shape), dtype=str(scores.dtype)),),
        parameters=source.weights,
        artifacts=tuple(_converted(source, how, scheme) for scheme in schemes),
        preprocessing=held_preprocessing.words(held_preprocessing.of_keras(model)),
    )


def _onnx(path: Path, size: int) -> ModelView:
    """Return what an ONNX file states of itself, and whether ONNX Runtime takes it."""
    graph = onnx_graph.read(path)
    try:
        import onnxruntime
    except ImportError:
        missing = ArtifactView(scheme="as-is", error=f"ONNX Runtime is not installed: {onnx_graph.INSTALL}")
        return _onnx_model(path, graph, missing)
    try:
        onnxruntime.set_default_logger_severity(4)
        onnxruntime.InferenceSession(graph.content, providers=["CPUExecutionProvider"])
        taken: Mapping[str, int] | None = graph.operators
        refusal = None
    except Exception as error:  # noqa: BLE001  ONNX Runtime raises what it likes
        taken, refusal = None, situations.translated(error, situations.ONNX, ModelError, str(path)).message
    view = ArtifactView(
        scheme="as-is",
        size_bytes=len(graph.content),
        inputs=graph.inputs,
        outputs=graph.outputs,
        operators=tuple(
            Operator(name=name, nodes=count, delegated=None, taken={} if taken is None else {ONNX_RUNTIME: taken[name]})
            for name, count in sorted(graph.operators.items())
        ),
        runtimes=(RuntimeView(runtime=ONNX_RUNTIME, version=onnxruntime.__version__, error=refusal),),
        macs=onnx_graph.macs(graph, size),
        preprocessing=held_preprocessing.words(graph.held),
        error=refusal,
    )
    return _onnx_model(path, graph, view)


def _onnx_model(path: Path, graph: onnx_graph.Graph, view: ArtifactView) -> ModelView:
    return ModelView(
        path=str(path),
        inputs=graph.inputs,
        outputs=graph.outputs,
        parameters=graph.parameters,
        artifacts=(view,),
        preprocessing=held_preprocessing.words(graph.held),
    )


def _keras(path: Path, size: int, output: str | None) -> tuple[KerasSource, Preprocess]:
    """Return the model with its sides fixed."""
    sides = KerasFile(str(path), preprocess=Preprocess(height=size, width=size, channels=3)).image_sides()
    height, width, channels = (side or other for side, other in zip((*sides, 0, 0, 0), (size, size, 3), strict=False))
    how = Preprocess(height=height, width=width, channels=channels)
    return KerasFile(str(path), output=output, preprocess=how).load(), how


def _converted(source: KerasSource, how: Preprocess, name: str) -> ArtifactView:
    scheme = registry.find("scheme", name)()
    if scheme.format != "tflite":
        words = f"scheme {name} makes .{scheme.format}, which LiteRT's interpreter doesn't take"
        return ArtifactView(scheme=name, error=words)
    noise = np.random.default_rng(0).random((NOISE_IMAGES, 1, how.height, how.width, how.channels), np.float32)

    def calibration() -> Iterator[NDArray[np.float32]]:
        yield from noise

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.tflite"
        try:
            scheme.convert(source, 1, calibration, path)
            return _artifact(name, path)
        except FarmError as error:
            return ArtifactView(scheme=name, error=error.message)
        except Exception as error:  # noqa: BLE001  a converter may raise anything; the others go on
            return ArtifactView(scheme=name, error=f"{type(error).__name__}: {brief(error)}")


def _artifact(scheme: str, path: Path) -> ArtifactView:
    """Return what interpreters on this machine make of the file; raises `ModelError` where all refuse it."""
    runtimes: list[RuntimeView] = []
    opened: dict[str, tuple[list[Mapping[str, Any]], set[int]]] = {}
    refusal: Exception | None = None
    for runtime, (package, start) in interpreters().items():
        try:
            interpreter = start(str(path))
            interpreter.allocate_tensors()
            nodes, delegated = split_delegated(interpreter._get_ops_details())  # noqa: SLF001  nothing public lists nodes
        except Exception as error:  # noqa: BLE001  interpreters raise what they like
            refusal = refusal or error
            runtimes.append(RuntimeView(runtime=runtime, version=version(package), error=brief(error)))
            continue
        delegate = "XNNPACK" if delegated else None
        runtimes.append(
            RuntimeView(runtime=runtime, version=version(package), delegate=delegate, delegated=len(delegated))
        )
        opened[runtime] = nodes, delegated
    if not opened:
        assert refusal is not None  # noqa: S101  there is at least one interpreter
        raise situations.translated(refusal, situations.INTERPRETING, ModelError, str(path)) from refusal
    nodes, _ = next(iter(opened.values()))
    names = [str(node["op_name"]) for node in nodes]
    taken = {runtime: [names[number] for number in delegated] for runtime, (_, delegated) in opened.items()}
    graph = tflite_graph.read(path)
    return ArtifactView(
        scheme=scheme,
        size_bytes=path.stat().st_size,
        inputs=graph.inputs,
        outputs=tuple(  # by the names that a suite's `output:` takes
            replace(end, name=name) for name, end in zip(graph.output_names, graph.outputs, strict=True)
        ),
        operators=tuple(
            Operator(
                name=name,
                nodes=names.count(name),
                delegated=taken.get("litert", []).count(name),
                taken={runtime: every.count(name) for runtime, every in taken.items()},
            )
            for name in sorted(set(names))
        ),
        runtimes=tuple(runtimes),
        macs=graph.macs,
        preprocessing=held_preprocessing.words(graph.held),
    )


def interpreters() -> dict[str, tuple[str, Callable[[str], Any]]]:
    """Return the runtimes of ``.tflite`` files on this machine: name -> its package, and what opens a file."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    known: dict[str, tuple[str, Callable[[str], Any]]] = {
        "litert": ("ai-edge-litert", lambda path: Interpreter(model_path=path, num_threads=1)),
        "litert-builtin": (
            "ai-edge-litert",
            lambda path: Interpreter(model_path=path, num_threads=1, experimental_op_resolver_type=plain),
        ),
    }
    if importlib.util.find_spec("tflite_runtime") is not None:
        from tflite_runtime.interpreter import Interpreter as Older

        known["tflite"] = "tflite-runtime", lambda path: Older(model_path=path, num_threads=1)
    return known


def _ends(plain: Mapping[str, Any]) -> dict[str, tuple[End, ...]]:
    return {
        name: tuple(End(**{**end, "shape": tuple(end["shape"])}) for end in plain[name])
        for name in ("inputs", "outputs")
    }
