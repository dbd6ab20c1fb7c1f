"""What of a judged case is a figure."""

from __future__ import annotations

from dataclasses import dataclass, fields

from orchestrator.domain.result import CaseResult, Verdict, figure_names
from orchestrator.store.rows import ResultRow
from orchestrator.testing import make_case


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
