"""Host keys of devices, confirmed by whoever knows the device."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config.private_folder import make_private
from orchestrator.errors import UsageError
from orchestrator.transports import known_hosts as trusted_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector
    from orchestrator.transports.known_hosts import HostKey

    #: Given a device, the key it shows and those trusted for its address so far, returns or raises `FarmError`.
    Confirm = Callable[[Device, HostKey, Sequence[HostKey]], None]


def trust(device: Device, connector: Connector, confirm: Confirm) -> HostKey:
    """Trust the host key that ``device`` shows now, in place of any other; raises what ``confirm`` raises."""
    if device.address is None:
        raise UsageError(f"{device.name}: it is reached without SSH, so it has no host key")
    with draft_of(connector) as draft:
        keys = confirmed(device, draft, confirm)
    for key in keys:
        trusted_keys.trust(connector.known_hosts, key)
    return keys[-1]


@contextmanager
def draft_of(connector: Connector) -> Iterator[Connector]:
    """Give a connector that trusts the same host keys in a file of its own, which may change."""
    make_private(connector.known_hosts.parent)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "known_hosts"
        draft.write_bytes(trusted_keys.content(connector.known_hosts))
        yield replace(connector, known_hosts=draft)


def confirmed(device: Device, draft: Connector, confirm: Confirm) -> list[HostKey]:
    """Confirm the key that ``device`` shows, and before it those of jump hosts unknown so far; write them to ``draft``."""
    from orchestrator.transports.ssh import server_name, shown_key

    keys = []
    if device.via is not None:
        hop = device.via
        if not trusted_keys.known(draft.known_hosts, server_name(hop, draft)):
            keys += confirmed(hop, draft, confirm)
    key = shown_key(device, draft)
    confirm(device, key, trusted_keys.known(draft.known_hosts, key.name))
    trusted_keys.trust(draft.known_hosts, key)
    return [*keys, key]


@contextmanager
def trusted_unless_it_fails(known_hosts: Path, keys: Sequence[HostKey]) -> Iterator[None]:
    """Trust ``keys``; an exception inside restores what was trusted before."""
    is_new = not known_hosts.exists()
    before = [old for key in keys for old in trusted_keys.known(known_hosts, key.name)]
    for key in keys:
        trusted_keys.trust(known_hosts, key)
    try:
        yield
    except BaseException:
        for key in keys:
            trusted_keys.forget(known_hosts, key.name)
        for old in before:
            trusted_keys.trust(known_hosts, old)
        if is_new and not trusted_keys.content(known_hosts):
            known_hosts.unlink()
        raise


def server_names(device: Device, connector: Connector) -> set[str]:
    """Return how known_hosts calls the device's server and those of its jump hosts; raises `UsageError` by ssh_config."""
    from orchestrator.transports.ssh import server_name

    return {server_name(host, connector) for host in (device, *device.hops) if host.address is not None}
