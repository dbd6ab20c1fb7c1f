"""Durations as packed int64, and the fields of an attempt on their way from the wire to a report."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import wire
from orchestrator.domain.result import Measurement
from orchestrator.domain.samples import Samples
from orchestrator.reports import case_detail
from orchestrator.store import schema
from orchestrator.testing import make_artifact, make_measurement, make_scores
from tests.unit.test_reports import make_row

#: What a field of the wire is called from here on.
NAMES = {
    "id": "attempt",
    "began_at_ns": "started_at",
    "ended_at_ns": "ended_at",
    "golden_scores": "golden_max_difference",
    "golden_shape": "golden_mean_difference",
}
#: What the controller knows of an attempt without the device.
OF_THE_PLAN = {"case", "number", "artifact"}


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=50))
def test_samples_are_the_integers_they_were_packed_from(values):
    packed = Samples.of(values)

    assert packed.data == b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    assert packed.array().tolist() == values
    assert len(packed) == len(values)


def test_half_a_sample_is_refused():
    with pytest.raises(ValueError, match="12 bytes"):
        Samples(b"\0" * 12)


def test_samples_cannot_be_changed_by_who_reads_them():
    with pytest.raises(ValueError, match="read-only"):
        Samples.of([1, 2]).array()[0] = 5


def test_a_million_samples_do_not_fill_the_screen():
    assert repr(Samples(bytes(8_000_000))) == "Samples(1000000)"


@given(st.lists(st.integers(0, 2**53), max_size=50), st.integers(1, 1000))
def test_a_sample_per_invocation_is_the_quotient_of_the_integers(values, per_sample):
    measurement = make_measurement(values, invocations_per_sample=per_sample)

    assert measurement.per_invocation_ns.tolist() == [value / per_sample for value in values]


#: Columns that are made of the samples when they are stored, so that SQL can read them.
COMPUTED = {"count", "p10_ns", "p50_ns"}


def test_every_field_of_an_attempt_has_its_place_on_the_wire_in_the_database_and_in_a_report():
    of_wire = {NAMES.get(field.name, field.name) for field in fields(wire.AttemptDone)}
    of_domain = {field.name for field in fields(Measurement)}
    of_store = {column.name for column in schema.Attempt.__table__.columns} | {"warmup_ns", "latency_ns"}
    shown = case_detail.as_json(make_row(), [make_measurement()], make_scores(), {}, make_artifact())
    (of_report,) = json.loads(shown)["attempt_list"]

    assert of_wire == of_domain - OF_THE_PLAN - {"pre_ns"}  # the median of ``preparations_ns``
    assert of_store == of_domain - {"attempt", "case"} | {"id", "run", "case_id", *COMPUTED}
    assert of_report.keys() == of_domain - {"attempt", "case", "artifact", "ended_at"}
