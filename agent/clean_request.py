"""What the command ``gc`` is asked to remove."""

from __future__ import annotations

import dataclasses

#: Code of the refusal of ``gc``: it would remove what is still needed.
WANTED = "wanted"


@dataclasses.dataclass(frozen=True)
class CleanRequest:
    """Remove what was not used for so long, and blobs beyond a size; with ``everything`` the whole directory."""

    unused_days: float = 30.0
    most_blob_bytes: int | None = None
    everything: bool = False
    #: Say what would go, and remove nothing.
    dry: bool = False
    #: Lanes that a store has whole, and those of which it lacks something.
    collected: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    #: Remove journals that were never collected too.
    uncollected: bool = False
