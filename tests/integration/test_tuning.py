"""A device is tuned and put back over a real cable: its settings are files of a Raspberry Pi's kernel."""

from __future__ import annotations

import hashlib
import json

import pytest

from agent import wire
from orchestrator.ready import way_to
from tests.lab import dress
from tests.lab.hosts import HostSpec, wait_for
from tests.lab.project import Project

pytestmark = pytest.mark.sshd

#: Kills the process of the lane that holds the device.
KILL = """kill -9 $(sed 's/.*"pid": \\([0-9]*\\).*/\\1/' .farm-agent/lane.holder)"""


@pytest.fixture(scope="module")
def fleet(lab):
    return lab(HostSpec(name="pi-a", dress=dress.RASPBERRY_PI_4))


@pytest.fixture
def project(fleet, tmp_path):
    """A project whose device is the Raspberry Pi, with its usual governor."""
    (tmp_path / "home").mkdir()
    (tmp_path / ".farm").mkdir()
    (tmp_path / "inventory.yaml").write_text(fleet.inventory.read_text())
    (tmp_path / ".farm" / "known_hosts").write_text(fleet.known_hosts.read_text())
    dress.set_governor(fleet["pi-a"], "ondemand")
    yield Project(folder=tmp_path, prefix=tuple(fleet.command()))
    fleet.ssh("pi-a", "rm -f .farm-agent/tuning.json")


def governor(fleet):
    return fleet.ssh("pi-a", "cat /sys/devices/system/cpu/cpufreq/policy0/scaling_governor").stdout.strip()


def test_a_device_is_tuned_until_it_is_restored_and_everybody_can_see_it(project, fleet):
    done = project.farm("devices", "tune", "pi-a", "--for", "30min")
    tuned = governor(fleet)
    (listed,) = project.json("devices", "list", "pi-a")
    checked = project.farm("devices", "check", "pi-a")
    restored = project.farm("devices", "tune", "pi-a", "--restore")
    (after,) = project.json("devices", "list", "pi-a")

    assert done.returncode == 0, done.stderr
    assert "set governor ondemand → performance (policy0)" in done.stdout
    assert "farm devices tune pi-a --restore" in done.stdout
    assert tuned == "performance"
    assert listed["governor"] == "performance"
    assert "tuned since" in listed["health"][0]
    assert "tuned since" in checked.stderr
    assert "put back governor performance → ondemand (policy0)" in restored.stdout
    assert governor(fleet) == "ondemand"
    assert after["tuned"] is None


def test_what_the_kernel_has_no_switch_for_is_told(project, fleet):
    done = project.farm("devices", "tune", "pi-a", "--no-turbo", "--json")

    (said,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert said["failed"] == [{"what": "turbo", "why": "the kernel shows no switch for it"}]
    assert [change["what"] for change in said["set"]] == ["governor of policy0"]
    project.farm("devices", "tune", "pi-a", "--restore")
    assert governor(fleet) == "ondemand"


def test_a_lane_that_is_killed_leaves_nothing_tuned_after_the_next_contact(project, fleet):
    content = b"nothing that is ever executed"
    sha256 = hashlib.sha256(content).hexdigest()
    blob = project.folder / "blob"
    blob.write_bytes(content)
    preprocess = wire.Preprocess(height=1, width=1, channels=1, scale=1.0, mean=(0.0,), std=(1.0,))
    # it waits for a temperature that is never reached
    step = wire.Step(
        "step", "measure", "a step", sha256, "null", None, 1, 1, sha256, sha256, preprocess, 60, start_below_c=1.0
    )
    lane = wire.LaneRequest(
        lane="doomed", run="r", holder="somebody@there", steps=(step,), tune=wire.TuneRequest(holder="somebody@there")
    )

    with fleet.entered():
        remote = way_to(fleet["pi-a"].device, fleet.known_hosts)
        try:
            remote.ensure_agent()
            remote.send(blob, sha256)
            remote.start(lane)
            wait_for(lambda: governor(fleet) == "performance", "the lane does not tune")
            busy = project.farm("devices", "tune", "pi-a", "--restore")
            fleet.ssh("pi-a", f"{KILL}; until flock -n .farm-agent/lane.lock true; do sleep 0.1; done")
        finally:
            remote.close()
    after_kill = governor(fleet)
    checked = project.farm("devices", "check", "pi-a")

    assert busy.returncode == 1
    assert "busy with lane doomed" in busy.stderr
    assert after_kill == "performance"
    assert "it was left tuned by somebody@there, and lane doomed is gone; put back governor" in checked.stderr
    assert governor(fleet) == "ondemand"
