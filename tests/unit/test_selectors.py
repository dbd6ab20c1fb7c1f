"""Selectors mean devices by what the inventory says of them, and by what they said of themselves."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.config.selectors import has, needs_facts, select
from orchestrator.domain.device import Device
from orchestrator.errors import UnknownName, UsageError

DEVICES = (
    Device(name="pi-a", address="a", tags=("pi",), groups=("ward",)),
    Device(name="pi-b", address="b", tags=("pi", "old")),
    Device(name="nuc", address="c", groups=("ward",)),
    Device(name="new", address="d"),
)
KNOWN = {
    "pi-a": {"machine": "aarch64", "memory_bytes": 4_000_000_000, "cores": 4, "python": "3.11.2", "os": "Debian 12"},
    "pi-b": {"machine": "armv7l", "memory_bytes": 512_000_000, "cores": 4, "python": "3.9.2", "os": "Raspbian 11"},
    "nuc": {
        "machine": "x86_64",
        "memory_bytes": 16 << 30,
        "cores": 8,
        "python": "3.12.1",
        "gpus": [{"kind": "nvidia", "name": "RTX"}],
        "features": ["avx2"],
        "runtimes": {"litert": {"works": True, "version": "2.3.0"}, "tflite": {"works": False}},
    },
}

MEANT = {
    "tag:pi": "pi-a pi-b",
    "group:ward": "pi-a nuc",
    "arch:aarch64": "pi-a",
    "arch:arm64": "pi-a",
    "arch:amd64": "nuc",
    "has:gpu": "nuc",
    "has:nvidia": "nuc",
    "has:avx2": "nuc",
    "has:litert": "nuc",
    "memory<2GB": "pi-b",
    "memory>=4GB": "pi-a nuc",
    "cores=4": "pi-a pi-b",
    "cores!=4": "nuc",
    "python>=3.11": "pi-a nuc",
    "python=3.11": "pi-a",
    "python<3.10": "pi-b",
    "os=Debian*": "pi-a",
    "os!=Debian*": "pi-b",
    "tag:pi&memory<2GB": "pi-b",
    "tag:pi&!pi-b": "pi-a",
    "!tag:pi": "nuc new",
    "!has:gpu": "pi-a pi-b new",
}


@pytest.mark.parametrize(("word", "names"), MEANT.items(), ids=MEANT.keys())
def test_a_word_means_these_devices(word, names):
    assert [device.name for device in select(DEVICES, [word], KNOWN)] == names.split()


def test_taking_away_what_no_device_is_takes_nothing_away():
    assert select(DEVICES[:3], ["!memory>99GB"], KNOWN) == DEVICES[:3]


def test_words_add_up_and_negated_ones_take_away_whatever_the_order():
    assert [device.name for device in select(DEVICES, ["!pi-b", "tag:pi", "new"], KNOWN)] == ["pi-a", "new"]


def test_a_file_holds_one_word_a_line(tmp_path):
    listed = tmp_path / "ward.txt"
    listed.write_text("# ward 3\npi-a  # by the window\n\n!pi-b\ntag:pi\n")

    assert [device.name for device in select(DEVICES, [f"@{listed}"], KNOWN)] == ["pi-a"]


WRONG = {
    "pi-c": (UnknownName, "no device called 'pi-c'; did you mean 'pi-b'?"),
    "tag:p": (UnknownName, "no tag called 'p'; "),
    "group:wrd": (UnknownName, "no group called 'wrd'; did you mean 'ward'?"),
    "tga:pi": (UsageError, "'tga:pi': no kind of selector called 'tga'; did you mean 'tag'?"),
    "memory<lots": (UsageError, "'lots' is not a size"),
    "memry<2GB": (UsageError, "no fact called 'memry'; did you mean 'memory'?"),
    "os<Debian": (UsageError, "os is text; compare it by = or !="),
    "cores>many": (UsageError, "'many' is not a number"),
    "arch:riscv64": (UsageError, "matches no device; without facts yet: new"),
    "tag:pi&nuc": (UsageError, "selector 'tag:pi&nuc' matches no device"),
    "@/nowhere/x": (UsageError, "@/nowhere/x: No such file or directory"),
}


@pytest.mark.parametrize(("word", "error"), WRONG.items(), ids=WRONG.keys())
def test_a_word_that_means_no_device_says_why(word, error):
    kind, words = error
    with pytest.raises(kind) as caught:
        select(DEVICES, [word], KNOWN)

    assert words in caught.value.message


def test_only_words_about_facts_need_facts():
    assert needs_facts(["all", "!has:gpu"])
    assert needs_facts(["memory<2GB"])
    assert not needs_facts(["all", "tag:x", "!pi-*", "group:y"])


def test_facts_of_another_form_are_no_crash():
    assert has({"features": 7, "runtimes": "all", "gpus": {}}) == frozenset()
    with pytest.raises(UsageError):
        select(DEVICES, ["memory<1GB"], {"pi-a": {}})


@given(st.text(alphabet="pi-ab*?[]!&:@<>=., 0123456789eGBtagrouphsmy", max_size=24))
@example("memory<" + "9" * 5000)
@example("cores>" + "9" * 5000)
@example("cores>1e999")
@example("memory>=nan")
@example("@")
@example("!" * 2000)
@settings(deadline=None)
def test_any_word_selects_devices_or_is_refused(word):
    chosen = ()
    with suppress(UsageError):
        chosen = select(DEVICES, [word], KNOWN)

    assert set(chosen) <= set(DEVICES)


@pytest.mark.parametrize("odd", ["much", None, [4], {"a": 1}, float("nan"), "9" * 5000], ids=lambda odd: str(odd)[:9])
def test_a_fact_that_makes_no_sense_matches_no_comparison_and_ends_nothing(odd):
    known = KNOWN | {"nuc": {"memory_bytes": odd, "cores": odd, "machine": "x86_64"}}

    assert [device.name for device in select(DEVICES, ["memory>1GB"], known)] == ["pi-a"]
    assert "nuc" not in [device.name for device in select(DEVICES, ["memory<2GB"], known)]
    assert select(DEVICES, ["cores<9"], known)
