"""A device that a worker of a Dask cluster asks what it is, with its own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.devices.session import connect
from orchestrator.errors import AuthenticationRefused, FarmError, HostKeyRefused
from orchestrator.runs.cluster.orders import error_to_json
from orchestrator.runs.cluster.probe_order import ProbeOrder
from orchestrator.runs.cluster.serving import serve
from orchestrator.runs.probe import agent_facts
from orchestrator.store.event_text import to_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.runs.cluster.line import WorkerLine
    from orchestrator.runs.cluster.serving import Workplace


def carry_out(queue: str, task: str) -> None:
    """Ask the device that the controller behind ``queue`` names, and send there what it answers."""
    serve(queue, task, _ask)


def _ask(line: WorkerLine, text: str, place: Workplace, is_wanted: Callable[[], bool]) -> None:
    del is_wanted  # every exchange with a device has a time limit
    order = ProbeOrder.from_text(text)
    client = connect(order.device, place.connector)
    stage = agent_facts(order.run, client, order.device, order.runtimes)
    try:
        if order.sizes is not None:
            line.send("facts", facts=dict(client.missing(order.sizes).arrived))
            return
        while True:
            line.send("event", event=to_line(next(stage)))
    except StopIteration as end:
        line.send("facts", facts=end.value)
    except FarmError as error:
        line.send("failed", error=error_to_json(explained(error, place)))
    finally:
        client.close()


def explained(error: FarmError, place: Workplace) -> FarmError:
    """Return ``error``; for want of a key, with what counts on a worker."""
    if not isinstance(error, HostKeyRefused | AuthenticationRefused):
        return error
    words = f"worker {place.name} asks it: its own SSH keys count, and {place.connector.known_hosts} there"
    return type(error)(error.message, hint=f"{error.hint}\n  {words}" if error.hint else words)
