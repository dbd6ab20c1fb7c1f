"""What every database keeps of calibrations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.calibration import Calibration
from orchestrator.domain.device import LOCAL
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT
from tests.lab.telling import RUN, started, tell

FOUND = Calibration(
    device="local",
    at=MIDNIGHT,
    run=RUN,
    case_name="local/tiny-cxr/int8/litert/t1/b1",
    effort="quick",
    attempts=20,
    group_size=3,
    noise_floor=0.0125,
    observed=0.004,
    p50_ns=1_000_000.5,
    loop_ns=60,
    clock_ns=None,
    governor="performance",
    hardware_key="this one",
    seed=7,
)


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        tell(opened, started())
        opened.record_facts(LOCAL, {"hardware_key": "this one"}, MIDNIGHT)
        yield opened


def test_a_device_has_no_noise_floor_before_it_is_calibrated(store):
    assert store.noise_floor("local") is None
    assert store.noise_floor("nobody") is None
    assert store.devices()[0].calibration is None


def test_the_newest_calibration_counts_and_comes_back_as_it_was(store):
    store.record_calibration(replace(FOUND, noise_floor=0.5))
    store.record_calibration(FOUND)

    assert store.devices()[0].calibration == FOUND
    assert store.noise_floor("local") == 0.0125


def test_the_noise_floor_of_another_machine_is_not_this_one_s(store):
    store.record_calibration(FOUND)
    store.record_facts(LOCAL, {"hardware_key": "another"}, MIDNIGHT)

    assert store.noise_floor("local") is None
    assert store.devices()[0].calibration == FOUND


def test_a_renamed_device_keeps_its_calibration(store):
    store.record_calibration(FOUND)

    store.rename_device("local", "bench")

    assert store.noise_floor("bench") == 0.0125
    assert store.devices()[0].calibration == replace(FOUND, device="bench")
