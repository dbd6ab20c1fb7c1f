"""An Ansible inventory as ``--inventory``; ``ward.json`` and ``vault.json`` are what ansible-core 2.19's ``ansible-inventory --list`` printed."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.config import foreign_inventory
from orchestrator.config.inventory import Inventory
from orchestrator.domain.device import LOCAL, Device
from orchestrator.errors import InventoryError
from tests.lab.project import FARM, Project

DATA = Path(__file__).parents[1] / "data" / "ansible-list"
GATE = Device(name="gate", address="203.0.113.7", user="jump", port=2022)
PI = Device(
    name="pi01",
    address="pi01",
    user="pi",
    port=2222,
    identity_file="~/.ssh/ward",
    via=GATE,
    tags=("ward", "pis"),
)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project" / "home").mkdir(parents=True)
    return Project(folder=tmp_path / "project")


@pytest.mark.parametrize("name", ["ward.ini", "ward.json"])
def test_the_file_and_what_ansible_prints_of_it_are_the_same_devices(name):
    devices = {device.name: device for device in Inventory.load(DATA / name).devices}

    assert set(devices) == {"local", "gate", "pi01", "pi02", "pi-x", "nano"}
    assert (devices["local"], devices["gate"], devices["pi01"]) == (LOCAL, GATE, PI)
    assert (devices["nano"].user, devices["nano"].via, devices["nano"].tags) == ("ward", None, ("ward", "jetsons"))


@pytest.mark.parametrize("name", ["ward.ini", "ward.json"])
def test_commands_take_it_and_say_once_what_was_understood(project, name):
    done = project.farm("devices", "list", "--inventory", str(DATA / name), "--json")

    assert done.returncode == 0, done.stderr
    assert {row["name"] for row in json.loads(done.stdout)} == {"local", "gate", "pi01", "pi02", "pi-x", "nano"}
    notation = {"ward.ini": "Ansible, INI", "ward.json": "ansible-inventory --list"}[name]
    assert f"{name}: {notation}, 5 devices, tags from its groups: ward, " in done.stderr
    assert done.stderr.count("read only") == 1
    assert not list(DATA.glob("farm.db*"))


def test_what_ansible_prints_comes_by_standard_input_and_groups_are_tags(project):
    done = subprocess.run(
        [*FARM, "run", "--inventory", "-", "--devices", "tag:nothing", "--dry-run"],
        input=(DATA / "ward.json").read_text(),
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "standard input: ansible-inventory --list, 5 devices" in done.stderr
    assert "no tag called 'nothing'; there is jetsons, pis, ward" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[pis]\npi01 ansible_user="{{ who }}"\n', "hosts:2: pi01: ansible_user is a template"),
        ('[pis]\npi01 ansible_host="{{ where }}"\n', "hosts:2: pi01: ansible_host is a template"),
        ((DATA / "vault.json").read_text(), "hosts: pi-x: pi-x: ansible_user is encrypted"),
        (
            "pis:\n  hosts:\n    pi01:\n      ansible_user: !vault |\n        $ANSIBLE_VAULT;1.1;AES256\n        61\n",
            "ansible_user is encrypted",
        ),
    ],
    ids=["template", "address", "list", "vault"],
)
def test_a_value_that_farm_cannot_read_is_refused_where_it_would_connect_with_it(tmp_path, text, words):
    path = tmp_path / "hosts"
    path.write_text(text)

    with pytest.raises(InventoryError) as caught:
        Inventory.load(path)

    assert words in caught.value.message
    assert "farm devices import" in caught.value.hint


def test_farms_own_file_is_never_taken_for_ansibles(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text("# [pis]\ndevices:\n  pi5: {address: 192.0.2.1, tags: [hosts]}\ngroups:\n  hosts: {children: []}\n")
    asked = ["devices: {}\n", '{"devices": {}}', "devcies:\n  pi5: {address: a}\n", "", "pi5\n"]

    assert foreign_inventory.notation(path) is None
    assert [foreign_inventory.of_text(text) for text in asked] == [None] * len(asked)


@pytest.mark.parametrize(
    "words",
    [
        ["devices", "edit", "pi01", "user=x"],
        ["devices", "rename", "pi01", "pi1"],
        ["devices", "remove", "pi01", "--yes"],
        ["devices", "add", "new", "--address", "192.0.2.9"],
    ],
    ids=lambda words: words[1],
)
def test_it_is_never_written_and_the_command_that_makes_an_own_one_is_named(project, words):
    source = project.folder / "ward.ini"
    shutil.copy(DATA / "ward.ini", source)

    done = project.farm(*words, "--inventory", "ward.ini")

    assert done.returncode == 2, done.stderr
    assert source.read_bytes() == (DATA / "ward.ini").read_bytes()
    assert "farm devices import ward.ini --inventory devices.yaml" in done.stderr
    assert project.farm("devices", "import", "ward.ini", "--inventory", "devices.yaml").returncode == 0
    assert project.farm("devices", "list", "--inventory", "devices.yaml").returncode == 0


@pytest.mark.timeout(120)
def test_an_inventory_from_a_pipe_is_read_once_and_its_project_is_here(project):
    (project.folder / "mine").write_text("devices:\n  pi: {address: 127.0.0.1, port: 9}\n")
    words = shlex.join([*FARM, "devices", "check", "--inventory"])

    done = subprocess.run(
        ["bash", "-c", f"{words} <(cat mine)"],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "pi" in done.stdout
    assert (project.folder / "farm.db").exists(), "facts of local outlive the pipe"
