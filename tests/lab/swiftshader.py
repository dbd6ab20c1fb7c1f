"""A Vulkan driver without a GPU: SwiftShader, which Debian's Chromium brings along; `scripts/test` fetches it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

#: Where `scripts/test` unpacks it, and where Debian's package would.
FOLDERS = (Path(__file__).parents[2] / ".venv" / "swiftshader", Path("/usr/lib/chromium"))
MANIFEST = "vk_swiftshader_icd.json"


@pytest.fixture(scope="session")
def swiftshader() -> dict[str, str]:
    """Environment variables for a process that finds SwiftShader, and no other Vulkan driver."""
    for folder in FOLDERS:
        if (folder / MANIFEST).exists():
            return {**os.environ, "VK_DRIVER_FILES": str(folder / MANIFEST), "LD_LIBRARY_PATH": str(folder)}
    pytest.skip("SwiftShader is not here; scripts/test fetches it where there is Debian's package chromium-common")
