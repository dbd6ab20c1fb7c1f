"""Groups lend their settings, devices override them, references come from the environment, jump hosts are devices."""

from __future__ import annotations

import json

import pytest

from orchestrator.config.inventory import Inventory
from orchestrator.config.inventory_schema import Entry, Group, LimitsOf, json_schema
from orchestrator.domain.device import Device, Limits
from orchestrator.errors import InventoryError

GROUPED = """\
groups:
  all:
    user: nobody
    tags: [ours]
    limits: {disk: 2GB, attempt_timeout_s: 60}
  pis:
    devices: [pi*]
    user: pi
    python: python3.11
    limits:
      memory: 512MiB
  ward:
    children: [pis]
    user: ward
    via: gate
devices:
  gate:
    address: gate.example
  pi-a:
    address: 10.0.0.1
  pi-b:
    address: 10.0.0.2
    user: bob
    tags: [bench]
    limits: {disk: 500MB}
  odd:
    address: 10.0.0.3
    groups: [ward]
    runtimes: [tflite]
    notes: by the door
"""


def load(tmp_path, text):
    path = tmp_path / "inventory.yaml"
    path.write_text(text, encoding="utf-8")
    return Inventory.load(path)


def test_a_device_has_what_its_groups_say_unless_it_says_otherwise(tmp_path):
    inventory = load(tmp_path, GROUPED)

    pi_a, pi_b, odd = (inventory.device(name) for name in ("pi-a", "pi-b", "odd"))
    assert (pi_a.user, pi_a.python, pi_a.groups, pi_a.tags) == ("pi", "python3.11", ("ward", "pis"), ("ours",))
    assert pi_a.limits == Limits(disk_bytes=2_000_000_000, memory_bytes=512 << 20, attempt_timeout_s=60)
    assert (pi_b.user, pi_b.tags, pi_b.limits.disk_bytes) == ("bob", ("ours", "bench"), 500_000_000)
    assert (odd.user, odd.python, odd.runtimes, odd.notes) == ("ward", "python3", ("tflite",), "by the door")
    assert inventory.device("gate").user == "nobody"


def test_a_jump_host_is_a_device_with_its_own_settings(tmp_path):
    inventory = load(tmp_path, GROUPED)

    assert inventory.device("pi-a").via == inventory.device("gate")
    assert inventory.device("gate").via is None


def test_a_jump_host_may_be_nothing_but_an_address(tmp_path):
    inventory = load(tmp_path, "devices:\n  a: {address: x, via: 'me@gate:2222'}\n")

    assert inventory.device("a").via == Device(name="me@gate:2222", address="gate", user="me", port=2222)


def test_references_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("WARD_USER", "nurse")
    monkeypatch.setenv("WARD_PORT", "2222")

    device = load(
        tmp_path, "devices:\n  a: {address: 'pi-${WARD_USER}', user: '${WARD_USER}', port: '${WARD_PORT}'}\n"
    ).device("a")

    assert (device.address, device.user, device.port) == ("pi-nurse", "nurse", 2222)


