"""The refusals of an agent, as errors of ours."""

from __future__ import annotations

from agent import wire
from orchestrator.devices.remote.answers import Refusal
from orchestrator.devices.remote.gate import last_words, read_answer
from orchestrator.errors import (
    AgentFailed,
    AnswerRefused,
    ConnectionLost,
    DeviceBusy,
    DeviceUnfit,
    FarmError,
    TransferBroken,
)

#: A program that a signal ended has this much more than the signal's number as its status.
KILLED_ABOVE = 128


def refusal_of(device: str, printed: bytes, status: int) -> FarmError:
    """Return the error that the last line of what an agent ``printed`` is; it ended with ``status``."""
    try:
        refusal = read_answer(Refusal, printed, f"{device}: the agent's refusal")
    except AnswerRefused:
        if status > KILLED_ABOVE:
            return ConnectionLost(f"{device}: the agent's command was killed there by signal {status - KILLED_ABOVE}")
        words = last_words(printed, 2_000) or "it printed nothing"
        return AgentFailed(
            f"{device}: the agent failed with status {status}: {words}",
            hint=f"look at the device: farm devices check {device}",
            status=status,
        )
    code, message = refusal.error, " ".join(refusal.message.split())
    if code == wire.BUSY:
        return DeviceBusy(f"{device}: {message}", hint="wait for it, or ask its holder to stop it")
    if code == wire.BLOB_BROKEN:
        return TransferBroken(f"{device}: {message}")
    if code in (wire.NO_SPACE, wire.UNFIT):
        room = f"make room there: farm devices clean {device}" if code == wire.NO_SPACE else None
        return DeviceUnfit(f"{device}: {message}", hint=room)
    return AgentFailed(f"{device}: {message}", status=status, code=code)
