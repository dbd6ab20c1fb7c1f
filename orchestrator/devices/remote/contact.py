"""The first contact with a device: its agent is found there, or installed."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from orchestrator.devices.remote import bundle
from orchestrator.devices.remote.answers import Installed, Located
from orchestrator.devices.remote.dialogue import exchange, source_of
from orchestrator.devices.remote.gate import last_words, read_answer
from orchestrator.errors import AnswerRefused, DeviceUnfit, FarmError, TransferBroken

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.device import Device
    from orchestrator.transports.base import Completed, Dialogue, Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A dialogue with an agent, what runs that agent where, the bytes sent for it; close the dialogue after use."""

    dialogue: Dialogue
    runs: str
    workdir: str
    sent_bytes: int
    #: Whether the disk had changed what was installed there.
    is_mended: bool


def reach(transport: Transport, device: Device, python: str, paced: Callable[[BinaryIO], BinaryIO]) -> Contact:
    """Return a dialogue with the agent, installed where it was missing. Raises `DeviceUnfit`."""
    start = bundle.start(device.workdir)
    dialogue = transport.dialogue([python, *start.words])
    with ExitStack() as unless_reached:
        unless_reached.callback(dialogue.close)
        found = _located(device, python, exchange(dialogue, device, "locate", start.program))
        runs, sent = found.runs, 0
        if not found.present:
            done = exchange(dialogue, device, "install", paced(io.BytesIO(start.agent)))
            if done.status:
                raise _not_installed(device, done)
            runs, sent = read_answer(Installed, done.out, source_of(device, "install")).runs, len(start.agent)
        unless_reached.pop_all()
    return Contact(dialogue=dialogue, runs=runs, workdir=found.workdir, sent_bytes=sent, is_mended=found.damaged)


def no_python(device: Device, python: str, words: str) -> DeviceUnfit:
    """Return the error for a device whose ``python`` does not run the agent; ``words`` are what it printed."""
    return DeviceUnfit(
        f"{device.name}: {python} does not run there: {words}",
        hint="install Python 3.9 or later on the device, or set `python:` in its inventory entry",
    )


def _located(device: Device, python: str, done: Completed) -> Located:
    if done.status:
        raise no_python(device, python, _last_words(done))
    try:
        found = read_answer(Located, done.out, f"{device.name}: what {python} printed")
    except AnswerRefused as error:
        words = f"{device.name}: {python} is no Python: {error.message}"
        raise DeviceUnfit(words, hint="set `python:` in its inventory entry") from error
    if found.foreign:
        words = f"{device.name}: {found.workdir} belongs to another user there, who could change what farm runs"
        raise DeviceUnfit(words, hint="set `workdir:` in the inventory to a directory of your own")
    return found


def _not_installed(device: Device, done: Completed) -> FarmError:
    message = f"{device.name}: the agent could not be installed: {_last_words(done)}"
    if b"arrived damaged" in done.err:
        return TransferBroken(message)
    return DeviceUnfit(message, hint="make room there, or name another directory with `workdir:` in the inventory")


def _last_words(done: Completed) -> str:
    return f"{last_words(done.err or done.out) or 'it printed nothing'} (status {done.status})"