WRONG = {
    "reference not set": ("    user: ${NOT_SET_HERE}", 4, "environment variable NOT_SET_HERE is not set"),
    "a workdir for no shell": ("    workdir: farm!", 4, "device pi: workdir: 'farm!' has a character that not every"),
    "a python for no shell": ("    python: a\\b", 4, "device pi: python: 'a\\\\b' has a character that not every"),
    "a password": ("    password: hush", 4, "device pi: password: an inventory is no place for secrets"),
    "via nobody": ("    via: gat", 4, "device pi: via: no device called 'gat'; there is pi"),
    "via itself": ("    via: pi", 4, "device pi: via: pi is reached through pi itself"),
    "via a wrong port": ("    via: gate:99999", 4, "device pi: via: 'gate:99999': port 99999 is not a number"),
    "via a number": ("    via: 7", 4, "device pi: via: must be text"),
    "unknown group": ("    groups: [ward]", 4, "device pi: no group called 'ward'"),
    "groups a text": ("    groups: ward", 4, "device pi: groups: must be a list"),
    "runtimes empty": ("    runtimes: []", 4, "device pi: runtimes: must have at least 1 item"),
    "runtimes a text": ("    runtimes: litert", 4, "device pi: runtimes: must be a list"),
    "notes a list": ("    notes: [a]", 4, "device pi: notes: must be text"),
    "limits a number": ("    limits: 3", 4, "device pi: limits: must be a mapping with start_below_c, "),
    "unknown limit": ("    limits:\n      dsk: 2GB", 5, "device pi: unknown key 'dsk'; did you mean 'disk'?"),
    "disk no size": ("    limits:\n      disk: much", 5, "device pi: limits.disk: 'much' is not a size"),
    "disk nothing": ("    limits:\n      disk: 0", 5, "device pi: limits.disk: must be more than 0"),
    "memory a truth": (
        "    limits:\n      memory: yes please",
        5,
        "device pi: limits.memory: 'yes please' is not a size",
    ),
    "too hot": (
        "    limits:\n      start_below_c: 500",
        5,
        "device pi: limits.start_below_c: must be at most 150",
    ),
    "warmth a text": (
        "    limits:\n      start_below_c: warm",
        5,
        "device pi: limits.start_below_c: must be a number",
    ),
    "no time": (
        "    limits:\n      attempt_timeout_s: 0",
        5,
        "device pi: limits.attempt_timeout_s: must be greater than 0",
    ),
}


@pytest.mark.parametrize(("lines", "line", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_with_a_device_is_said_with_file_line_and_key(tmp_path, lines, line, words):
    with pytest.raises(InventoryError) as caught:
        load(tmp_path, f"devices:\n  pi:\n    address: x\n{lines}\n")

    assert f"inventory.yaml:{line}: {words}" in caught.value.message
    assert "hush" not in str(caught.value)


WRONG_GROUPS = {
    "misspelt key": ("  g: {usr: pi}", 2, "group g: unknown key 'usr'; did you mean 'user'?"),
    "an address": ("  g: {address: x}", 2, "group g: unknown key 'address'"),
    "nobody of that name": ("  g: {devices: [pi, qi]}", 2, "group g: no device called 'qi'; there is pi"),
    "no such child": ("  g: {children: [h]}", 2, "group g: no group called 'h'"),
    "its own child": ("  g: {children: [h]}\n  h: {children: [g]}", 2, "group g: it is its own child"),
    "a list": ("  g: [pi]", 2, "group g: expected `key: value` lines below it"),
    "a slash": ("  g/h: {user: pi}", 2, "'g/h' can't be the name of a group"),
    "no mapping": ("  - g", 1, "groups: expected `name:` lines"),
    "port of all": ("  all: {port: 0}", 2, "group all: port: must be at least 1"),
}


@pytest.mark.parametrize(("lines", "line", "words"), WRONG_GROUPS.values(), ids=WRONG_GROUPS.keys())
def test_what_is_wrong_with_a_group_is_said_with_file_line_and_key(tmp_path, lines, line, words):
    with pytest.raises(InventoryError) as caught:
        load(tmp_path, f"groups:\n{lines}\ndevices:\n  pi: {{address: x}}\n")

    assert f"inventory.yaml:{line}: {words}" in caught.value.message


def test_a_circle_of_jump_hosts_is_refused(tmp_path):
    with pytest.raises(InventoryError, match=r"via: a is reached through \w+ itself"):
        load(tmp_path, "devices:\n  a: {address: x, via: b}\n  b: {address: y, via: c}\n  c: {address: z, via: a}\n")


def test_the_schema_for_editors_knows_every_key_and_its_types():
    schema = json.loads(json_schema())

    for model in (Entry, Group, LimitsOf):
        assert set(schema["$defs"][model.__name__]["properties"]) == set(model.model_fields)
        assert schema["$defs"][model.__name__]["additionalProperties"] is False
    assert '{"type": "string"}' in json.dumps(schema["$defs"]["LimitsOf"]["properties"]["disk"])
