from __future__ import annotations

import json

import pytest

from tests.lab.pythons import pythons


@pytest.mark.parametrize("python", pythons(*range(9, 15)).values())
def test_every_python_that_is_around_walks_a_lane_without_any_package(device, python):
    other = type(device)(zip=device.zip, workdir=device.workdir, python=python)

    assert other.ask("have", stdin=b"[]")["missing"] == {}
    assert json.dumps(other.ask("probe", stdin=b'{"runtimes": ["null"]}')["runtimes"]).count("true") == 1
    other.start(device.step("a", runtime="null"))
    done = other.done()["a"]

    assert done.error is None or "No module named 'numpy'" in done.error
