"""What a dataset read: images by part, files it left out, patients, pixels."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary:
    """One part of a dataset: ``train``, ``validation``, ``calibration`` or ``evaluation``."""

    part: str
    images: int
    #: Images of each class; empty where the labels are not known without reading every image.
    by_class: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSummary:
    """Everything a dataset reads and leaves out; kept with the run as JSON."""

    name: str
    synthetic: bool
    parts: tuple[PartSummary, ...]
    patients: int
    #: The regular expression that finds the patient in a file's name; ``None`` where the patients are known otherwise.
    pattern: str | None = None
    #: Images whose name the pattern does not match: each counts as a patient of its own.
    unmatched: int = 0
    #: Why files were left out -> how many: ``.dcm``, ``in masks/``, ``patient also in test/``.
    left_out: Mapping[str, int] = field(default_factory=dict)
    #: Images whose pixels were read for `modes` and `pixel_range`.
    sampled: int = 0
    #: Pillow's modes: ``L`` is 8-bit grey, ``RGB`` colour, ``I;16`` 16-bit grey.
    modes: tuple[str, ...] = ()
    #: Smallest and largest value of the sampled images as they are stored in the files.
    pixel_range: tuple[int, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a JSON column."""
        return asdict(self)
