"""`farm devices import` and `farm devices discover` as a person uses them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from orchestrator.config.inventory import Inventory
from tests.lab.project import Project

HOSTS = Path(__file__).parents[1] / "data" / "ansible" / "hosts.ini"


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "home").mkdir(parents=True)
    shutil.copy(HOSTS, folder)
    return Project(folder=folder)


def test_an_ansible_inventory_is_shown_taken_over_and_taken_over_once(project):
    inventory = project.folder / "inventory.yaml"

    shown = project.farm("devices", "import", "hosts.ini", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "9 of 9 devices would be added" in shown.stderr
    assert "nano: ansible_ssh_pass not taken over" in shown.stderr
    assert "hunter2" not in shown.stdout + shown.stderr
    assert not inventory.exists()

    taken = project.farm("devices", "import", "hosts.ini", "--tag", "ansible", "--json")
    assert taken.returncode == 0, taken.stderr
    assert len(json.loads(taken.stdout)["added"]) == 9
    device = Inventory.load(inventory).device("pi03")
    assert (device.user, device.port, device.tags) == ("pi", 2222, ("ward", "pis", "ansible"))
    assert device.via is not None
    assert device.via.destination == "jump@gate.example:2022"

    before = inventory.read_text()
    again = project.farm("devices", "import", "hosts.ini")
    assert again.returncode == 0
    assert "0 of 9 devices added" in again.stderr
    assert inventory.read_text() == before


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("CanonicalizeHostname yes\nHost board\n HostName 127.0.0.1\n Port 1\n", "no SSH server listens there"),
        ("Host board\n ProxyJump gateway.invalid\n", "its jump host gateway.invalid"),
        ("Host board\n Port nonsense\n", "`ssh -G board` failed"),
    ],
)
def test_what_ssh_config_does_to_one_device_is_that_devices_affair(project, config, words):
    (project.folder / "inventory.yaml").write_text("devices:\n  board: {address: board}\n")
    (project.folder / "home" / ".ssh").mkdir()
    (project.folder / "home" / ".ssh" / "config").write_text(config)

    done = project.farm("devices", "check", "--json")
    plan = project.farm("run", "--dry-run", "--devices", "local,board", "--effort", "smoke")

    answers = {answer["device"]: answer for answer in json.loads(done.stdout)}
    assert answers["local"]["facts"]["python"]
    assert words in answers["board"]["message"]
    assert "Traceback" not in done.stderr + plan.stderr
    assert words in next(line for line in plan.stdout.splitlines() if line.startswith("skipped  board, "))


def test_an_ssh_config_is_taken_over_whatever_else_it_says(project):
    (project.folder / "config").write_text(
        "Host *\n  ForwardX11 yes\nMatch Host 10.0.*.*\n  Port 2300\nHost board\n  HostName 192.0.2.7\n  Port 2299\n"
    )

    taken = project.farm("devices", "import", "config")

    assert taken.returncode == 0, taken.stderr
    assert Inventory.load(project.folder / "inventory.yaml").device("board").destination == "192.0.2.7:2299"


def test_a_file_that_is_no_inventory_is_told_with_its_line(project):
    (project.folder / "letter.txt").write_text("\nThis is a letter.\n")

    done = project.farm("devices", "import", "letter.txt")

    assert done.returncode == 2
    assert "letter.txt:2: expected NAME=VALUE after the name of a host, found 'is'" in done.stderr
    assert "Traceback" not in done.stderr


def test_discover_prints_a_list_for_programs_and_adds_nothing(project):
    done = project.farm("devices", "discover", "--seconds", "0.1", "--json")

    assert done.returncode in (0, 2), done.stderr
    if done.returncode == 2:
        pytest.skip(f"this machine has no network to listen on: {done.stderr}")
    assert isinstance(json.loads(done.stdout), list)
    assert not (project.folder / "inventory.yaml").exists()
