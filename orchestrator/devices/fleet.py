"""One action on many devices, side by side."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from orchestrator.domain.device import Device
from orchestrator.errors import FarmError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")

#: Devices served at once; a device that is off costs a thread some 5 s of waiting.
AT_ONCE = 32
#: No wait is longer: of a process that was stopped, another thread may take the Ctrl-C, which then wakes no lock.
HEARD_WITHIN_S = 1.0
#: Characters of an unexpected exception's words.
SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What an action on one device returned, or why it failed."""

    device: Device
    #: ``None`` where the action failed.
    value: T | None = None
    error: FarmError | None = None

    def to_json(self, **fields: Any) -> dict[str, Any]:
        """Return the device, ``fields``, and the error for programs."""
        return {"device": self.device.name, **fields, **error_fields(self.error)}


def error_fields(error: FarmError | None) -> dict[str, Any]:
    """Return an error for programs: ``error`` is its class; all are ``None`` where there is no error."""
    if error is None:
        return {"error": None, "message": None, "hint": None}
    return {"error": type(error).__name__, "message": error.message, "hint": error.hint}


def for_each(devices: Sequence[Device], act: Callable[[Device], T]) -> Iterator[Outcome[T]]:
    """Call ``act`` for the devices side by side and yield the outcomes in the order of ``devices``.

    What ``act`` raises is that device's outcome, whatever it is: a bug that one device meets costs the others nothing.
    """
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        for future in [pool.submit(_outcome, act, device) for device in devices]:
            while not future.done():
                wait([future], HEARD_WITHIN_S)
            yield future.result()


def as_answered(devices: Sequence[Device], act: Callable[[Device], T]) -> Iterator[Outcome[T]]:
    """Do as `for_each` does, but yield each outcome as soon as it is there."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        waiting = {pool.submit(_outcome, act, device) for device in devices}
        while waiting:
            done, waiting = wait(waiting, HEARD_WITHIN_S, FIRST_COMPLETED)
            for future in done:
                yield future.result()


def _outcome(act: Callable[[Device], T], device: Device) -> Outcome[T]:
    try:
        return Outcome(device=device, value=act(device))
    except FarmError as error:
        return Outcome(device=device, error=error)
    except Exception as error:  # noqa: BLE001  the others go on
        bug = FarmError(
            f"{device.name}: unexpected {type(error).__name__}: {printable(str(error)[:SHOWN])}",
            hint="this is a fault of farm: please report it with the output of farm --version",
        )
        bug.__cause__ = error
        return Outcome(device=device, error=bug)
