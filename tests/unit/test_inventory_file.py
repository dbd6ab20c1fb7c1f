"""Edits of the inventory change what was meant and not one byte around it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.config import yaml_edit as splice
from orchestrator.config.inventory import Inventory
from orchestrator.config.inventory_edit import add, assignment, change, preview, remove, rename, replace
from orchestrator.domain.device import Device, Limits
from orchestrator.errors import InventoryError, UnknownName, UsageError

TEXT = """\
# our ward
devices:
  gate:   # the old PC
    address: 10.0.0.1
    limits: {disk: 2GB}

  pi-a:
    address: 10.0.0.2   # by the window
    user:   pi
    tags: [ward, 'a-1']
    via: gate
    notes: |
      two lines
      of notes
  # spare
  pi-b: {address: 10.0.0.3, via: gate}
  nuc:
    address: 10.0.0.4
    tags:
    - lab      # for now
    - x86

groups:
  near: {devices: [gate, pi-a], user: me}
# the end
"""


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "inventory.yaml"
    made.write_text(TEXT, encoding="utf-8")
    return made


def set_keys(path, name, *texts):
    change(path, name, texts)


CHANGES = {
    "a scalar": ("pi-a", "user=root", ("user:   pi\n", "user:   root\n")),
    "beside a comment": ("pi-a", "address=10.9.9.9", ("10.0.0.2   # by", "10.9.9.9   # by")),
    "a new key": ("nuc", "port=2222", ("    - x86\n", "    - x86\n    port: 2222\n")),
    "a list": ("pi-a", "tags+=b", ("[ward, 'a-1']", "[ward, a-1, b]")),
    "less of a list": ("nuc", "tags-=lab", ("tags:\n    - lab      # for now\n    - x86\n", "tags: [x86]\n")),
    "a list taken away": ("nuc", "tags=", ("    tags:\n    - lab      # for now\n    - x86\n", "")),
    "a block of text": ("pi-a", "notes=short", ("notes: |\n      two lines\n      of notes\n", "notes: short\n")),
    "behind a block of text": ("pi-a", "port=7", ("      of notes\n", "      of notes\n    port: 7\n")),
    "in braces": ("pi-b", "user=pi", ("via: gate}", "via: gate, user: pi}")),
    "first in braces": ("pi-b", "address=h", ("{address: 10.0.0.3,", "{address: h,")),
    "last in braces away": ("pi-b", "via=", (", via: gate}", "}")),
    "deeper in braces": ("gate", "limits.memory=1GB", ("{disk: 2GB}", "{disk: 2GB, memory: 1GB}")),
    "the last of a mapping": ("gate", "limits.disk=", ("    limits: {disk: 2GB}\n", "")),
    "a mapping that was not": ("nuc", "limits.disk=1GB", ("    - x86\n", "    - x86\n    limits:\n      disk: 1GB\n")),
    "words that need quotes": ("nuc", "notes=a: b #c", ("    - x86\n", "    - x86\n    notes: 'a: b #c'\n")),
    "a number as words": ("nuc", "user=123", ("    - x86\n", "    - x86\n    user: '123'\n")),
    "a line end": ("nuc", "notes=a\nb", ("    - x86\n", '    - x86\n    notes: "a\\nb"\n')),
}


@pytest.mark.parametrize(("name", "text", "edit"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_touches_its_own_value_only(path, name, text, edit):
    set_keys(path, name, text)

    assert path.read_text() == TEXT.replace(*edit, 1)


def test_what_would_be_wrong_is_refused_with_its_line_and_changes_nothing(path):
    with pytest.raises(InventoryError, match="device nuc: port: must be at most 65535"):
        set_keys(path, "nuc", "user=me", "port=99999")
    with pytest.raises(InventoryError, match="device nuc: port: must be a whole number"):
        set_keys(path, "nuc", "port=ssh")
    with pytest.raises(InventoryError, match="device nuc: it has no address"):
        set_keys(path, "nuc", "address=")
    with pytest.raises(InventoryError, match="via: no device called 'gat'; did you mean 'gate'"):
        set_keys(path, "nuc", "via=gat")

    assert path.read_text() == TEXT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("usr=pi", "unknown key 'usr'; did you mean 'user'?"),
        ("limits=3", "unknown key 'limits'"),
        ("limits.dsk=3", "unknown key 'limits.dsk'; did you mean 'limits.disk'?"),
        ("user", "it has no `=`"),
        ("user+=x", "user is not a list"),
        ("password=x", "unknown key 'password'"),
    ],
)
def test_an_assignment_that_means_nothing_says_why(text, words):
    with pytest.raises(UsageError) as caught:
        assignment(text, {})

    assert words in caught.value.message


def test_unknown_devices_are_told_with_the_nearest(path):
    with pytest.raises(UnknownName, match="no device called 'nuk'; did you mean 'nuc'"):
        change(path, "nuk", ["user=x"])
    with pytest.raises(InventoryError, match="`local` is built in"):
        change(path, "local", ["user=x"])


def test_a_device_is_renamed_wherever_the_file_names_it(path):
    rename(path, "gate", "door")

    assert path.read_text() == TEXT.replace("  gate: ", "  door: ").replace("via: gate", "via: door").replace(
        "[gate, pi-a]", "[door, pi-a]"
    )


def test_a_name_that_is_taken_or_impossible_is_refused(path):
    with pytest.raises(InventoryError, match="there is a device 'nuc' already"):
        rename(path, "pi-a", "nuc")
    with pytest.raises(InventoryError, match="can't be the name of a device"):
        rename(path, "pi-a", "a b")

    assert path.read_text() == TEXT


def test_removing_takes_the_entry_and_its_memberships(path):
    remove(path, ["pi-a"])

    start, end = TEXT.index("  pi-a:\n"), TEXT.index("  # spare")
    assert path.read_text() == (TEXT[:start] + TEXT[end:]).replace("[gate, pi-a]", "[gate]")


def test_a_jump_host_in_use_is_not_removed_alone(path):
    with pytest.raises(InventoryError, match="device pi-a goes through gate; it has to go first"):
        remove(path, ["gate"])

    remove(path, ["gate", "pi-a", "pi-b"])
    assert [device.name for device in Inventory.load(path).devices] == ["local", "nuc"]


def test_everything_can_be_removed_and_added_again(path):
    remove(path, ["gate", "pi-a", "pi-b", "nuc"])
    add(path, Device(name="new", address="x", limits=Limits(disk_bytes=5), via=None))

    assert Inventory.load(path).device("new").limits.disk_bytes == 5
    assert "# the end\n" in path.read_text()


def test_a_device_is_written_with_its_jump_host_and_limits(path):
    gate = Inventory.load(path).device("gate")
    new = Device(
        name="new", address="fe80::1", via=gate, limits=Limits(memory_bytes=7, start_below_c=50.5), notes="a: b"
    )

    add(path, new)

    assert Inventory.load(path).device("new") == new


def test_edits_at_once_lose_nothing(path):
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: add(path, Device(name=f"d{number}", address="x")), range(12)))
        list(pool.map(lambda number: change(path, f"d{number}", [f"user=u{number}"]), range(12)))

    devices = {device.name: device for device in Inventory.load(path).devices}
    assert all(devices[f"d{number}"].user == f"u{number}" for number in range(12))
    assert path.read_text().startswith(TEXT[: TEXT.index("groups:") - 1])


def test_an_edited_text_replaces_the_file_only_if_it_is_right_and_nobody_was_faster(path):
    with pytest.raises(InventoryError, match="unknown key 'dvices'"):
        replace(path, TEXT, "dvices: {}\n")
    with pytest.raises(InventoryError, match="changed by another program meanwhile"):
        replace(path, "something else\n", "devices:\n  a: {address: x}\n")
    assert path.read_text() == TEXT

    replace(path, TEXT, "devices:\n  a: {address: x}\n")
    assert path.read_text() == "devices:\n  a: {address: x}\n"


def test_assignments_follow_one_another(path):
    set_keys(path, "nuc", "tags+=ward-3", "tags-=lab", "user=a", "user=b")

    nuc = Inventory.load(path).device("nuc")
    assert (nuc.tags, nuc.user) == (("x86", "ward-3"), "b")


def test_additions_to_one_list_at_once_all_arrive(path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: change(path, "pi-a", [f"tags+=t{number}"]), range(10)))

    assert set(Inventory.load(path).device("pi-a").tags) >= {f"t{number}" for number in range(10)}


MEMBERS = """\
groups:
  ward:
    via: gate.lan   # the door
    devices:
      - a   # first
      # about b
      - b   # second
      - c
