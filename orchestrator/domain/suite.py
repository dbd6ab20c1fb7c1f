"""What to run, before devices are asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping


def one_or_more(value: Any) -> tuple[Any, ...]:
    """Return ``value`` as a tuple: a word or a number is one, and no sequence of letters."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What offline throughput is measured with, beside single-stream latency."""

    #: How many work side by side, each with the suite's number of threads.
    interpreters: tuple[int, ...]
    batches: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        for name in ("interpreters", "batches"):
            object.__setattr__(self, name, one_or_more(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Every point of the matrix that is asked for, before devices are known.

    Lists are taken as tuples, and one word or number as a tuple of it: ``Suite(…, devices="local", threads=[1, 2])``.
    """

    models: tuple[ModelSpec, ...]
    dataset: DatasetSpec
    #: Whose images quantization looks at; ``None`` for the calibration part of `dataset`.
    calibration: DatasetSpec | None = None
    #: None: those that models of the kind are measured with.
    schemes: tuple[str, ...] = ()
    #: None: of each artifact the first that takes its format.
    runtimes: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1,)
    batches: tuple[int, ...] = (1,)
    #: ``None`` measures latency alone.
    throughput: Throughput | None = None
    #: Selectors of the inventory.
    devices: tuple[str, ...] = ("all",)
    effort: str = "standard"
    #: Whether cases will be compared, which takes more attempts.
    compare: bool = False
    #: Attempts of a case, each as long as one of the effort's; ``None`` for as many as the effort has.
    attempts: int | None = None
    #: Whether devices are tuned while their lanes run, where the user may.
    tune: bool = False
    #: Whether the operators of each case are timed too, after every attempt.
    profile: bool = False
    seed: int = 0
    #: ``all`` scores every evaluation image on every device, a number at most so many; ``none`` measures latency alone.
    accuracy: str | int = "all"
    #: ``tflite-2.14``: the release of TensorFlow Lite that artifacts must load on, where a scheme has a way; cases of others are
    #: skipped. ``None`` lets each runtime take what it can.
    compat: str | None = None
    #: Scheme of `schemes` with options -> its ``kind``, and what that takes. JSON values only.
    scheme_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("models", "schemes", "runtimes", "threads", "batches", "devices"):
            object.__setattr__(self, name, one_or_more(getattr(self, name)))

    def is_scored(self, model: str) -> bool:
        """Check whether the accuracy of the model called ``model`` is asked for; that of an untrained one never is."""
        untrained = {spec.name for spec in self.models if spec.options.get("untrained")}
        return self.accuracy != "none" and model not in untrained

    @property
    def scored_images(self) -> int | None:
        """The most images to score, ``None`` for all."""
        return self.accuracy if isinstance(self.accuracy, int) else None

    def scheme_kind(self, scheme: str) -> str:
        """Return the plug-in behind a scheme of this suite."""
        return str(self.scheme_options.get(scheme, {}).get("kind", scheme))

    def compat_of(self, scheme: str) -> str | None:
        """Return what the artifacts of a scheme must load on, as the scheme's own entry says it, else the suite."""
        compat = self.scheme_options.get(scheme, {}).get("compat", self.compat)
        return None if compat is None else str(compat)

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `from_json` makes the same suite."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Suite:
        """Undo `to_json`; raises `SuiteError` for what another version of farm wrote otherwise."""
        try:
            values = dict(plain)
            values["models"] = tuple(ModelSpec.from_json(model) for model in plain["models"])
            values["dataset"] = DatasetSpec(**plain["dataset"])
            if plain.get("calibration") is not None:
                values["calibration"] = DatasetSpec(**plain["calibration"])
            if plain.get("throughput") is not None:
                values["throughput"] = Throughput(**plain["throughput"])
            return cls(**values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SuiteError(
                f"cannot read the suite stored with the run: {type(error).__name__}: {error}",
                hint="another version of farm wrote it; use that version for this run",
            ) from error
