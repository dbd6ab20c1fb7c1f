"""How far devices are from each other on the same images with the same artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.accuracy.scored import with_images
from orchestrator.domain.case import Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from orchestrator.analysis.accuracy.scored import Scored
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

#: Images that are named.
WORST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one device with one runtime answered."""

    run: str
    device: str
    runtime: str
    #: Largest and mean absolute difference from the median of all sides, of any image and finding.
    largest: float
    mean: float
    #: The side that is farthest away, and by how much at most; ``None`` where there is no other.
    farthest: str | None
    apart: float | None
    #: Largest and mean difference from the controller's own scores of the golden images, over attempts; ``None`` where unknown.
    controller_largest: float | None
    controller_mean: float | None

    @property
    def name(self) -> str:
        """The device with its runtime."""
        return f"{self.device} {self.runtime}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstImage:
    """An image that devices answer differently."""

    image: str
    finding: str
    #: Whether it shows the finding.
    positive: bool
    low: float
    low_side: str
    high: float
    high_side: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One artifact on all devices that scored the same images with it."""

    model: str
    scheme: str
    batch: int
    artifact: str
    dataset: str
    images: int
    sides: tuple[Side, ...]
    #: Worst first; no image twice, none on which all sides agree.
    worst: tuple[WorstImage, ...]


def divergences(store: Queries, rows: Iterable[ResultRow], worst: int = WORST) -> tuple[Divergence, ...]:
    """Return the divergence of each artifact of ``rows`` whose scores are stored with their images.

    The scores of one artifact are in memory at a time. Cases that differ in threads share a scoring, and are one side.
    """
    groups: dict[tuple[str, str, int], dict[tuple[str, str, str], list[ResultRow]]] = {}
    for row in rows:
        if row.artifact is not None:
            # models may share a file, each with a preprocessing or output of its own
            sides = groups.setdefault((row.artifact, row.model, row.batch), {})
            sides.setdefault((row.device, row.runtime, row.run), []).append(row)
    found = []
    for sides in groups.values():
        read: dict[str, list[tuple[list[ResultRow], Scored]]] = {}
        for same in sides.values():
            of = with_images(store, store.scores(same[0].run, Case.parse(same[0].case)))
            if of is not None:
                read.setdefault(of.images.sha256, []).append((same, of))
        found += [_divergence(store, each, worst) for each in read.values()]
    return tuple(sorted(found, key=lambda each: (each.model, each.scheme, each.batch, each.artifact)))


def _divergence(store: Queries, read: Sequence[tuple[list[ResultRow], Scored]], worst: int) -> Divergence:
    rows = [same[0] for same, _ in read]
    images = read[0][1].images
    scores = np.stack([of.scores.astype(np.float64) for _, of in read])
    apart = np.abs(scores - np.median(scores, axis=0))
    names = [f"{row.device} {row.runtime}" for row in rows]
    sides = []
    for place, (same, _) in enumerate(read):
        far = np.abs(scores - scores[place]).reshape(len(scores), -1).max(axis=1, initial=0.0)
        farthest = int(far.argmax()) if len(far) > 1 else None
        from_controller = _from_controller(store, same)
        sides.append(
            Side(
                run=rows[place].run,
                device=rows[place].device,
                runtime=rows[place].runtime,
                largest=float(apart[place].max(initial=0.0)),
                mean=float(apart[place].mean()) if apart[place].size else 0.0,
                farthest=names[farthest] if farthest is not None and far[farthest] else None,
                apart=float(far[farthest]) if farthest is not None else None,
                controller_largest=from_controller[0],
                controller_mean=from_controller[1],
            )
        )
    return Divergence(
        model=rows[0].model,
        scheme=rows[0].scheme,
        batch=rows[0].batch,
        artifact=rows[0].artifact or "",
        dataset=images.dataset,
        images=len(images.names),
        sides=tuple(sides),
        worst=tuple(_worst(read[0][1], scores, names, worst)),
    )


def _worst(of: Scored, scores: NDArray[np.float64], names: Sequence[str], count: int) -> list[WorstImage]:
    """Return the images on whose worst finding the sides [sides, images, classes] are farthest apart."""
    spread = np.ptp(scores, axis=0)
    if not spread.size:
        return []
    columns = spread.argmax(axis=1)
    largest = spread[np.arange(len(columns)), columns]
    found = []
    for image in np.argsort(-largest, kind="stable")[:count]:
        if not largest[image]:
            break
        column = columns[image]
        values = scores[:, image, column]
        found.append(
            WorstImage(
                image=of.images.names[image],
                finding=of.images.classes[column],
                positive=bool(of.labels[image, column]),
                low=float(values.min()),
                low_side=names[int(values.argmin())],
                high=float(values.max()),
                high_side=names[int(values.argmax())],
            )
        )
    return found


def _from_controller(store: Queries, rows: Sequence[ResultRow]) -> tuple[float, float] | tuple[None, None]:
    """Return the largest and the mean difference of the golden check, over the attempts of all cases."""
    differences = [
        (attempt.golden_max_difference, attempt.golden_mean_difference)
        for row in rows
        for attempt in store.measurements(row.run, Case.parse(row.case))
        if attempt.golden_max_difference is not None and attempt.golden_mean_difference is not None
    ]
    if not differences:
        return None, None
    return max(largest for largest, _ in differences), max(mean for _, mean in differences)
