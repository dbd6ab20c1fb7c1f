"""The wheel, built once, and environments that it is installed into."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def make_wheel(folder, name, version, files):
    """Write a wheel of ``files``, path -> text, and return its path."""
    about = f"{name}-{version}.dist-info"
    path = folder / f"{name}-{version}-py3-none-any.whl"
    parts = files | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{part},,\n" for part in [*parts, f"{about}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for part, text in (parts | {f"{about}/RECORD": record}).items():
            archive.writestr(part, text)
    return path


@dataclass(frozen=True)
class Environment:
    """A virtual environment that also sees the packages that the tests run with, the checkout aside."""

    folder: Path

    def uv(self, *words):
        environment = os.environ | {"VIRTUAL_ENV": str(self.folder / "venv"), "UV_OFFLINE": "1"}
        done = subprocess.run(
            [find_uv_bin(), *words], env=environment, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def farm(self, *argv, **extra):
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FARM_", "PYTHON"))}
        return subprocess.run(
            [self.folder / "venv" / "bin" / "farm", *argv],
            cwd=self.folder,
            env=kept | {"HOME": str(self.folder), "NO_COLOR": "1", "COLUMNS": "120"} | extra,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def environment(wheel, tmp_path):
    made = Environment(tmp_path)
    made.uv("venv", "--python", sys.executable, "venv")
    made.uv("pip", "install", "--no-deps", str(wheel))
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return made
