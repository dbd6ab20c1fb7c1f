"""What to run, before devices are asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What offline throughput is measured with, beside single-stream latency."""

    #: How many work side by side, each with the suite's number of threads.
    interpreters: tuple[int, ...]
    batches: tuple[int, ...] = (1,)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Throughput:
        """Undo `dataclasses.asdict` and a trip through JSON."""
        return cls(interpreters=tuple(plain["interpreters"]), batches=tuple(plain["batches"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Every point of the matrix that is asked for, before devices are known."""

    models: tuple[ModelSpec, ...]
    dataset: DatasetSpec
    schemes: tuple[str, ...] = ("float32", "dynamic", "float16", "int8")
    runtimes: tuple[str, ...] = ("litert",)
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
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain values from which `from_json` makes the same suite."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Suite:
        """Undo `to_json`; raises `SuiteError` for what another version of farm wrote otherwise."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()
        }
        try:
            values["models"] = tuple(ModelSpec.from_json(model) for model in plain["models"])
            values["dataset"] = DatasetSpec(**plain["dataset"])
            if plain.get("throughput") is not None:
                values["throughput"] = Throughput.from_json(plain["throughput"])
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise SuiteError(
                f"cannot read the suite stored with the run: {type(error).__name__}: {error}",
                hint="another version of farm wrote it; use that version for this run",
            ) from error
