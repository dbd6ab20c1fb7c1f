"""The result that a ``CASE`` on the command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.domain.case import Case
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


#: Cases that a hint names.
MOST_NAMED = 3


def parse_case(text: str, store: Queries | None = None) -> Case:
    """Return the case; raises `UsageError` where the text is not a case, with those of ``store`` that have all its parts."""
    from orchestrator.domain.case import Case
    from orchestrator.errors import UsageError

    try:
        return Case.parse(text)
    except ValueError as error:
        raise UsageError(str(error), hint=_hint(text, store)) from None


def _hint(text: str, store: Queries | None) -> str:
    cases = [] if store is None else sorted({str(case) for case in store.cases()})
    alike = [case for case in cases if set(text.split("/")) <= set(case.split("/"))]
    if alike or cases:
        return f"write it whole: {', '.join((alike or cases)[:MOST_NAMED])}"
    return "farm results --json lists cases under the key `case`"


def find_result(store: Queries, case: Case, run: str | None) -> ResultRow:
    """Return the result of ``case`` in ``run``, else the newest; raises `UnknownName`."""
    from dataclasses import asdict

    from orchestrator.errors import UnknownName

    run_id = store.run(run).id if run else None
    rows = store.results(run=run_id, **asdict(case))
    if not rows:
        cases = [row.case for row in store.results(run=run_id)]
        raise UnknownName("case with a result", str(case), cases, hint="farm results" if cases else "farm run")
    return rows[0]
