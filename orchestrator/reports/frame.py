"""Results as a pandas table, for notebooks."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.store.rows import ResultRow

if TYPE_CHECKING:
    from collections.abc import Iterable


def results_frame(rows: Iterable[ResultRow]) -> Any:
    """Return a ``pandas.DataFrame`` with a row for each result and a column for each field of `ResultRow`.

    Figures are float64 with NaN where there is none, ``measured_at`` is UTC, ``reasons`` holds their codes. Raises
    `UsageError` where pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise UsageError("a table needs pandas", hint="pip install pandas") from error

    columns = [field.name for field in fields(ResultRow)]
    values = [{name: getattr(row, name) for name in columns} for row in rows]
    frame = pd.DataFrame(values, columns=columns)
    figures = [field.name for field in fields(ResultRow) if str(field.type) == "float | None"]
    frame = frame.astype(dict.fromkeys(figures, "float64"))
    frame["reasons"] = [tuple(reason["code"] for reason in row["reasons"]) for row in values]
    frame["measured_at"] = pd.to_datetime(frame["measured_at"], utc=True)
    return frame
