"""What of a judged case is a figure."""

from __future__ import annotations

from dataclasses import dataclass, fields

from agent import wire
from orchestrator.domain.result import CaseResult, Measurement, Verdict, figure_names
from orchestrator.reports.case_detail import NOT_IN_JSON
from orchestrator.store import schema
from orchestrator.store.rows import ResultRow
from orchestrator.testing import make_case, make_measurement
from tests.unit.test_reports import ATTEMPT_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated(CaseResult):
    remark: str | None = None


def test_an_optional_field_that_is_not_marked_is_no_figure():
    result = Annotated(
        run="run",
        case=make_case(),
        artifact=None,
        size_bytes=None,
        attempts=1,
        samples=64,
        verdict=Verdict.VALID,
        reasons=(),
        p50_ns=7.0,
        remark="8",
    )

    assert result.figures == {"p50_ns": 7.0}
    assert figure_names(Annotated) == figure_names()


def test_every_figure_has_a_column_of_its_own_in_results_and_no_default_but_none():
    rows = {field.name for field in fields(ResultRow)}
    defaults = {field.name: field.default for field in fields(CaseResult)}

    assert set(figure_names()) <= rows
    assert {defaults[name] for name in figure_names()} == {None}


def test_an_attempt_has_the_same_fields_on_the_wire_in_the_store_and_in_json():
    """One more figure of an attempt is added in all of these, or a test fails."""
    fields_of = {field.name for field in fields(Measurement)}
    columns = set(schema.Attempt.__table__.columns.keys())
    on_the_wire = {field.name for field in fields(wire.AttemptDone)}
    scores = {"golden_scores", "golden_shape"}, {"golden_max_difference", "golden_mean_difference"}

    derived = {"p10_ns", "p50_ns", "count"}
    assert columns - derived == fields_of - {"attempt", "case", "warmup_ns", "latency_ns"} | {"id", "run", "case_id"}
    assert on_the_wire - scores[0] - {"id", "began_at_ns", "ended_at_ns"} == fields_of - scores[1] - {
        *("attempt", "case", "number", "artifact", "started_at", "ended_at", "pre_ns")
    }
    assert set(ATTEMPT_KEYS) == fields_of - NOT_IN_JSON


def test_the_governors_of_an_attempt_are_named_once_each_in_order():
    readings = ({"governor": "powersave"}, {}, {"governor": "performance"}, {"governor": "powersave"})

    assert make_measurement(readings=readings).governors == ("powersave", "performance")
