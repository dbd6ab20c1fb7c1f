"""One quick case on one device, which shows that everything works from here to its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.config import suite as suites
from orchestrator.domain.event import AttemptEnded, BlobSent, CaseSkipped, LaneSkipped
from orchestrator.domain.run_event import BuildFailed
from orchestrator.runtimes.catalogue import scheme_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.devices.session import Session
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.runs.farm import Farm
    from orchestrator.store.store import Store

#: A first device is not waited for as long as one in the middle of a run.
PATIENCE_S = 60.0
#: Scored on the way: enough to show that scores come back right, few enough for a slow board.
IMAGES = 60


def smoke_case(
    farm: Farm,
    device: Device,
    runtime: str,
    store: Store,
    *,
    session: Session | None = None,
    show: Callable[[Event], None] = lambda _: None,
) -> dict[str, Any]:
    """Measure tiny-cxr's artifact, not quantized, on ``device`` with effort smoke; the run is stored like any other.

    ``show`` gets what happens. Returns ``run``, ``case``, ``sent_bytes``, ``invocations``, ``fastest_ns`` (``None`` where nothing was measured) and
    ``why`` not. Never VALID: one short attempt decides nothing.
    """
    suite = suites.narrow(
        suites.built_in(["tiny-cxr"]),
        devices=[device.name],
        schemes=[scheme_for(runtime, "float32")],
        runtimes=[runtime],
        threads=[1],
        effort="smoke",
        accuracy=IMAGES,
    )
    result: dict[str, Any] = {"run": None, "case": device.name, "sent_bytes": 0, "invocations": 0}
    result |= {"fastest_ns": None, "why": "nothing was measured"}
    for event in farm.run(suite, [device], store, session=session):
        show(event)
        result["run"] = event.run
        if isinstance(event, LaneSkipped | CaseSkipped | BuildFailed):
            result["why"] = event.error if isinstance(event, BuildFailed) else event.reason
        elif isinstance(event, BlobSent):
            result["sent_bytes"] += event.sent_bytes
        elif isinstance(event, AttemptEnded):
            attempt = event.measurement
            result |= {"case": str(attempt.case), "why": attempt.error}
            result["invocations"] = len(attempt.latency_ns) * attempt.invocations_per_sample
            result["fastest_ns"] = float(attempt.per_invocation_ns.min()) if attempt.latency_ns else None
    return result
