"""A suite or an inventory is read, or refused with its file and line; no text ends in a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.config import plugin_options
from orchestrator.config import suite as suites
from orchestrator.config.inventory import Inventory
from orchestrator.config.inventory_edit import change, remove, rename
from orchestrator.config.yaml_document import Document
from orchestrator.config.yaml_parse import MAX_BYTES
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.suite import Suite, Throughput
from orchestrator.errors import InventoryError, SuiteError, UsageError
from orchestrator.testing import make_suite

ALIASES = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
SUITE = "models: tiny-cxr\ndataset: phantom\n"
INVENTORY = "devices:\n  pi:\n    address: x\n"

ODD_SUITES = {
    "a number of 5,000 digits": (SUITE + "seed: " + "9" * 5000, "suite.yaml:3: this value can't be read as int"),
    "a number of 20 digits": (SUITE + "seed: " + "9" * 20, "suite.yaml:3: this number is too large"),
    "a day that is none": (SUITE + "seed: 2026-02-30", "suite.yaml:3: this value can't be read as timestamp"),
    "no number": (SUITE + "seed: .nan", "suite.yaml:3: this number is not finite"),
    "an endless number": (SUITE + "attempts: 1e999", "suite.yaml:3: this number is not finite"),
    "a truth for a number": (SUITE + "seed: true", "suite.yaml:3: seed: must be a whole number"),
    "a negative seed": (SUITE + "seed: -1", "suite.yaml:3: seed: must be at least 0"),
    "a word for a truth": (SUITE + "compare: 'yes'", "suite.yaml:3: compare: must be true or false"),
    "too many threads": (SUITE + "threads: [1, 100000]", "suite.yaml:3: threads.1: must be at most 65536"),
    "aliases of aliases": (ALIASES, "suite.yaml:1: its aliases stand for"),
    "an alias in itself": (SUITE + "devices: &d [*d]", "suite.yaml:3: nested deeper than 50 levels"),
    "brackets": (SUITE + "devices: " + "[" * 5000, "nested deeper than 50 levels"),
    "mappings": ("".join(" " * depth + "a:\n" for depth in range(80)), "suite.yaml:50: nested deeper than 50 levels"),
    "a list as a key": (SUITE + "? [a]\n: b", "suite.yaml:3: a key must be a word"),
    "a number as a key": (SUITE + "7: x", "suite.yaml:3: 7: keys must be text"),
    "a key with a capital": ("Models: tiny-cxr\ndataset: phantom", "suite.yaml:1: unknown key 'Models'; did you mean"),
    "a key called str": ("models:\n- {kind: keras, path: x, preprocess: {str: 1}}", "suite.yaml:2: unknown key 'str'"),
    "an unknown tag": (SUITE + "seed: !secret x", "suite.yaml:3: seed: must be a whole number"),
    "a call": (SUITE + "effort: !!python/object/apply:os.getpid []", "suite.yaml:3: effort: must be text"),
    "another document": (SUITE + "---\na: 1", "suite.yaml:3: but found another document"),
    "a control character": (SUITE + "effort: \a", "suite.yaml:3: character U+0007 is not allowed"),
    "a NUL": (SUITE + 'effort: "a\\0b"', "suite.yaml:3: this text has a character that neither files nor"),
    "half a character": (SUITE + 'effort: "\\ud800"', "suite.yaml:3: this text has a character that neither"),
    "a home of nobody": (
        "models: {path: ~nosuchuser/m.keras}\ndataset: phantom",
        "suite.yaml:1: ~nosuchuser/m.keras: ",
    ),
    "a list as a path": ("models: {path: [a]}\ndataset: phantom", "suite.yaml:1: model keras: path: must be text, not"),
    "a name with a slash": (
        "models: {name: a/b, kind: tiny-cxr}\ndataset: phantom",
        "'a/b' can't be the name of a model",
    ),
    "a name with a line": ('models: {name: "a\\nb", kind: tiny-cxr}\ndataset: phantom', "can't be the name of a model"),
    "a set": (SUITE + "devices: !!set {a, b}", "suite.yaml:3: devices: must be text"),
}


@pytest.mark.parametrize(("text", "words"), ODD_SUITES.values(), ids=ODD_SUITES.keys())
def test_an_odd_suite_is_refused_with_its_file_and_line(tmp_path, text, words):
    path = tmp_path / "suite.yaml"
    path.write_text(text)

    with pytest.raises(SuiteError) as caught:
        suites.load(path)

    assert words in caught.value.message
    assert len(caught.value.message) < 1000


ODD_INVENTORIES = {
    "a number of 5,000 digits": (
        INVENTORY + "    port: " + "2" * 5000,
        "inventory.yaml:4: this value can't be read as int",
    ),
    "a number of 400 digits": (INVENTORY + "    port: " + "2" * 400, "inventory.yaml:4: this number is too large"),
    "an endless size": (INVENTORY + "    limits: {disk: 1e400GB}", "inventory.yaml:4: device pi: limits.disk: "),
    "a size of 5,000 digits": (
        INVENTORY + f"    limits: {{disk: {'9' * 5000}GB}}",
        "inventory.yaml:4: device pi: limits.disk",
    ),
    "no runtime": (INVENTORY + "    runtimes: [litrt]", "no runtime called 'litrt'; did you mean 'litert'?"),
    "half a runtime": (INVENTORY + "    runtimes: ['litert==']", "is not NAME, NAME==VERSION or NAME:ARGUMENT"),
    "a text of its own": (
        "devices: {pi: {address: x, notes: !!binary aGk=}}",
        "inventory.yaml:1: device pi: notes: must be text",
    ),
    "devices as a list": ("devices: [pi]", "inventory.yaml:1: devices: expected `name:` lines"),
    "a date as a name": (
        "devices:\n  2026-01-01: {address: x}",
        "inventory.yaml:2: '2026-01-01' can't be the name of a device",
    ),
    "groups in a row": (
        INVENTORY + "groups:\n" + "".join(f"  g{n}: {{children: [g{n + 1}]}}\n" for n in range(40)) + "  g40: {}",
        "groups are nested deeper than 32 levels",
    ),
    "hops in a row": (
        "devices:\n  d0: {address: x}\n" + "".join(f"  d{n}: {{address: x, via: d{n - 1}}}\n" for n in range(1, 40)),
        "inventory.yaml:11: device d9: via: more than 8 jump hosts",
    ),
    "hops in a row, last one first": (
        "devices:\n"
        + "".join(f"  d{n}: {{address: x, via: d{n - 1}}}\n" for n in range(39, 0, -1))
        + "  d0: {address: x}",
        "via: more than 8 jump hosts",
    ),
}


@pytest.mark.parametrize(("text", "words"), ODD_INVENTORIES.values(), ids=ODD_INVENTORIES.keys())
def test_an_odd_inventory_is_refused_with_its_file_and_line(tmp_path, text, words):
    path = tmp_path / "inventory.yaml"
    path.write_text(text)

    with pytest.raises(InventoryError) as caught:
        Inventory.load(path)

    assert words in caught.value.message
    assert re.search(r"inventory\.yaml:\d+: ", caught.value.message)
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        (
            {"devices": {f"d{n}": {"address": "x", "via": f"d{n - 1}"} for n in range(1, 2000)}},
            "more than 8 jump hosts",
        ),
        ({"devices": {f"d{n}": {"address": "x", "via": f"d{n + 1}"} for n in range(2000)}}, "more than 8 jump hosts"),
        (
            {"groups": {f"g{n}": {"children": [f"g{n + 1}"]} for n in range(2000)} | {"g2000": {}}},
            "deeper than 32 levels",
        ),
    ],
    ids=["hops", "hops, last one first", "groups"],
)
def test_thousands_in_a_row_are_refused_without_a_call_for_each(tmp_path, plain, words):
    plain = {"devices": {}} | plain
    plain["devices"] |= {"d0": {"address": "x"}} if "d1" in plain["devices"] and "d0" not in plain["devices"] else {}
    document = Document(path=tmp_path / "inventory.yaml", data=plain, error=InventoryError)  # YAML would take seconds

    with pytest.raises(InventoryError, match=words):
        Inventory.of(document)


def test_groups_that_share_children_are_read_in_time(tmp_path):
    path = tmp_path / "inventory.yaml"
    layers = [f"  {side}{n}: {{children: [a{n + 1}, b{n + 1}]}}\n" for n in range(30) for side in "ab"]
    path.write_text(INVENTORY + "groups:\n" + "".join(layers) + "  a30: {devices: [pi]}\n  b30: {}\n")

    assert len(Inventory.load(path).device("pi").groups) == 61


@pytest.mark.parametrize("load", [suites.load, Inventory.load])
def test_what_is_no_text_file_is_refused_by_its_name(tmp_path, load):
    (tmp_path / "utf16.yaml").write_bytes(SUITE.encode("utf-16"))
    (tmp_path / "latin1.yaml").write_bytes(b"# W\xe4rme\n")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    with (tmp_path / "big.yaml").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    for path, words in (
        (tmp_path / "utf16.yaml", "not UTF-8 at byte 0"),
        (tmp_path / "latin1.yaml", "not UTF-8 at byte 3"),
        (tmp_path / "big.yaml", "larger than 10 MB"),
        (tmp_path, "a folder, not an inventory" if load == Inventory.load else "a folder, expected a suite.yaml"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(UsageError) as caught:
            load(path)
        assert f"{path}: {words}" in caught.value.message


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    suite, inventory = tmp_path / "suite.yaml", tmp_path / "inventory.yaml"
    suite.write_bytes(b"\xef\xbb\xbf" + SUITE.replace("\n", "\r\n").encode())
    inventory.write_bytes(b"\xef\xbb\xbf" + INVENTORY.replace("\n", "\r\n").encode())

    assert suites.load(suite).models[0].name == "tiny-cxr"
    assert Inventory.load(inventory).device("pi").address == "x"


def test_anchors_merges_and_another_version_of_yaml_are_read(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "%YAML 1.1\n---\ndevices:\n  a: &a {address: x, port: 2222, tags: &t [lab]}\n"
        "  b: {<<: *a, address: q}\n  c: {address: z, tags: *t}\n"
    )

    devices = {device.name: device for device in Inventory.load(path).devices}

    assert (devices["b"].port, devices["b"].address) == (2222, "q")
    assert devices["c"].tags == ("lab",)


WORDS = st.sampled_from(
    [
        *(
            "models",
            "dataset",
            "schemes",
            "runtimes",
            "threads",
            "throughput",
            "interpreters",
            "effort",
            "seed",
            "kind",
        ),
        *(
            "path",
            "preprocess",
            "size",
            "mean",
            "devices",
            "groups",
            "children",
            "address",
            "via",
            "limits",
            "disk",
            "tags",
        ),
        *(
            "tiny-cxr",
            "phantom",
            "folder",
            "keras",
            "int8",
            "litert",
            "litert==",
            "quick",
            "pi",
            "nuc",
            "all",
            "local",
            "~x/y",
        ),
    ]
)
SCALARS = st.one_of(
    WORDS,
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.sampled_from(
        ["2026-02-30", "!!int x", "!!float 1", "&a 1", "*a", "<<", "9" * 5000, "0o17", "1:2:3", "!x y", "${HOME}"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, SCALARS), inner, max_size=4)),
    max_leaves=12,
)


def flow(value):
    """Return YAML of a value, as far as that is possible: texts stand as they are."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return (
        {True: "true", False: "false", None: "null"}.get(value, str(value))
        if not isinstance(value, int)
        else str(value)
    )


