"""Real radiographs for tests, where the machine has them: FARM_TEST_DATA names a folder with the zip of the pneumonia set."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def xrays(tmp_path_factory) -> Path:
    """The folder ``chest_xray`` with its 5,840 radiographs."""
    given = os.environ.get("FARM_TEST_DATA")
    packed = Path(given) / "kermany-pneumonia-224.zip" if given else None
    if packed is None or not packed.is_file():
        pytest.skip("no real radiographs here: FARM_TEST_DATA names no folder with kermany-pneumonia-224.zip")
    folder = tmp_path_factory.mktemp("xrays")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder / "chest_xray"
