"""The pages of runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.domain.units import format_seconds
from orchestrator.errors import UnknownName
from orchestrator.reports.charts import draw
from orchestrator.reports.page import view
from orchestrator.reports.page.dossier import gather
from orchestrator.reports.page.render import content
from orchestrator.reports.web.progress import Progress
from orchestrator.reports.web.site import Page, case_url, device_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.reports.page.view import Line
    from orchestrator.reports.web.site import Site
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow, RunRow

#: Runs whose page is kept, because asking for everything of one takes a while.
KEPT = 4
#: Runs that a list shows.
LISTED = 500
#: Of a run that has not ended, seconds without an event after which it was perhaps broken off.
SILENT_S = 900


def run_list(store: Queries) -> Page:
    """Return the page of all runs."""
    rows = store.runs()
    return Page(template="runs.html.j2", values={"runs": rows[:LISTED], "more": max(0, len(rows) - LISTED)})


def going_page(store: Queries, run: RunRow, progress: Progress) -> Page:
    """Return the page of a run that has not ended, as far as it is."""
    progress.follow(store.events(run.id, progress.last_id))
    rows = store.results(run=run.id)
    values = {
        "run": run,
        "progress": progress,
        "devices": sorted(progress.devices.items()),
        "silent": _silent(progress),
        "result_columns": view.RESULTS,
        "results": linked(view.results(rows, {}), rows),
    }
    return Page(template="going.html.j2", values=values)


def _silent(progress: Progress) -> str:
    """Return for how long nothing was stored, empty where that is not long."""
    if progress.last_at is None:
        return ""
    seconds = (datetime.now(UTC) - progress.last_at).total_seconds()
    return format_seconds(seconds) if seconds > SILENT_S else ""


def linked(lines: Sequence[Line], rows: Sequence[ResultRow], columns: Sequence[str] = view.RESULTS) -> list[Line]:
    """Return the lines of results with links to their devices and cases."""
    return [replace(line, cells=tuple(_linked(line, row, columns))) for line, row in zip(lines, rows, strict=True)]


def _linked(line: Line, row: ResultRow, columns: Sequence[str]) -> Iterator[view.Cell]:
    urls = {"device": device_url(row.device), "scheme": case_url(row.case, row.run)}
    for name, cell in zip(columns, line.cells, strict=True):
        yield replace(cell, href=urls.get(name, ""))


class RunPages:
    """Makes the pages of runs that have results; the last few are kept until something is stored of them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._kept: OrderedDict[tuple[str, str | None, int], Mapping[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, store: Queries, run: RunRow) -> Page:
        """Return everything of a run; raises `UsageError` for one without a result."""
        return Page(template="run.html.j2", values=self._content(store, run))

    def picture(self, store: Queries, run: RunRow, name: str) -> str:
        """Return a chart of a run as SVG, for a browser without JavaScript; raises `UnknownName`."""
        charts = {chart.name: chart for each in self._content(store, run)["charts"].values() for chart in each}
        if name not in charts:
            raise UnknownName("chart", name, charts)
        return draw.svg(charts[name])

    def _content(self, store: Queries, run: RunRow) -> Mapping[str, Any]:
        key = run.id, run.name, store.last_event(run.id)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        dossier = gather(store, run.id, self._site.labels)
        made = content(dossier)
        made["results"] = linked(made["results"], dossier.rows, made["result_columns"])
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made
