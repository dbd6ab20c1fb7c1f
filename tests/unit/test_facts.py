"""Facts of a hostile device do no harm."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.config.selectors import has, select
from orchestrator.devices.health import complaints
from orchestrator.devices.provisioning.choose import Target
from orchestrator.devices.remote.sanitize import sanitize_facts
from orchestrator.domain.device import Device

ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
NAMES = some.sampled_from(
    [
        "machine",
        "bits",
        "memory_bytes",
        "runtimes",
        "gpus",
        "swap",
        "throttled",
        "clock_offset_ns",
        "features",
        "pythons",
    ]
)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"memory_bytes": 10**400, "cores": 4}, {"cores": 4}),
        ({"memory_bytes": None, "disk_free_bytes": "all"}, {}),
        ({"cores": True, "emulated": 1}, {}),
        ({"machine": ["x"], "os": 7, "bits": [64]}, {}),
        ({"machine": "a\x1b]0;x\x07b"}, {"machine": "a\ufffd]0;x\ufffdb"}),
        ({"x\x1b[31m": 1}, {"x\ufffd[31m": 1}),
        ({"load": float("nan"), "zones": [1.5, float("inf")]}, {"zones": [1.5]}),
        ({"runtimes": {"litert": {"works": True, "version": None}}}, {"runtimes": {"litert": {"works": True}}}),
        ({"gpus": [{"name": "RTX"}], "swap": []}, {"gpus": [{"name": "RTX"}]}),
    ],
    ids=str,
)
def test_what_can_not_be_meant_is_as_if_it_had_not_been_said(said, kept):
    assert sanitize_facts(said) == kept


def test_nesting_without_end_is_cut():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]

    assert len(json.dumps(sanitize_facts({"deep": deep}))) < 100


@given(some.dictionaries(NAMES | some.text(max_size=9), ANYTHING, max_size=6))
def test_whatever_a_device_says_everything_that_reads_facts_goes_on(said):
    facts = sanitize_facts(said)

    json.dumps(facts, allow_nan=False)
    complaints(facts)
    has(facts)
    Target.of(facts)
    devices = (Device(name="a", address="x"), Device(name="b", address="y"))
    known = {"a": facts, "b": {"memory_bytes": 10**9, "cores": 4, "python": "3.11.2"}}
    for word in ("memory>=1MB", "cores>=4", "python>=3.11"):
        assert "b" in {device.name for device in select(devices, [word], known)}
