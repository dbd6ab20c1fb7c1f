"""A device is tuned and put back over a real cable: its settings are files of a Raspberry Pi's kernel."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import wire
from orchestrator.devices.session import connect
from orchestrator.transports.connector import Connector
from tests.lab import dress
from tests.lab.hosts import HostSpec, wait_for
from tests.lab.project import Project
from tests.lab.sshd import free_port

pytestmark = pytest.mark.sshd

#: Kills the process of the lane that holds the device.
KILL = """kill -9 $(sed 's/.*"pid": \\([0-9]*\\).*/\\1/' .farm-agent/lane.holder)"""


@pytest.fixture(scope="module")
def fleet(lab):
    return lab(HostSpec(name="pi-a", dress=dress.RASPBERRY_PI_4))


@pytest.fixture
def pi(fleet, tmp_path):
    """A project whose device is the Raspberry Pi, with its usual governor."""
    (tmp_path / "home").mkdir()
    (tmp_path / ".farm").mkdir()
    (tmp_path / "inventory.yaml").write_text(fleet.inventory.read_text())
    (tmp_path / ".farm" / "known_hosts").write_text(fleet.known_hosts.read_text())
    dress.set_governor(fleet["pi-a"], "ondemand")
    yield Project(folder=tmp_path, lab=fleet)
    fleet.ssh("pi-a", "rm -f .farm-agent/tuning*.json")


def governor(fleet):
    return fleet.ssh("pi-a", "cat /sys/devices/system/cpu/cpufreq/policy0/scaling_governor").stdout.strip()


def test_a_device_is_tuned_until_it_is_restored_and_everybody_can_see_it(pi, fleet):
    done = pi.farm("devices", "tune", "pi-a", "--for", "30min")
    tuned = governor(fleet)
    (listed,) = pi.json("devices", "list", "pi-a")
    checked = pi.farm("devices", "check", "pi-a")
    restored = pi.farm("devices", "tune", "pi-a", "--restore")
    (after,) = pi.json("devices", "list", "pi-a")

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


def test_what_the_kernel_has_no_switch_for_is_told(pi, fleet):
    done = pi.farm("devices", "tune", "pi-a", "--no-turbo", "--json")

    (said,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert said["failed"] == [{"what": "turbo", "why": "the kernel shows no switch for it"}]
    assert [change["what"] for change in said["set"]] == ["governor of policy0"]
    pi.farm("devices", "tune", "pi-a", "--restore")
    assert governor(fleet) == "ondemand"


@contextmanager
def lane_on(fleet, name):
    """Yield the way to the device while a lane tunes it, and waits for a temperature that is never reached."""
    content = b"nothing that is ever executed"
    sha256 = hashlib.sha256(content).hexdigest()
    preprocess = wire.Preprocess(height=1, width=1, channels=1, scale=1.0, mean=(0.0,), std=(1.0,))
    step = wire.Step(
        "step",
        "measure",
        "a step",
        sha256,
        "null",
        None,
        1,
        1,
        (wire.Shard(sha256, 1),),
        sha256,
        preprocess,
        60,
        start_below_c=1.0,
    )
    lane = wire.LaneRequest(
        lane=name, run="r", holder="somebody@there", steps=(step,), tune=wire.TuneRequest(holder="somebody@there")
    )
    with fleet.entered(), tempfile.NamedTemporaryFile() as blob:
        blob.write(content)
        blob.flush()
        remote = connect(fleet["pi-a"].device, Connector(known_hosts=fleet.known_hosts))
        try:
            remote.ensure_agent()
            remote.send(Path(blob.name), sha256)
            remote.start(lane)
            wait_for(lambda: governor(fleet) == "performance", "the lane does not tune")
            yield remote
        finally:
            remote.close()


def test_a_lane_that_is_stopped_puts_back_what_it_tuned_and_tells_it(pi, fleet):
    with lane_on(fleet, "stopped") as remote:
        busy = pi.farm("devices", "tune", "pi-a", "--restore")
        remote.stop("stopped")
        told = [recorded.record for recorded in remote.follow("stopped", 0)]

    assert busy.returncode == 1
    assert "busy with lane stopped" in busy.stderr
    assert governor(fleet) == "ondemand"
    changes = [record.answer for record in told if isinstance(record, wire.Tuned)]
    assert [list(said) for said in changes] == [["set", "kept", "failed", "tuned"], ["restored", "failed", "tuned"]]
    assert changes[1]["restored"] == [{"what": "governor of policy0", "before": "performance", "now": "ondemand"}]
    assert told[-1].error == "stopped"


def test_a_lane_that_is_killed_leaves_nothing_tuned_after_the_next_contact(pi, fleet):
    with lane_on(fleet, "doomed"):
        fleet.ssh("pi-a", f"{KILL}; until flock -n .farm-agent/lane.lock true; do sleep 0.1; done")
        after_kill = governor(fleet)
    checked = pi.farm("devices", "check", "pi-a")

    assert after_kill == "performance"
    assert "it was left tuned by somebody@there: lane doomed is gone; put back governor" in checked.stderr
    assert governor(fleet) == "ondemand"


def test_a_run_says_what_its_lanes_tuned(project):
    done = project.process("run", "--tune", "--effort", "smoke", "--schemes", "float32", "--runtimes", "null")
    said = project.events("DeviceTuned")[0]["answer"]

    assert {"set", "kept", "failed"} <= said.keys()
    assert json.loads(project.rows("SELECT suite FROM runs")[0][0])["tune"]
    for failure in said["failed"]:
        assert f"{failure['what']} is left as it is: {failure['why']}" in done.stderr


def test_a_device_is_calibrated_and_everybody_can_see_its_noise_floor(project, short_quick):
    done = project.farm("devices", "calibrate", "local", "--attempts", "6", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["attempts"], found["group_size"]) == (6, 3)
    assert 0 <= found["noise_floor"] < 100
    assert found["loop_ns"] > 0
    assert found["clock_ns"] > 0
    assert project.json("devices", "list")[0]["noise_floor"] == found["noise_floor"]
    assert project.json("devices", "show", "local")["calibration"] == found
    assert f"noise floor {found['noise_floor']:.2%}" in project.farm("devices", "show", "local").stdout
    assert project.json("runs")[0]["id"] == found["run"]


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["calibrate", "nobody"], 2, "no device called 'nobody'"),
        (["calibrate", "off"], 1, "no SSH server listens there"),
        (["calibrate", "local", "--attempts", "5"], 2, "6 at least, two groups of quick's 3"),
        (
            ["calibrate", "local", "--effort", "smoke"],
            2,
            "a comparison takes several attempts: quick, standard, mobile",
        ),
        (["tune", "off"], 1, "no SSH server listens there"),
        (["tune", "local", "--for", "25h"], 2, "at most 24h"),
        (["tune", "local", "--restore", "--no-turbo"], 2, "--restore takes neither --no-turbo nor --for"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_meant_or_reached_is_told(tmp_path, words, status, message):
    (tmp_path / "home").mkdir()
    port = free_port()
    (tmp_path / "inventory.yaml").write_text(
        f"devices:\n  local: {{transport: local}}\n  off: {{address: 127.0.0.1, port: {port}, user: me}}\n"
    )

    done = Project(folder=tmp_path).farm("devices", *words)

    assert done.returncode == status, done.stderr
    assert message in " ".join(done.stderr.split())


def test_a_device_on_which_nothing_works_is_not_calibrated(project):
    (project.folder / "inventory.yaml").write_text("devices:\n  local: {transport: local, limits: {memory: 16MB}}\n")

    done = project.process("devices", "calibrate", "local", "--attempts", "6")

    assert done.returncode == 1
    assert "local: not calibrated: 0 of 6 attempts worked and 6 are needed: " in done.stderr
    assert "it may take 16 MB at most" in done.stderr
    assert "farm devices check local" in done.stderr
    assert project.json("devices", "list")[0]["noise_floor"] is None
