"""The result that a ``CASE`` on the command line names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.domain.case import Case
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


def parse_case(text: str) -> Case:
    """Return the case; raises `UsageError` with a hint where the text is not a case."""
    from orchestrator.domain.case import Case
    from orchestrator.errors import UsageError

    try:
        return Case.parse(text)
    except ValueError as error:
        raise UsageError(str(error), hint="farm results --json lists cases under the key `case`") from None


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
