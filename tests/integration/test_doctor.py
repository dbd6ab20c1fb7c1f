"""`farm doctor`: what is wrong with a project, and the command that mends it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import tomllib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator.devices.outages import Outages
from orchestrator.domain.device import Device
from orchestrator.runs import doctor
from orchestrator.runs.doctor import EXTRAS
from orchestrator.store.spool import Spool
from orchestrator.store.store import Store
from orchestrator.transports import known_hosts
from orchestrator.transports.known_hosts import HostKey
from tests.lab.project import Project
from tests.lab.telling import started

version_of = doctor._version
PI = "devices:\n  pi5: {address: 127.0.0.1, user: pi, port: 2222, identity_file: KEY}\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


@pytest.fixture
def fleet(project):
    """A project whose one device is as it should be, and has never answered."""
    key = project.folder / "key"
    key.write_text("a private key\n")
    key.chmod(0o600)
    (project.folder / "inventory.yaml").write_text(PI.replace("KEY", str(key)))
    host_key = HostKey(name="[127.0.0.1]:2222", kind="ssh-ed25519", blob=b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32))
    known_hosts.trust(project.folder / ".farm" / "known_hosts", host_key)
    return project


def test_every_extra_of_the_package_is_looked_for():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    assert EXTRAS.keys() == project["optional-dependencies"].keys() - {"dev"}


def findings(project):
    done = project.farm("doctor", "--json")
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def wrong(project):
    return [
        (finding["state"], finding["subject"], finding["command"])
        for finding in findings(project)[1]
        if finding["state"] != "ok"
    ]


def test_a_new_project_has_nothing_wrong_with_it_and_nothing_is_made(project):
    done = project.farm("doctor")

    assert (done.returncode, done.stderr) == (0, "")
    assert "database: none yet" in done.stdout
    assert "warning" not in done.stdout
    assert [path.name for path in project.folder.iterdir()] == ["home"]


def test_without_tensorflow_ready_files_are_measured_so_it_is_a_note(project, monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None if "tensorflow" in name else version_of(name))

    done = project.farm("doctor")

    assert done.returncode == 0
    assert "tensorflow: not installed; Keras models need it" in done.stdout
    assert "pip install tensorflow" in done.stdout
    assert "error" not in done.stdout


def test_a_device_that_never_answered_is_a_warning_with_the_next_command(fleet):
    assert wrong(fleet) == [("warning", "device pi5", "farm devices check pi5")]


def test_a_host_key_that_nothing_trusts_is_an_error(fleet):
    (fleet.folder / ".farm" / "known_hosts").write_text("")

    status, _ = findings(fleet)

    assert status == 1
    assert ("error", "device pi5", "farm devices trust pi5") in wrong(fleet)


def test_a_key_that_others_may_read_is_an_error_that_its_command_mends(fleet):
    (fleet.folder / "key").chmod(0o644)

    command = next(command for state, _, command in wrong(fleet) if state == "error")
    subprocess.run(command.split(), check=True)

    assert all(state == "warning" for state, _, _ in wrong(fleet))


def test_a_key_that_is_gone_is_an_error(fleet):
    (fleet.folder / "key").unlink()

    key = fleet.folder / "key"
    command = f"ssh-keygen -t ed25519 -f {key} && ssh-copy-id -i {key} -p 2222 pi@127.0.0.1"
    assert ("error", "device pi5", command) in wrong(fleet)


def test_a_folder_that_others_may_read_is_a_warning_that_its_command_mends(fleet):
    (fleet.folder / ".farm").chmod(0o755)

    command = next(command for _, subject, command in wrong(fleet) if subject == "state")
    subprocess.run(command.split(), check=True)

    assert "state" not in [subject for _, subject, _ in wrong(fleet)]


def test_what_a_device_answered_last_is_held_against_it(fleet):
    facts = {"clock_offset_ns": 400_000_000_000, "disk_free_bytes": 1_000_000}
    with Store.open(f"sqlite:///{fleet.folder / 'farm.db'}") as store:
        store.record_facts(Device(name="pi5", address="127.0.0.1"), facts, datetime.now(UTC))

    sentences = [finding["sentence"] for finding in findings(fleet)[1] if finding["subject"] == "device pi5"]

    assert any("clock is 6 min 40 s ahead" in sentence for sentence in sentences)
    assert any("1.00 MB are free" in sentence for sentence in sentences)
    commands = {command for _, subject, command in wrong(fleet) if subject == "device pi5"}
    assert commands == {
        "ssh -p 2222 pi@127.0.0.1 sudo timedatectl set-ntp true",
        "farm devices clean pi5",
    }


def test_a_run_that_has_not_ended_and_events_that_wait_are_named_with_their_commands(project):
    url = f"sqlite:///{project.folder / 'farm.db'}"
    with Store.open(url) as store:
        store.record(started())
        (run,) = store.runs()
        Spool.open(project.folder / ".farm" / "spool", run.id, store.name).close()

    commands = [command for _, _, command in wrong(project)]

    assert commands == ["farm db replay", f"farm run --resume {run.id}"]


def test_an_old_database_is_an_error_with_the_command_and_the_rest_is_looked_at(project):
    with Store.open(f"sqlite:///{project.folder / 'farm.db'}"):
        pass
    with closing(sqlite3.connect(project.folder / "farm.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")

    status, found = findings(project)

    assert status == 1
    (database,) = [finding for finding in found if finding["subject"] == "database"]
    assert database["command"] == "farm db upgrade"
    assert found[-1]["subject"] == "device local"


def test_an_inventory_that_cannot_be_read_is_an_error_with_its_line(project):
    (project.folder / "inventory.yaml").write_text("devices:\n  pi: {prot: 22}\n")

    done = project.farm("doctor")

    assert done.returncode == 1
    assert "inventory.yaml:2" in done.stdout


def test_everything_that_is_wrong_is_said_with_the_command_that_mends_it(fleet, monkeypatch):
    """All that doctor looks at goes wrong at once: permissions, keys, host keys, clocks, disk, versions, database, devices that are out."""
    folder = fleet.folder
    (folder / ".farm").chmod(0o755)
    (folder / "inventory.yaml").chmod(0o666)
    (folder / "key").chmod(0o644)
    (folder / ".farm" / "known_hosts").write_text("")
    (folder / ".farm" / "crashes").mkdir()
    (folder / ".farm" / "crashes" / "1.txt").write_text("")
    Outages(folder / ".farm" / "outages").take_out("pi5", "its workers can't be started", at=datetime.now(UTC))
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        store.record(replace(started(), at=datetime.now(UTC) + timedelta(days=3)))
    monkeypatch.setattr(doctor, "LITTLE_DISK_BYTES", 1 << 60)
    monkeypatch.setattr(doctor, "_version", lambda name: "0.1" if name == "numpy" else version_of(name))

    found = [finding for finding in findings(fleet)[1] if finding["state"] != "ok"]

    commands = {finding["command"] for finding in found}
    assert None not in commands, found
    (run,) = fleet.rows("SELECT id FROM runs")[0]
    assert commands == {
        f"chmod 700 {folder / '.farm'}",
        "chmod go-w inventory.yaml",
        f"chmod 600 {folder / 'key'}",
        "farm devices trust pi5",
        f"rm -r {folder / '.farm' / 'crashes'}",
        "farm devices check pi5",
        "sudo timedatectl set-ntp true",
        f"farm run --resume {run}",
        "farm results prune --before 90d",
        "pip install 'numpy<3,>=1.26'",
    }


def test_a_device_that_did_not_answer_last_is_not_ready(fleet):
    (fleet.folder / ".farm" / "known_hosts").touch()
    Outages(fleet.folder / ".farm" / "outages").note_unanswered("pi5", "no route to host", at=datetime.now(UTC))

    (sentence,) = [finding["sentence"] for finding in findings(fleet)[1] if "last asked" in finding["sentence"]]

    assert sentence.endswith("UTC: no route to host")
    assert ("warning", "device pi5", "farm devices check pi5") in wrong(fleet)


def test_files_of_another_user_and_a_missing_ssh_are_named_with_what_mends_them(fleet, monkeypatch):
    (fleet.folder / ".farm" / "known_hosts").touch()
    monkeypatch.setattr(doctor.os, "geteuid", lambda: 12345)
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)

    found = wrong(fleet)

    assert ("error", "state", f"sudo chown -R 12345 {fleet.folder / '.farm'}") in found
    assert ("warning", "ssh", "sudo apt install openssh-client") in found
