"""A whole fleet, added by hand, set up without internet, measured in one run: the promise of farm on real machines.

One device is this machine, one a PC whose SSH server is dropbear, one a PC behind a jump host, one an emulated aarch64
board with nothing but Python on it. The lab they live in has no way out, so every wheel comes from the wheelhouse.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.lab.hosts import HostSpec
from tests.lab.project import FARM, Project
from tests.lab.simulations import variants

pytestmark = [pytest.mark.sshd]

SCHEMES = variants(("float32", "int8", "dynamic", "float16"), most=2)
DEVICES = ("local", "pc-b", "pc-c", "board-a")


#: Few images: the emulated board takes some 25 ms for each.
SUITE = """\
models: [tiny-cxr]
dataset: {kind: phantom, patients: 20}
"""


@dataclass(frozen=True, kw_only=True)
class LabProject(Project):
    """A project in a lab's network."""

    def add(self, name, *more):
        host = self.lab[name]
        argv = ["devices", "add", name, "--address", f"root@{host.address}", "--fingerprint", host.fingerprint]
        return self.process(*argv, "--identity-file", str(self.lab.identity_file), *more, timeout=600)


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory):
    """A folder of wheels, fetched as a user with internet fetches them."""
    folder = tmp_path_factory.mktemp("wheels") / "house"
    version = f"3.{sys.version_info.minor}"
    argv = ["--machine", "x86_64", "--machine", "aarch64", "--python", version, "--python", "3.11"]
    done = subprocess.run([*FARM, "devices", "wheels", str(folder), *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory, built, lab):
    """A project in a lab whose hosts nobody has ever seen."""
    hosts = lab(
        HostSpec(name="pc-a"),
        HostSpec(name="pc-b", server="dropbear"),
        HostSpec(name="pc-c", behind="pc-a"),
        HostSpec(name="board-a", arm=True),
    )
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "home").mkdir()
    shutil.copytree(built, folder / ".farm")
    (folder / "suite.yaml").write_text(SUITE)
    return LabProject(folder=folder, lab=hosts)


@pytest.fixture(scope="module")
def fleet(project, wheelhouse):
    """The project with every device added; what `add` printed, by name."""

    def added(name, *more):
        done = project.add(name, "--wheelhouse", str(wheelhouse), "--json", *more)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return json.loads(done.stdout)

    told = {"pc-a": added("pc-a", "--no-setup")}  # another is behind it
    others = {"pc-b": ["--tag", "ward"], "pc-c": ["--via", "pc-a", "--tag", "ward"], "board-a": []}
    with ThreadPoolExecutor() as pool:
        waiting = {name: pool.submit(added, name, *more) for name, more in others.items()}
        told |= {name: answer.result() for name, answer in waiting.items()}
    return project, told


@pytest.fixture(scope="module")
def measured(fleet, wheelhouse):
    """The project after one run of everything on everything."""
    project, _ = fleet
    wanted = ["--devices", ",".join(DEVICES), "--schemes", ",".join(SCHEMES), "--effort", "smoke"]
    done = project.process("run", "suite.yaml", *wanted, "--wheelhouse", str(wheelhouse), "--json", timeout=800)
    assert done.returncode == 0, done.stderr
    return project, json.loads(done.stdout)


def test_adding_a_device_ends_with_its_first_measurement(fleet):
    project, told = fleet

    assert told["pc-a"]["smoke"] is None
    for name in ("pc-b", "pc-c", "board-a"):
        smoke = told[name]["smoke"]
        assert told[name]["setup"]["runtime"] == "litert"
        assert smoke["fastest_ns"] is not None, smoke["why"]
        (attempt,) = project.json("results", "show", smoke["case"], "--run", smoke["run"])["attempt_list"]
        batch = attempt["invocations_per_sample"]
        assert smoke["fastest_ns"] == min(attempt["latency_ns"]) / batch
        assert smoke["invocations"] == len(attempt["latency_ns"]) * batch
    assert told["board-a"]["facts"]["machine"] == "aarch64"


def test_every_case_of_every_device_is_measured(measured):
    _, rows = measured

    found = {(row["device"], row["scheme"]) for row in rows if row["samples"] == 11 and row["auc_mean"] is not None}
    assert found == {(device, scheme) for device in DEVICES for scheme in SCHEMES}


def test_emulated_cases_are_marked_and_nothing_is_invalid(measured):
    _, rows = measured

    for row in rows:
        codes = {reason["code"] for reason in row["reasons"]}
        assert row["verdict"] == "WARN", (row["case"], codes)
        assert ("emulated" in codes) == (row["device"] == "board-a"), (row["case"], codes)


def test_int8_scores_are_the_same_on_both_architectures_bit_for_bit(measured):
    project, _ = measured

    scores = dict(project.rows("SELECT device, scores FROM scores WHERE scheme = 'int8'"))
    assert set(scores) == set(DEVICES)
    assert len(set(scores.values())) == 1


def test_every_attempt_reproduces_the_known_scores_and_int8_bit_for_bit(measured):
    project, rows = measured

    found = project.rows(
        "SELECT device, scheme, golden_max_difference FROM attempts JOIN cases ON cases.id = case_id WHERE run = ?",
        rows[0]["run"],
    )
    allowed = {"float32": 1e-4, "float16": 1e-4, "dynamic": 0.1, "int8": 0.0}
    assert {(device, scheme) for device, scheme, _ in found} == {(row["device"], row["scheme"]) for row in rows}
    assert all(difference is not None and difference <= allowed[scheme] for _, scheme, difference in found), found


def test_a_second_run_sends_nothing(measured, wheelhouse):
    project, _ = measured
    before = len(project.events("BlobSent"))

    again = project.process("run", "suite.yaml", "--devices", "pc-c,board-a", "--schemes", "int8", "--effort", "smoke")

    assert again.returncode == 0, again.stderr
    assert len(project.events("BlobSent")) == before


def test_the_fleet_is_listed_with_what_it_is(measured):
    project, _ = measured

    rows = {row["name"]: row for row in project.json("devices", "list")}
    assert rows["board-a"]["arch"] == "aarch64"
    assert rows["pc-c"]["via"] == "pc-a"
    assert rows["pc-b"]["last_seen_at"] is not None
    assert [row["name"] for row in project.json("devices", "list", "arch:aarch64")] == ["board-a"]
    assert [row["name"] for row in project.json("devices", "list", "tag:ward&!pc-b")] == ["pc-c"]


def test_setting_up_again_finds_everything_there(fleet, wheelhouse):
    project, _ = fleet

    done = project.farm("devices", "setup", "pc-b", "board-a", "--wheelhouse", str(wheelhouse), "--json")

    assert done.returncode == 0, done.stderr
    assert [(row["device"], row["runtime"], row["brought"], row["sent_bytes"]) for row in json.loads(done.stdout)] == [
        ("pc-b", "litert", True, 0),
        ("board-a", "litert", True, 0),
    ]
    assert re.search(r"pc-b: unpacking litert, \d\d.\d MB", done.stderr), "each step is named, with its bytes"
    assert (project.lab["pc-b"].folder / "root" / ".farm-agent" / "environments").is_dir()


def test_a_device_whose_cable_is_out_is_told_and_the_others_answer(fleet):
    project, _ = fleet
    project.lab["pc-b"].link_down()
    try:
        done = project.farm("devices", "check", "pc-b", "board-a", "--json")
    finally:
        project.lab["pc-b"].link_up()

    assert done.returncode == 1
    lost, fine = json.loads(done.stdout)
    assert (lost["error"], fine["reached"]) == ("Unreachable", True)