devices:
  gate.lan: {address: x}
  a: {address: y}
  b: {address: z}
  c: {address: w}
"""


def test_comments_in_a_group_s_list_stay_with_their_devices(path):
    path.write_text(MEMBERS)
    remove(path, ["b"])
    assert path.read_text() == MEMBERS.replace("      - b   # second\n", "").replace("  b: {address: z}\n", "")

    rename(path, "c", "d")
    assert "      - d\n" in path.read_text()
    assert "      - a   # first\n" in path.read_text()


def test_a_jump_host_of_a_group_is_renamed_there_and_not_removed(path):
    path.write_text(MEMBERS)
    with pytest.raises(InventoryError, match=r"group ward goes through gate\.lan"):
        remove(path, ["gate.lan"])

    rename(path, "gate.lan", "door")

    assert "via: door   # the door" in path.read_text()
    assert Inventory.load(path).device("a").via.name == "door"


def test_a_name_is_not_changed_where_groups_go_by_it(path):
    before = "groups:\n  g: {devices: ['p*'], user: pi}\ndevices:\n  p1: {address: x}\n  p2: {address: y}\n"
    path.write_text(before)

    with pytest.raises(InventoryError, match="zz would have other settings than p1"):
        rename(path, "p1", "zz")

    assert path.read_text() == before
    rename(path, "p1", "p3")


def test_an_entry_whose_reference_is_not_set_can_be_taken_out(path):
    path.write_text("devices:\n  a: {address: x}\n  b: {address: '${NOT_SET_HERE}'}\n")

    remove(path, ["b"])

    assert [device.name for device in Inventory.load(path).devices] == ["local", "a"]


@pytest.mark.parametrize(
    "text", ["devices:\n  - a\n", "devices: [a]\n", "devices: some\n", "devices: !!omap\n- a: 1\n"]
)
def test_a_file_of_another_shape_is_a_complaint_whatever_is_asked_of_it(path, text):
    path.write_text(text)

    for act in (
        lambda: add(path, Device(name="n", address="x")),
        lambda: preview(path, Device(name="n", address="x")),
        lambda: change(path, "a", ["user=x"]),
        lambda: remove(path, ["a"]),
        lambda: rename(path, "a", "b"),
    ):
        with pytest.raises((InventoryError, UnknownName)):
            act()
    assert path.read_text() == text


def test_a_hundred_devices_are_added_at_once_or_not_at_all(path):
    with pytest.raises(InventoryError, match="there is a device 'nuc' already"):
        add(path, Device(name="new", address="x"), Device(name="nuc", address="x"))
    assert path.read_text() == TEXT

    add(path, *(Device(name=f"n{number}", address="x") for number in range(100)))
    assert len(Inventory.load(path).devices) == 105


@given(st.text(max_size=40))
@example(": 0")
def test_any_text_survives_being_written_on_one_line(text):
    import ruamel.yaml

    try:
        before = splice.put("a:\n  b: 1\n", ("a", "b"), text)
    except ruamel.yaml.error.YAMLError:
        return
    if text.isprintable():
        assert ruamel.yaml.YAML(typ="rt").load(before) == {"a": {"b": text}}


def test_a_device_to_come_has_what_its_groups_would_say(path):
    with path.open("a") as file:
        file.write("  # more groups\n  pis: {devices: ['pi-*'], user: pi, port: 2222}\n")
    before = path.read_text()

    meant = preview(path, Device(name="pi-z", address="x", groups=("near",)))

    assert (meant.user, meant.port, meant.groups) == ("pi", 2222, ("near", "pis"))
    assert path.read_text() == before
    with pytest.raises(InventoryError, match="no group called 'far'"):
        preview(path, Device(name="pi-z", address="x", groups=("far",)))
    with pytest.raises(InventoryError, match="there is a device 'nuc' already"):
        preview(path, Device(name="nuc", address="x"))
