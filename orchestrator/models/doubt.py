"""Scores of the model itself that hardly vary over images, with the likely cause."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from agent import scoring
from orchestrator.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Source

#: Scores within 0..1 of a trained classifier that differ by less over images of all classes are of no use; random
#: weights were seen to give 0.001 to 0.05.
FLAT = 0.01
#: As a suite writes it -> scale and mean: the three ranges that models are trained with.
_RANGES = {
    "scale: 1": (1.0, 0.0),
    "scale: 0.00392156862745098": (1 / 255, 0.0),
    "scale: 0.00784313725490196, mean: 1": (1 / 127.5, 1.0),
}


def about(source: Source, pixels: NDArray[np.uint8], how: Preprocess, scores: NDArray[np.float32]) -> str | None:
    """Return what is odd about ``scores`` [n, columns] of ``pixels``, ``None`` where they vary as scores do."""
    spread = float(np.ptp(scores, axis=0).max()) if len(scores) else 1.0
    if spread >= FLAT:
        return None
    what = "are the same for" if spread == 0 else f"differ by {spread:.1g} at most over"
    problem = f"the scores of the model itself, before any conversion, {what} {len(pixels)} images of all classes"
    spreads = {
        words: _spread(source, pixels, replace(how, scale=scale, mean=(mean,), std=(1.0,)))
        for words, (scale, mean) in _RANGES.items()
    }
    best = max(spreads, key=spreads.__getitem__)
    if spreads[best] < max(FLAT, 10 * spread):
        return f"{problem}: is it trained, and are `size` and `channels` those it was trained with?"
    inside = " (the model rescales pixels itself)" if best == "scale: 1" else ""
    return f"{problem}; with `preprocess: {{{best}}}` they differ by {spreads[best]:.2g}{inside}"


def _spread(source: Source, pixels: NDArray[np.uint8], how: Preprocess) -> float:
    try:
        return float(np.ptp(source.scores(scoring.preprocess(pixels, how)), axis=0).max())
    except ModelError:
        return 0.0
