"""What a run read of its dataset, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.domain.dataset import DatasetSummary

#: A largest 8-bit value below this makes nearly black images.
DARK = 64
#: Classes, and reasons for leaving files out, that a line names.
LISTED = 6


def lines(summary: DatasetSummary, *, limit: int | None = None, is_scored: bool = True) -> Iterator[str]:
    """Yield what was read: the evaluation part by class, the other parts, pixels and patients, what was left out.

    ``limit`` is the most images to score, ``None`` for all; with ``is_scored`` false latency alone is measured.
    """
    counts = {part.part: part for part in summary.parts}
    evaluation = counts.pop("evaluation")
    by_class = _listed(evaluation.by_class, "{0} {1}")
    patients = f"{summary.patients} patient{'s' if summary.patients != 1 else ''}"
    classes = f" ({by_class})" if by_class else ""
    first = [f"evaluates {_images(evaluation.images)}{classes}"]
    if not is_scored:
        first = [f"{_images(evaluation.images)}{classes} for latency alone, without accuracy"]
    elif limit is not None and limit < evaluation.images:
        first[0] += f", scores at most {limit} of them"
    first += [f"{name} {part.images}" for name, part in counts.items()]
    if summary.pixel_range is None:
        yield "; ".join([*first, patients])
    else:
        yield "; ".join(first)
        low, high = summary.pixel_range
        dark = ", nearly black" if high < DARK else ""
        modes = f"mode {' and '.join(summary.modes)} ({_images(summary.sampled)} looked at)"
        yield f"pixels {low}..{high}{dark}, {modes}; {patients}{_matched(summary)}"
    if summary.left_out:
        files = sum(summary.left_out.values())
        yield f"left out {files} file{'s' if files != 1 else ''}: {_listed(summary.left_out, '{1} {0}')}"


def _matched(summary: DatasetSummary) -> str:
    if summary.pattern is None:
        return ""
    images = sum(part.images for part in summary.parts)
    if summary.unmatched == 0:
        return f" by `{summary.pattern}`"
    if summary.unmatched == images:
        return f": `{summary.pattern}` matches no file name, so every image counts as a patient of its own (see `patient:`)"
    return f": `{summary.pattern}` does not match {_images(summary.unmatched)}, each counts as a patient of its own"


def _images(count: int) -> str:
    return f"{count} image{'s' if count != 1 else ''}"


def _listed(counts: Mapping[str, int], form: str) -> str:
    shown = [form.format(name, count) for name, count in list(counts.items())[:LISTED]]
    return ", ".join(shown + (["…"] if len(counts) > LISTED else []))
