"""File names of NIH ChestX-ray14: eight digits of the patient, three of the image."""

from __future__ import annotations

import re

#: What patients are counted by where images have these names: their numbers are the same in every copy of the set.
NIH_PATIENTS = "NIH ChestX-ray14"
#: Finds the patient in the name of a file, whatever its ending.
PATTERN = r"^\d{8}(?=_\d{3}\.)"


def patient_of(name: str) -> str | None:
    """Return the eight digits of the patient, ``None`` for another kind of name."""
    found = re.match(PATTERN, name)
    return found[0] if found else None


def same_patient(one: str, other: str) -> bool:
    """Check whether two spellings of a patient's number are one patient: ``00000100`` and ``100``."""
    return one.lstrip("0") == other.lstrip("0")
