from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest


def pythons():
    """Return the Pythons that are around, on the PATH or by pyenv."""
    names = [f"python3.{minor}" for minor in range(9, 15)]
    found = {name: shutil.which(name) for name in names}
    for path in sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3.*")):
        if path.name in names:
            found[path.name] = str(path)
    return sorted(path for path in found.values() if path)


@pytest.mark.parametrize("python", pythons())
def test_every_python_that_is_around_walks_a_lane_without_any_package(device, python):
    other = type(device)(zip=device.zip, workdir=device.workdir, python=python)
    works = subprocess.run([python, "-S", "-c", "pass"], capture_output=True, check=False)
    if works.returncode:
        pytest.skip("it does not start")

    assert other.ask("have", stdin=b"[]")["missing"] == {}
    assert json.dumps(other.ask("probe", stdin=b'{"runtimes": ["null"]}')["runtimes"]).count("true") == 1
    other.start(device.step("a", runtime="null"))
    done = other.done()["a"]

    assert done.error is None or "No module named 'numpy'" in done.error
