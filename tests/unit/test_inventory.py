"""The inventory says what is wrong with it, selects devices, and takes new ones without touching the rest."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.config.inventory import Inventory
from orchestrator.config.inventory_edit import add, change
from orchestrator.config.selectors import select
from orchestrator.domain.device import LOCAL, Device
from orchestrator.errors import InventoryError, UnknownName

FULL = """\
# our ward
devices:
  pi5-a:   # by the window
    address: 192.168.1.20
    user: pi
    port: 2222
    identity_file: ~/.ssh/id_ed25519
    tags: [pi, ward-3]
    python: /usr/bin/python3.11
    workdir: farm

  jetson:
      address: "fe80::1"
      tags:
      - gpu
      - ward-3
# the end
"""

PI = Device(
    name="pi5-a",
    address="192.168.1.20",
    user="pi",
    port=2222,
    identity_file="~/.ssh/id_ed25519",
    tags=("pi", "ward-3"),
    python="/usr/bin/python3.11",
    workdir="farm",
)
JETSON = Device(name="jetson", address="fe80::1", tags=("gpu", "ward-3"))
NEW = Device(name="new", address="10.0.0.9", user="pi", tags=("pi",))


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(FULL, encoding="utf-8")
    return path


def test_every_key_is_read(inventory):
    assert Inventory.load(inventory).devices == (LOCAL, PI, JETSON)


def test_without_a_file_there_is_this_machine(tmp_path):
    assert Inventory.load(None).devices == (LOCAL,)
    assert Inventory.load(tmp_path / "none.yaml").devices == (LOCAL,)


def test_the_repositorys_own_inventory_is_this_machine():
    (device,) = Inventory.load(Path(__file__).parents[2] / "inventory.yaml").devices

    assert (device.name, device.transport) == ("local", "local")


def test_local_may_be_defined(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text("devices:\n  pi:\n    address: pi\n  local:\n    tags: [desk]\n")

    assert [(device.name, device.transport, device.tags) for device in Inventory.load(path).devices] == [
        ("pi", "ssh", ()),
        ("local", "local", ("desk",)),
    ]


WRONG = {
    "misspelt key": ("    adress: x", 3, "device pi: unknown key 'adress'; did you mean 'address'?"),
    "no address": ("    user: pi", 2, "device pi: it has no address"),
    "empty address": ("    address: ''", 3, "device pi: address: '' is not a bare name"),
    "address with user": ("    address: pi@x", 3, "device pi: address: 'pi@x' is not a bare name"),
    "address with port": ("    address: x:22", 3, "device pi: address: 'x:22' is not a bare name"),
    "address in brackets": ("    address: '[::1]'", 3, "device pi: address: '[::1]' is not a bare name"),
    "address a number": ("    address: 10", 3, "device pi: address: must be text"),
    "port zero": ("    address: x\n    port: 0", 4, "device pi: port: must be at least 1"),
    "port too high": ("    address: x\n    port: 65536", 4, "device pi: port: must be at most 65535"),
    "port a text": ("    address: x\n    port: '22'", 4, "device pi: port: must be a whole number"),
    "port a truth": ("    address: x\n    port: true", 4, "device pi: port: must be a whole number"),
    "user a number": ("    address: x\n    user: 0", 4, "device pi: user: must be text"),
    "user empty": ("    address: x\n    user: ''", 4, "device pi: user: must not be empty"),
    "key file a list": ("    address: x\n    identity_file: [a]", 4, "device pi: identity_file: must be text"),
    "tags a text": ("    address: x\n    tags: pi", 4, "device pi: tags: must be a list"),
    "tag a number": (
        "    address: x\n    tags:\n    - a\n    - 5",
        6,
        "device pi: tags.1: must be text",
    ),
    "tag with a blank": (
        "    address: x\n    tags: [a b]",
        4,
        "device pi: tags.0: 'a b' can't be the name of a tag: letters",
    ),
    "python a number": ("    address: x\n    python: 3", 4, "device pi: python: must be text"),
    "workdir empty": ("    address: x\n    workdir: ' '", 4, "device pi: workdir: must not be empty"),
    "no such transport": (
        "    address: x\n    transport: shh",
        4,
        "device pi: no transport called 'shh'; did you mean 'ssh'?",
    ),
    "key twice": ("    address: x\n    address: y", 4, 'found duplicate key "address"'),
    "device twice": ("    address: x\n  pi:\n    address: y", 4, 'found duplicate key "pi"'),
    "a tab": ("\taddress: x", 3, "found character '\\t' that cannot start any token"),
    "not a mapping": ("    - x", 2, "device pi: expected `key: value` lines below it"),
    "a number as name": ("    address: x\n  7:\n    address: x", 4, "'7' can't be the name of a device"),
    "a slash in a name": ("    address: x\n  a/b:\n    address: x", 4, "'a/b' can't be the name of a device"),
    "a device called all": ("    address: x\n  all:\n    address: x", 4, "'all' can't be the name of a device"),
    "unknown top key": ("    address: x\ndevice: {}", 4, "unknown key 'device'; did you mean 'devices'?"),
    "unclosed bracket": ("    address: x\n    tags: [a", 5, "expected ',' or ']'"),
}


@pytest.mark.parametrize(("lines", "line", "words"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_with_file_line_and_key(tmp_path, lines, line, words):
    path = tmp_path / "inventory.yaml"
    path.write_text(f"devices:\n  pi:\n{lines}\n")

    with pytest.raises(InventoryError) as caught:
        Inventory.load(path)

    assert f"inventory.yaml:{line}: " in caught.value.message
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "inventory.yaml:1: there is nothing in it"),
        (b"# only words\n", "inventory.yaml:1: there is nothing in it"),
        (b"devices:\n  pi:\n    user: \xff\n", "inventory.yaml: not UTF-8 at byte 25"),
        (b"- pi\n", "inventory.yaml:1: expected `key: value` lines, not a list"),
        (b"devices: [pi]\n", "inventory.yaml:1: devices: expected `name:` lines"),
    ],
    ids=["empty", "comments only", "not UTF-8", "a list", "devices a list"],
)
def test_a_file_of_the_wrong_form_is_refused(tmp_path, content, words):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(content)

    with pytest.raises(InventoryError) as caught:
        Inventory.load(path)

    assert words in caught.value.message


def test_a_folder_is_no_inventory_and_the_file_in_it_is_asked_for(tmp_path):
    with pytest.raises(InventoryError, match="a folder, not an inventory") as caught:
        Inventory.load(tmp_path)

    assert caught.value.hint == "name the file in it"


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        (["all"], ["local", "pi5-a", "jetson"]),
        (["jetson", "pi5-a", "jetson"], ["pi5-a", "jetson"]),
        (["pi*"], ["pi5-a"]),
        (["tag:ward-3"], ["pi5-a", "jetson"]),
        (["tag:ward-3", "!jetson"], ["pi5-a"]),
        (["!local"], ["pi5-a", "jetson"]),
        (["!tag:gpu", "!local"], ["pi5-a"]),
        (["all", "!*"], []),
        ([], []),
    ],
    ids=str,
)
def test_selectors_mean_devices_in_the_order_of_the_file(inventory, selectors, expected):
    assert [device.name for device in select(Inventory.load(inventory).devices, selectors)] == expected


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("pi5-b", "no device called 'pi5-b'; did you mean 'pi5-a'?"),
        ("nano*", "no device called 'nano*'"),
        ("tag:ward-4", "no tag called 'ward-4'; did you mean 'ward-3'?"),
        ("!jetsno", "no device called 'jetsno'; did you mean 'jetson'?"),
        ("", "no device called ''"),
    ],
)
def test_a_selector_that_means_nothing_names_the_nearest(inventory, selector, words):
    with pytest.raises(UnknownName) as caught:
        select(Inventory.load(inventory).devices, [selector])

    assert words in caught.value.message


def test_adding_keeps_every_byte_that_was_there(inventory):
    add(inventory, NEW)

    added = "  new:\n    address: 10.0.0.9\n    user: pi\n    tags: [pi]\n"
    assert inventory.read_text() == FULL.replace("# the end\n", f"{added}# the end\n")
    assert Inventory.load(inventory).devices == (LOCAL, PI, JETSON, NEW)


@pytest.mark.parametrize("device", [PI, JETSON, NEW], ids=lambda device: device.name)
def test_what_is_added_is_read_back(tmp_path, device):
    path = tmp_path / "deep" / "inventory.yaml"

    add(path, device)

    assert Inventory.load(path).devices == (LOCAL, device)
    assert path.read_text().startswith("# The devices farm may use")


@pytest.mark.parametrize(
    "before",
    [
        "devices:\n",
        "# note\ndevices:\n  # a: commented out\n",
        "devices: {}\n",
        "devices: {old: {address: x}}  # in one line\n",
        "devices:\n      old:\n        address: x",
        "devices:\r\n  old:\r\n    address: x\r\n",
        "devices:\n  old:\n    address: x\n  # a comment at the end\n",
    ],
    ids=["empty", "commented", "braces", "one line", "wide and no newline", "CRLF", "comment last"],
)
def test_a_device_can_be_added_to_any_form_of_file(tmp_path, before):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(before.encode())
    kept = Inventory.load(path).devices

    add(path, NEW)

    assert Inventory.load(path).devices == (*kept, NEW)
    assert all(comment in path.read_text() for comment in before.split("\n") if comment.strip().startswith("#"))
    assert path.read_bytes().count(b"\r\n") in (0, path.read_bytes().count(b"\n"))


def test_a_file_whose_entries_are_an_alias_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "inventory.yaml"
    before = "groups: &same\n  pis: {devices: [old]}\ndevices:\n  old: &entry\n    address: x\n  twin: *entry\n"
    path.write_text(before)

    with pytest.raises(InventoryError, match="can't change 'twin' in a file of this form"):
        change(path, "twin", ["user=pi"])

    assert path.read_text() == before


def test_a_name_that_is_taken_is_refused_with_its_line(inventory):
    with pytest.raises(InventoryError, match=r"inventory\.yaml:3: there is a device 'pi5-a' already"):
        add(inventory, PI)

    assert inventory.read_text() == FULL


def test_adding_to_a_broken_file_says_what_is_wrong_and_leaves_it(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(b"devices:\n  \xff: 1\n")

    with pytest.raises(InventoryError, match="not UTF-8"):
        add(path, NEW)

    assert path.read_bytes() == b"devices:\n  \xff: 1\n"


def test_many_adds_at_once_all_arrive(inventory):
    devices = [Device(name=f"pi-{number}", address=f"10.0.0.{number}") for number in range(20)]

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda device: add(inventory, device), devices))

    assert set(Inventory.load(inventory).devices) == {LOCAL, PI, JETSON, *devices}
    assert [path.name for path in inventory.parent.iterdir()] == ["inventory.yaml"]


def test_permissions_and_symbolic_links_stay(inventory, tmp_path):
    inventory.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(inventory)

    add(link, NEW)

    assert link.is_symlink()
    assert stat.S_IMODE(inventory.stat().st_mode) == 0o640
    assert NEW in Inventory.load(inventory).devices
