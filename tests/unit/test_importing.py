"""Inventories of other tools, read as those tools read them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.config import inventory_edit as inventory_file
from orchestrator.config.importers import read
from orchestrator.config.inventory import Inventory
from orchestrator.config.inventory_schema import Entry
from orchestrator.domain.device import Device
from orchestrator.errors import InventoryError

DATA = Path(__file__).parents[1] / "data" / "ansible"


@pytest.fixture
def put(tmp_path):
    """Return a function that writes a file and reads it as an import does."""

    def put(text, name="hosts"):
        path = tmp_path / name
        path.write_text(text)
        return read(path)

    return put


def by_name(found):
    return {device.name: device for device in found.devices}


def said(found):
    return "\n".join(found.notes)


def test_an_ini_inventory_keeps_ranges_groups_and_which_variable_wins(tmp_path):
    (tmp_path / "hosts.ini").write_text((DATA / "hosts.ini").read_text())  # away from group_vars

    found = read(tmp_path / "hosts.ini")

    devices = by_name(found)
    assert set(devices) == {"gate.example", "pi01", "pi03", "pi-a", "pi-b", "pi-c", "nano", "orin.example", "desk"}
    jump = Device(name="jump@gate.example:2022", address="gate.example", user="jump", port=2022)
    assert devices["pi03"] == Device(
        name="pi03",
        address="pi03",
        user="pi",
        port=2222,
        identity_file="~/.ssh/ward",
        python="/usr/bin/python3.11",
        via=jump,
        tags=("ward", "pis"),
    )
    assert devices["pi-b"].address == "192.168.1.9"
    assert (devices["nano"].user, devices["nano"].python, devices["nano"].via) == ("ward", "python3", None)
    assert (devices["orin.example"].address, devices["orin.example"].port) == ("orin.example", 2200)
    assert devices["desk"] == Device(name="desk", transport="local", tags=("here",))
    assert devices["gate.example"].user == "jump"
    assert "nano: ansible_ssh_pass not taken over" in said(found)
    assert "orin.example: ansible_user not taken over: it is a template" in said(found)
    assert "switch: left out: ansible_connection 'network_cli'" in said(found)
    assert "hunter2" not in said(found)


def test_a_yaml_inventory_and_the_folders_beside_it_count_as_for_ansible():
    found = read(DATA / "hosts.yaml")

    devices = by_name(found)
    gate = Device(name="gate", address="203.0.113.7", user="nobody")
    assert devices["gate"] == gate
    assert found.devices[0] == gate
    assert devices["pi01"] == Device(
        name="pi01",
        address="pi01",
        user="pi",
        port=2222,
        identity_file="~/.ssh/pis",
        via=gate,
        tags=("ward", "pis"),
    )
    assert devices["pi02"].port == 2299
    assert (devices["pi-x"].address, devices["pi-x"].user) == ("pi-x.example", None)
    assert "pi-x: ansible_user not taken over: it is encrypted" in said(found)
    assert "pi01, pi02, pi-x: ansible_become_password not taken over" in said(found)
    assert "hunter2" not in said(found)
    assert "6162" not in said(found)


def test_the_group_of_higher_priority_wins_over_the_later_name(put):
    found = put(
        "[edge]\npi-1 ansible_host=192.0.2.11\n[ward]\npi-1\n[zoo]\npi-1\n"
        "[edge:vars]\nansible_group_priority=10\nansible_user=farm\nansible_port=2222\n"
        "[ward:vars]\nansible_user=nobody\nansible_port=22\n[zoo:vars]\nansible_group_priority=high\n"
    )

    assert found.devices[0].destination == "farm@192.0.2.11:2222"
    assert "zoo: ansible_group_priority not taken over: expected a whole number" in said(found)


def test_a_priority_counts_among_groups_of_one_depth_only(put):
    found = put(
        "all:\n  children:\n    lab:\n      vars: {ansible_group_priority: 99, ansible_user: lab}\n"
        "      children: {ward: {hosts: {pi-1: }, vars: {ansible_user: ward}}}\n"
        "    low: {hosts: {pi-2: }, vars: {ansible_group_priority: -5, ansible_user: low}}\n"
        "    abc: {hosts: {pi-2: }, vars: {ansible_user: abc}}\n"
    )

    assert {name: device.user for name, device in by_name(found).items()} == {"pi-1": "ward", "pi-2": "abc"}


@pytest.mark.parametrize("source", [DATA / "hosts.ini", DATA / "hosts.yaml"], ids=lambda path: path.name)
def test_what_is_taken_over_can_be_written_into_an_inventory_and_read_again(source, tmp_path):
    inventory = tmp_path / "inventory.yaml"
    found = read(source)

    for device in found.devices:
        inventory_file.add(inventory, device)

    assert set(found.devices) <= set(Inventory.load(inventory).devices)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("pi[1:3]", ["pi1", "pi2", "pi3"]),
        ("pi[08:10]", ["pi08", "pi09", "pi10"]),
        ("pi[01:10:4].lab", ["pi01.lab", "pi05.lab", "pi09.lab"]),
        ("[a:c:2]x", ["ax", "cx"]),
        ("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"]),
    ],
)
def test_a_range_is_all_its_hosts(put, pattern, names):
    assert [device.name for device in put(f"[pis]\n{pattern}\n").devices] == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[pis]\npi1\npi2 port\n", "hosts:3: expected NAME=VALUE after the name of a host, found 'port'"),
        ("[pis]\npi1 ansible_port=ssh\n", "hosts:2: ansible_port: 'ssh' is not a port"),
        ("[pis]\npi1 ansible_port=70000\n", "hosts:2: ansible_port: '70000' is not a port"),
        ("[pis]\npi[1:999999999]\n", "hosts:2: [1:999999999] is not a range"),
        ("[pis]\npi[5:1]\n", "hosts:2: [5:1] is not a range"),
        (f"[pis]\npi[1:{'9' * 5000}]\n", "1000 at most are read"),
        (f"[pis]\npi[1:2:{'9' * 5000}]\n", "1000 at most are read"),
        (f"[pis]\npi{'[a:a]' * 3000}\n", "1000 at most are read"),
        ('{"_meta": {"hostvars": ["pi"]}}', "hosts: _meta: hostvars: expected names with their values, not \"['pi']\""),
        ('{"_meta": {"hostvars": {"pi": "x"}}}', "hosts: pi: expected names with their values, not 'x'"),
        ('{"_meta": {}, "pis": {"vars": [1]}}', "hosts: pis: expected names with their values, not '[1]'"),
        ("[pis:kinder]\npi\n", "hosts:1: no section :kinder"),
        ("[pis]\n[ward:children]\npies\n", "hosts:3: no group called 'pies'; did you mean 'pis'?"),
        ("[pis]\n[pies:vars]\na=b\n", "hosts:2: no group called 'pies'; did you mean 'pis'?"),
        ("[pis]\n[pis:vars]\nansible_user\n", "hosts:3: expected NAME=VALUE"),
        ("[a:children]\nb\n[b:children]\na\n", "hosts:2: groups are their own children: a, b"),
        ("[pis]\npi 'open\n", "hosts:2: no closing quotation"),
        ("This is a letter.\n", "hosts:1: expected NAME=VALUE after the name of a host, found 'is'"),
        ("all:\n  hots:\n    pi:\n", "hosts:2: group all: unknown key 'hots'; did you mean 'hosts'?"),
        ("all:\n  hosts:\n    - pi\n", "hosts:2: group all: hosts: expected `name:` lines below it"),
        ("all:\n  hosts:\n    pi: 5\n", "hosts:3: host 'pi': expected `name: value` lines"),
        ("all:\n  hosts: {a\n", "hosts:3: "),
        ("all:\n  children:\n    a: {children: {b: {children: {a: }}}}\n", "groups are their own children: a, b"),
        ('{"_meta": {"hostvars": {}}, "pis": {"hosts": "pi"}}', "group 'pis': hosts: expected a list of names"),
        ("- hosts: all\n", "hosts:1: expected `key: value` lines"),
        ("$ANSIBLE_VAULT;1.1;AES256\n61\n", "hosts:1: it is encrypted"),
        ("#!/bin/sh\necho\n", "hosts:1: it is a program"),
        ("pi\n\0\n", "hosts:2: a control character"),
        ("# nothing\n", "hosts: the file is empty"),
        ("Host a\n Port ssh\n", "hosts:2: 'ssh' is not a port"),
        ("Host a\n HostName\n", "hosts:2: expected a keyword"),
        ("Host a\n Include hosts\n", "hosts:2: files include each other more than 16 deep"),
    ],
)
def test_a_broken_file_is_told_with_its_line(put, text, words):
    with pytest.raises(InventoryError) as told:
        put(text)

    assert words in str(told.value)


def test_what_can_not_be_read_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InventoryError, match=str(path)):
            read(path)


@given(text=st.text(alphabet="[]:{}=#'\"\\ \n\t-!&*,|>%$@abz019._HostInclude\xe9"))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("start", ["", "[g]\n", "all:\n", "Host a\n"])
def test_whatever_is_in_a_file_is_a_complaint_or_devices_that_an_inventory_takes(put, start, text):
    try:
        found = put(start + text)
    except InventoryError:
        return
    for device in found.devices:
        Entry.model_validate(inventory_file.written(device))


def test_names_that_no_device_can_have_are_noted_and_the_others_taken(put):
    found = put("[my pis]\nü1\nfine ansible_host=pi@10.0.0.1\ngood ansible_user='${HOME}'\n")

    assert [device.name for device in found.devices] == ["good"]
    assert found.devices[0].user is None
    assert "ü1: left out: 'ü1' can't be the name of a device" in said(found)
    assert "fine: left out: its address" in said(found)
    assert "group 'my pis' not taken over" in said(found)


def test_an_address_that_looks_like_an_option_is_noted_and_the_others_taken(put):
    found = put("[g]\npi ansible_host=-oProxyCommand\nnano ansible_host=10.0.0.2\n")

    assert set(by_name(found)) == {"nano"}
    assert "pi: left out: its address" in said(found)


def test_an_ssh_config_of_another_place_is_flattened(put):
    found = put(
        "User pi\n"
        "Host gate\n  HostName 203.0.113.7\n  Port 2022\n"
        "Host ward-* !ward-9\n  ProxyJump gate\n"
        "Host far\n  ProxyJump jump@[fd00::7]:2200\n"
        "Host bare\n  ProxyJump elsewhere\n"
        "Host chain\n  ProxyJump one,two\n"
        "Host ward-1 ward-9\n  HostName %h.example\n  IdentityFile ~/.ssh/ward\n  User late\n"
        "Host github.com\nMatch exec true\n  Port 9\n"
    )

    devices = by_name(found)
    gate = Device(name="gate", address="203.0.113.7", user="pi", port=2022)
    assert devices["gate"] == gate
    assert devices["ward-1"] == Device(
        name="ward-1", address="ward-1.example", user="pi", identity_file="~/.ssh/ward", via=gate
    )
    assert devices["ward-9"].via is None
    assert devices["far"].via == Device(name="jump@[fd00::7]:2200", address="fd00::7", user="jump", port=2200)
    assert devices["bare"].via == Device(name="elsewhere:22", address="elsewhere", port=22)
    assert "chain: left out: it is behind several jump hosts" in said(found)
    assert "only ssh itself can tell" in said(found)


@pytest.mark.parametrize(
    "line",
    [
        "ForwardX11 yes",
        "ForwardX11Timeout 5m",
        "PKCS11Provider none",
        "Ciphers +aes128-cbc",
        "GSSAPIAuthentication yes",
    ],
)
def test_what_does_not_concern_a_device_is_no_reason_to_refuse_a_file(put, line):
    found = put(f"Host *\n    {line}\nHost board\n    HostName 127.0.0.1\n")

    assert found.devices == (Device(name="board", address="127.0.0.1"),)
    assert found.notes == ()


def test_a_match_counts_as_it_does_for_ssh(put):
    found = put(
        "Match Host 10.0.*.*\n  Port 2300\nMatch final all\n  ForwardX11Trusted yes\nHost board\n  HostName 127.0.0.1\n"
        "  Port 2299\nHost far\n  HostName 10.0.0.1\n  HostKeyAlias ward\n"
    )

    devices = by_name(found)
    assert (devices["board"].address, devices["board"].port) == ("127.0.0.1", 2299)
    assert (devices["far"].address, devices["far"].port) == ("10.0.0.1", 2300)
    assert "far: hostkeyalias not taken over" in said(found)


def test_jump_hosts_in_a_circle_are_left_out(put):
    found = put("Host a\n ProxyJump b\nHost b\n ProxyJump a\nHost *\n ProxyJump c\nHost c\n")

    assert [device.name for device in found.devices] == ["c"]
    assert "reached through itself" in said(found)


def test_the_users_own_ssh_config_stays_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".ssh" / "conf.d"
    folder.mkdir(parents=True)
    (folder / "ward").write_text("Host ward-1\n  Port 2222\n  ProxyJump gate\n")
    (tmp_path / ".ssh" / "config").write_text("Include conf.d/*\nHost *.lab gate\nHost github.com\n  User git\n")

    found = read(tmp_path / ".ssh" / "config")

    assert found.devices == (Device(name="ward-1", address="ward-1"), Device(name="gate", address="gate"))
    assert "github.com: left out" in said(found)


def test_no_password_is_told_where_yaml_itself_is_wrong(tmp_path):
    for text in (
        "all:\n  hosts:\n    a:\n      ansible_password: hunter2\n      ansible_password: hunter2\n",
        "all:\n  hosts:\n    a:\n      ansible_password: *hunter2\n",
    ):
        path = tmp_path / "hosts.yaml"
        path.write_text(text)

        with pytest.raises(InventoryError, match=r"hosts\.yaml:\d") as wrong:
            read(path)

        assert "hunter2" not in str(wrong.value)


def test_a_password_in_a_jump_host_is_not_taken_over(tmp_path):
    path = tmp_path / "hosts.ini"
    path.write_text("[g]\na ansible_ssh_common_args='-J u:hunter2@bast'\n")

    found = read(path)

    assert "hunter2" not in str(found)
    assert found.devices == ()


def test_a_chain_of_more_jump_hosts_than_python_recurses_is_left_out(tmp_path):
    path = tmp_path / "config"
    path.write_text("".join(f"Host h{number}\n  ProxyJump h{number + 1}\n" for number in range(1100)))

    found = read(path)

    assert len(found.devices) < 1100
    assert any("jump host" in note for note in found.notes)
