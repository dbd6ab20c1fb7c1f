"""Runtimes that can't stand each other live on one device: two numpys, two versions; real wheels, unpacked, tried, measured."""

from __future__ import annotations

import pytest

from agent.clean_request import CleanRequest
from orchestrator.devices.provisioning.choose import environment_for
from orchestrator.devices.remote import upkeep
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device
from orchestrator.errors import DeviceUnfit
from orchestrator.transports.local import LocalTransport
from tests.lab.armboard import cache_folder


def fetched(facts, runtime):
    """Return the environment of a runtime, with its wheels at hand, or skip the test."""
    try:
        return environment_for(facts, runtime, cache=cache_folder() / "wheels")
    except DeviceUnfit as unfit:
        pytest.skip(f"needs the wheels of {runtime} for this machine: {unfit}")


def brought(remote, facts, runtime):
    """Bring a runtime to the device and return the name of its environment."""
    environment = fetched(facts, runtime)
    for wheel in environment.wheels:
        if wheel.sha256 in remote.missing({wheel.sha256: wheel.path.stat().st_size}).arrived:
            remote.send(wheel.path, wheel.sha256)
    remote.ensure_environment(environment.name, [(wheel.path.name, wheel.sha256) for wheel in environment.wheels])
    return environment.name


def test_numpy_1_beside_numpy_2(tmp_path):
    device = Device(name="pc", transport="local", workdir=str(tmp_path))
    remote = AgentClient(LocalTransport(device), device)
    facts = remote.probe()

    names = {runtime: brought(remote, facts, runtime) for runtime in ("litert", "tflite")}
    tried = {runtime: remote.probe([runtime], names[runtime])["runtimes"][runtime] for runtime in names}

    assert {runtime: found.get("works") for runtime, found in tried.items()} == dict.fromkeys(names, True), tried
    versions = {path.name.split("-")[1][0] for path in tmp_path.glob("environments/*/numpy-*.dist-info")}
    assert versions == {"1", "2"}
    assert sorted(remote.probe()["environments"]) == sorted(names.values())
    # Nothing is measured without byte code: 0.45 s to the first inference, 0.13 s with it.
    assert list(tmp_path.glob("environments/*/numpy/__pycache__/__init__.*.pyc"))
    assert upkeep.clean(remote, CleanRequest(unused_days=0)).removed["environments"] == 2


@pytest.mark.tensorflow
def test_two_versions_of_a_runtime_are_measured_side_by_side_each_as_itself(project, tmp_path):
    pinned = ("litert==1.4.0", "litert==2.3.0")
    device = Device(name="pc", transport="local", workdir=str(tmp_path))
    fetched(AgentClient(LocalTransport(device), device).probe(), pinned[0])

    done = project.process(
        *("run", "--effort", "smoke", "--schemes", "float32", "--runtimes", ",".join(pinned)),
        *("--wheelhouse", str(cache_folder() / "wheels")),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    rows = project.json("results")
    assert sorted(row["runtime"] for row in rows) == list(pinned)
    for row in rows:
        (attempt,) = project.json("results", "show", row["case"])["attempt_list"]
        assert f"litert=={attempt['versions']['ai-edge-litert']}" == row["runtime"]
        assert row["auc_mean"] == pytest.approx(rows[0]["auc_mean"], abs=1e-3)
