"""A tuning as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.tuning import in_words

if TYPE_CHECKING:
    from orchestrator.domain.tuning import Tuning


def sentences(tuning: Tuning) -> tuple[str, ...]:
    """Return one sentence for each kind of change; none where nothing was done."""
    lines = list(sentences(tuning.mended)) if tuning.mended else []
    if tuning.why is not None:
        lines.append(f"it was left tuned by {tuning.holder or 'an unknown holder'}: {tuning.why}")
    if tuning.set:
        lines.append(f"set {in_words(tuning.set)}")
    if tuning.kept:
        lines.append(f"already {in_words(tuning.kept)}")
    if tuning.restored:
        lines.append(f"put back {in_words(tuning.restored)}")
    lines += [f"{each.what} is left as it is: {each.why}" for each in tuning.failed]
    return tuple(lines)
