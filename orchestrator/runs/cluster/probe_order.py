"""What a controller asks a worker to ask a device, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.device import Device
from orchestrator.store.event_text import decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOrder:
    """A device of a run, with the runtimes that it is to try; with ``sizes``, what it lacks of blobs of these sizes, in bytes."""

    run: str
    device: Device
    runtimes: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None

    def to_text(self) -> str:
        """Return the order as JSON; it holds no key, no password, no path but those of the inventory."""
        plain = {"run": self.run, "device": encode(self.device), "runtimes": self.runtimes, "sizes": self.sizes}
        return json.dumps(plain)

    @classmethod
    def from_text(cls, text: str) -> ProbeOrder:
        """Undo `to_text`. Raises `ValueError`."""
        try:
            plain = json.loads(text)
            device = decode(plain["device"])
            if not isinstance(device, Device):
                raise ValueError("what is to be asked is no device")  # noqa: TRY004  one error for all that is wrong
            runtimes = tuple(map(str, plain["runtimes"]))
            return cls(run=str(plain["run"]), device=device, runtimes=runtimes, sizes=plain["sizes"])
        except (AttributeError, KeyError, RecursionError, TypeError) as error:
            raise ValueError(f"no order to ask a device: {error!r}") from None
