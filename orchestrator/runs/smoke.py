"""One quick case on one device, to see that everything works from here to its scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.config import suite as suites
from orchestrator.domain.event import AttemptEnded, BlobSent, BuildFailed, CaseSkipped, LaneSkipped
from orchestrator.runs.farm import Farm
from orchestrator.runtimes.catalogue import scheme_for
from orchestrator.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.transports.connector import Connector


def smoke_case(
    device: str,
    runtime: str,
    inventory: Path,
    state: Path,
    db: str,
    *,
    connector: Connector,
    wheelhouse: Path | None = None,
) -> dict[str, Any]:
    """Measure the built-in model's artifact, not quantized, on ``device`` with effort smoke; the run is stored like any other.

    Returns ``run``, ``case``, ``sent_bytes``, ``invocations``, ``fastest_ns`` (``None`` where nothing was measured) and
    ``why`` not. Never VALID: 10 invocations carry no percentile.
    """
    chosen = suites.narrow(
        suites.built_in(),
        devices=[device],
        schemes=[scheme_for(runtime, "float32")],
        runtimes=[runtime],
        threads=[1],
        effort="smoke",
    )
    outcome: dict[str, Any] = {"run": None, "case": device, "sent_bytes": 0, "invocations": 0}
    outcome |= {"fastest_ns": None, "why": "it did nothing"}
    farm = Farm(inventory, state, connector=connector, wheelhouse=wheelhouse, patience_s=60)
    with Store.open(db) as store:
        for event in farm.run(chosen, store):
            outcome["run"] = event.run
            if isinstance(event, LaneSkipped | CaseSkipped | BuildFailed):
                outcome["why"] = event.error if isinstance(event, BuildFailed) else event.reason
            elif isinstance(event, BlobSent):
                outcome["sent_bytes"] += event.sent_bytes
            elif isinstance(event, AttemptEnded):
                attempt = event.measurement
                outcome |= {"case": str(attempt.case), "why": attempt.error}
                outcome["invocations"] = len(attempt.latency_ns) * attempt.invocations_per_sample
                outcome["fastest_ns"] = float(attempt.per_invocation_ns.min()) if attempt.latency_ns else None
    return outcome
