"""What the agent's directory on a device still holds, listed or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent import wire
from agent.clean_request import WANTED
from orchestrator.devices.remote.answers import FoundLanes, LaneOrigin, LaneStored, Removed
from orchestrator.errors import AgentFailed

if TYPE_CHECKING:
    from agent.clean_request import CleanRequest
    from orchestrator.devices.remote.answers import FoundLane
    from orchestrator.devices.remote.client import AgentClient

#: An old SD card takes so long to walk through its folders.
TIMEOUT_S = 300.0
#: To make an empty file there.
NOTE_S = 20.0


def lanes_on(client: AgentClient) -> tuple[FoundLane, ...]:
    """Return every lane whose journal the device has, of any run, of any controller."""
    return client.answer(FoundLanes, ["lanes"], timeout_s=TIMEOUT_S).lanes


def note_stored(client: AgentClient, lane: str) -> bool:
    """Let the device know that a store has the whole journal of ``lane``: from then on, any controller may clean it away."""
    return client.answer(LaneStored, ["stored", lane], timeout_s=NOTE_S).stored


def origin_of(client: AgentClient, lane: str) -> LaneOrigin:
    """Return what the device keeps of the run of ``lane``, as it is: `orchestrator.devices.remote.origin` reads it."""
    return client.answer(LaneOrigin, ["origin", lane])


def clean(client: AgentClient, request: CleanRequest) -> Removed:
    """Remove what ``request`` describes; return what that was. Raises `DeviceBusy` while a lane runs."""
    try:
        return client.answer(Removed, ["gc"], wire.to_json(request), timeout_s=TIMEOUT_S)
    except AgentFailed as error:
        if error.code != WANTED:
            raise
        hint = "store them by farm collect, or remove them too with --uncollected"
        raise AgentFailed(error.message, hint=hint if "journal" in error.message else None, code=error.code) from error
