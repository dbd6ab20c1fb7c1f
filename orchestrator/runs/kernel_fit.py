"""Cases whose artifact the runtime of their device can't load or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator import registry
from orchestrator.domain.plan import Skip
from orchestrator.models import kernel_needs
from orchestrator.runtimes import catalogue, kernel_releases

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.case import Case
    from orchestrator.domain.plan import Plan
    from orchestrator.domain.suite import Suite
    from orchestrator.models.kernel_needs import Need
    from orchestrator.runs.build import Key
    from orchestrator.runs.probe import ProbeResults


def needs_of(
    suite: Suite, artifacts: Mapping[Key, Artifact], path: Callable[[str], Path], before: Mapping[Key, Need | None]
) -> dict[Key, Need | None]:
    """Return the newest kernels that each of ``artifacts`` needs, read from its file unless ``before`` has them.

    ``artifacts`` are by model, scheme and batch; ``path`` finds one by its sha256.
    """
    return {
        key: before[key] if key in before else kernel_needs.newest(path(artifact.sha256).read_bytes())
        for key, artifact in artifacts.items()
        if registry.find("scheme", suite.scheme_kind(key[1])).format == "tflite"
    }


def unfit(
    plan: Plan,
    suite: Suite,
    probed: ProbeResults,
    artifacts: Mapping[Key, Artifact],
    needs: Mapping[Key, Need | None],
) -> tuple[Skip, ...]:
    """Return the cases of ``plan`` that their device could not load, or would answer nonsense to, each with the reason.

    ``artifacts`` are by model, scheme and batch, those that are known; ``needs`` are those of `needs_of`.
    """
    skips = []
    for case in plan.cases:
        key = case.model, case.scheme, case.batch
        reason = _unread(case, artifacts[key]) if key in artifacts else None
        need = needs.get(key)
        if reason is None and need is not None:
            reason = _refused_by_suite(suite, case, need) or _refused_by_runtime(probed, case, need)
        if reason is not None:
            skips.append(Skip(case=case, reason=f"{case.scheme} of {case.model}: {reason}"))
    return tuple(skips)


def _unread(case: Case, artifact: Artifact) -> str | None:
    entry = catalogue.find(case.runtime)
    if entry is None or entry.chooses_output or not artifact.checks.get("reads"):
        return None
    return f"it has several outputs, {entry.name} reads files of one; use litert"


def _refused_by_suite(suite: Suite, case: Case, need: Need) -> str | None:
    compat = suite.compat_of(case.scheme)
    if compat is None or need.release <= kernel_releases.release_in(compat):
        return None
    return f"{need}, the suite has `compat: {compat}`"


def _refused_by_runtime(probed: ProbeResults, case: Case, need: Need) -> str | None:
    version = probed.of(case.device).versions.get(case.runtime, "")
    release = kernel_releases.release_of(case.runtime, version)
    if release is None or need.release <= release:
        return None
    entry = catalogue.find(case.runtime)
    package = (entry.versions_of if entry is not None else None) or case.runtime
    of = "" if str(release) == version else f" with the kernels of {release}"
    return f"{need}, {case.device} has {package} {version}{of}"