def refusals(path):
    """Return what the loaders say of a file that they do not take; any other exception passes through."""
    found = []
    for load, error in ((suites.load, SuiteError), (Inventory.load, InventoryError)):
        try:
            load(path)
        except error as refused:
            found.append(refused.message)
    return found


TEXTS = st.one_of(
    st.dictionaries(WORDS, VALUES, max_size=5).map(
        lambda keys: "".join(f"{key}: {flow(value)}\n" for key, value in keys.items())
    ),
    st.text(max_size=60),
    st.text(alphabet=" \n:-{}[]&*!|>'\"%@`#?,a1~<.", max_size=40),
)


@given(TEXTS)
@example("devices: {pi: {address: x, via: pi}}")
@example("a: &a [*a]\nb: {<<: *a}")
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_value_or_its_own_error(tmp_path, text):
    path = tmp_path / "file.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))

    assert all(str(path) in refusal for refusal in refusals(path))


@given(st.binary(max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_value_or_their_own_error(tmp_path, content):
    path = tmp_path / "file.yaml"
    path.write_bytes(content)

    assert all(str(path) in refusal for refusal in refusals(path))


@given(st.dictionaries(st.sampled_from(["seed", "patients", "name", "x"]), VALUES, max_size=3))
def test_any_options_of_a_plug_in_are_taken_or_named(options):
    complaint = plugin_options.complaint(Phantom, options)

    if complaint is None:
        assert set(options) <= {"seed", "patients", "name"}
        assert not isinstance(options.get("seed", 0), bool | str | float)


def test_a_word_where_a_list_is_expected_stays_one_word():
    narrowed = suites.narrow(make_suite(), devices="local", schemes="int8", runtimes="litert", threads=2, throughput=3)

    assert (narrowed.devices, narrowed.schemes, narrowed.runtimes) == (("local",), ("int8",), ("litert",))
    assert (narrowed.threads, narrowed.throughput) == ((2,), Throughput(interpreters=(3,)))
    assert Suite(models=(), dataset=narrowed.dataset, devices="local", threads=[1, 2]).devices == ("local",)
    assert Throughput(interpreters=2) == Throughput(interpreters=[2]) == Throughput(interpreters=(2,))


@pytest.mark.parametrize(
    "options",
    [{"threads": ["four"]}, {"threads": 1 << 70}, {"seed": 1 << 63}, {"seed": -1}, {"throughput": 0}],
    ids=str,
)
def test_numbers_that_nothing_can_use_are_refused_as_options_too(options):
    with pytest.raises(SuiteError, match=r"must be"):
        suites.narrow(make_suite(), **options)


def test_an_endless_device_file_is_not_read_to_its_end():
    with pytest.raises(SuiteError, match="a device, not a file"):
        suites.load(Path("/dev/zero"))


def test_edits_of_a_file_that_is_no_text_are_refused(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(b"devices:\n  pi: {address: x, notes: W\xe4rme}\n")

    for edit in (
        lambda: remove(path, ["pi"]),
        lambda: change(path, "pi", ["user=pi"]),
        lambda: rename(path, "pi", "po"),
    ):
        with pytest.raises(InventoryError, match="not UTF-8 at byte 36"):
            edit()


def test_an_edit_keeps_the_byte_order_mark_and_the_line_ends(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + INVENTORY.replace("\n", "\r\n").encode())

    change(path, "pi", ["user=joe"])

    assert path.read_bytes() == b"\xef\xbb\xbfdevices:\r\n  pi:\r\n    address: x\r\n    user: joe\r\n"
