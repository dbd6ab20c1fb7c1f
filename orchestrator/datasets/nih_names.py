"""Names that NIH ChestX-ray14 gives to findings, patients, files."""

from __future__ import annotations

import re

#: In the order of Wang et al., ChestX-ray8 (CVPR 2017), extended to 14; models of the literature have their outputs in it.
FINDINGS = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia", "Pneumothorax"),
    *("Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening", "Hernia"),
)
#: The label of an image that shows none of them.
NO_FINDING = "No Finding"
#: Who numbers the patients where images have NIH's names: the numbers are the same in every copy of the set.
NIH_PATIENTS = "NIH ChestX-ray14"
#: Finds the patient in the name of a file, eight digits before three of the image, whatever its ending.
PATTERN = r"^\d{8}(?=_\d{3}\.)"
_STANDARD = {name.lower(): name for name in (*FINDINGS, "No_Finding")}


def patient_of(name: str) -> str | None:
    """Return the eight digits of the patient, ``None`` for another kind of name."""
    found = re.match(PATTERN, name)
    return found[0] if found else None


def same_patient(one: str, other: str) -> bool:
    """Check whether two spellings of a patient's number are one patient: ``00000100`` and ``100``."""
    return one.lstrip("0") == other.lstrip("0")


def is_no_finding(name: str) -> bool:
    """Check whether a class is that of images with no finding, in any spelling."""
    return _plain(name) == _plain(NO_FINDING)


def in_standard_order(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return findings in NIH's order, images with none of them last; ``None`` where another name is among them.

    Upper and lower case, blanks and hyphens make no difference.
    """
    places = {name: place for place, name in enumerate(_STANDARD)}
    if not all(_plain(name) in places for name in names):
        return None
    return tuple(sorted(names, key=lambda name: places[_plain(name)]))


def _plain(name: str) -> str:
    return re.sub(r"[ -]", "_", name.strip().lower())
