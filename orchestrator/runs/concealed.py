"""How devices are reached, left out of what is stored of a run."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.transports.connector import Connector

#: What stands for an address, a user, a key.
HIDDEN = "…"
#: Fields of events in which farm writes why something failed; people see them whole on the screen.
_TEXTS = ("reason", "error")


class Concealed:
    """Hides how ``devices`` and their jump hosts are reached: whoever steals a database finds no way to them."""

    def __init__(self, devices: Sequence[Device], connector: Connector) -> None:
        self._devices, self._connector = devices, connector
        self._pattern: re.Pattern[str] | None = None

    def __call__(self, event: Event) -> Event:
        """Return ``event`` as it is stored."""
        texts = {name: text for name in _TEXTS if isinstance(text := getattr(event, name, None), str)}
        changes: dict[str, Any] = {
            name: changed for name, text in texts.items() if (changed := self.hidden(text)) != text
        }
        return replace(event, **changes) if changes else event

    def hidden(self, text: str) -> str:
        """Return ``text`` without addresses, users, ports and keys."""
        if self._pattern is None:
            names = {device.name for device in self._all()}
            words = {word for device in self._all() for word in self._ways(device)} - names - {""}
            longest_first = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
            self._pattern = re.compile(rf"(?<![\w.@-])(?:{longest_first})(?::\d+)?(?![\w@-])" if words else "(?!)")
        return self._pattern.sub(HIDDEN, text).replace(f" ({HIDDEN}):", ":")  # `pi5 (pi@10.0.0.5): off` is `pi5: off`

    def _all(self) -> Iterator[Device]:
        for device in self._devices:
            yield from (device, *device.hops)

    def _ways(self, device: Device) -> Iterator[str]:
        """Yield the words that lead to ``device``, as the inventory and ssh_config(5) have them; a user alone may be any word."""
        if device.address is None:
            return
        yield from (device.destination, device.address, f"as {device.user}", device.identity_file or "")
        try:
            options = self._connector.ssh.options(device.address, device.user, device.port)
        except FarmError:  # its own message says so
            return
        for host in (device.address, options.host):
            yield from (host, f"[{host}]", f"{options.user}@{host}")
        yield from (f"as {options.user}", *options.jumps, *map(str, options.identity_files))
