"""A run logged to an MLflow server or database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from orchestrator.domain.result import figure_names
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from orchestrator.store.rows import ResultRow, RunRow

#: Of a tag's text; MLflow takes 5,000 characters of one, older servers fewer.
_TAG_CHARACTERS = 500
#: Figures that a result has beside those of `CaseResult`.
_FIGURES = (
    *figure_names(),
    "load_ns",
    "first_ns",
    "import_ns",
    "peak_rss_bytes",
    "size_bytes",
    "speedup",
    "auc_change",
)
_IDENTITY = ("device", "model", "scheme", "runtime", "threads", "batch", "interpreters", "artifact")


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """What is in MLflow now."""

    experiment: str
    #: MLflow's id of the run.
    run_id: str
    cases: int
    #: Whether it was logged now; if not, it was there.
    new: bool


def log(
    uri: str, run: RunRow, rows: Sequence[ResultRow], files: Mapping[str, str], *, experiment: str = "farm"
) -> Logged:
    """Log ``run`` as a run of MLflow with one below it for each result of ``rows``, and ``files`` by name as its artifacts.

    Once however often it is called: a run that is there whole stays, one that was broken off is replaced. Raises `UsageError`
    where MLflow is not installed, not reached, or refuses.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise UsageError("MLflow's client is not installed", hint="pip install 'edge-farm[mlflow]'") from error

    try:
        return _log(MlflowClient(tracking_uri=uri), run, rows, files, experiment)
    except (MlflowException, OSError) as error:
        secret = urlsplit(uri).password
        words = str(error).strip().partition("\n")[0][:500]
        shown = uri.replace(f":{secret}@", ":***@") if secret else uri
        raise UsageError(
            f"MLflow at {shown}: {words.replace(secret, '***') if secret else words}",
            hint="--mlflow http://machine:5000, or a database: --mlflow sqlite:///mlflow.db",
        ) from error


def _log(client: Any, run: RunRow, rows: Sequence[ResultRow], files: Mapping[str, str], experiment: str) -> Logged:
    found = client.get_experiment_by_name(experiment)
    place = found.experiment_id if found else client.create_experiment(experiment)
    for old in client.search_runs([place], filter_string=f"tags.`farm.run` = '{run.id}'"):
        whole = old.data.tags.get("farm.cases") == str(len(rows))
        if whole:
            return Logged(experiment=experiment, run_id=old.info.run_id, cases=len(rows), new=False)
    for old in client.search_runs([place], filter_string=f"tags.`farm.of` = '{run.id}'"):
        client.delete_run(old.info.run_id)
    tags = {"farm.run": run.id, "farm.of": run.id, "mlflow.source.name": "farm", "mlflow.source.type": "PROJECT"}
    parent = client.create_run(
        place, start_time=_ms(run.started_at), tags=tags, run_name=run.name or run.id
    ).info.run_id
    for name in ("effort", "dataset", "synthetic", "seed", "farm_version"):
        client.log_param(parent, name, getattr(run, name))
    for row in rows:
        _log_case(client, place, parent, run, row)
    for name, text in files.items():
        client.log_text(parent, text, name)
    client.set_tag(parent, "farm.cases", str(len(rows)))  # the last: without it the run was broken off
    client.set_terminated(parent, end_time=_ms(run.ended_at or run.started_at))
    return Logged(experiment=experiment, run_id=parent, cases=len(rows), new=True)


def _log_case(client: Any, place: str, parent: str, run: RunRow, row: ResultRow) -> None:
    from mlflow.entities import Metric, Param

    at = _ms(row.measured_at)
    tags = {
        "mlflow.parentRunId": parent,
        "farm.of": run.id,
        "farm.case": row.case,
        "farm.verdict": row.verdict,
        "farm.reasons": " ".join(reason["code"] for reason in row.reasons)[:_TAG_CHARACTERS],
    }
    child = client.create_run(place, start_time=_ms(run.started_at), tags=tags, run_name=row.case)
    values = {name: getattr(row, name) for name in _FIGURES}
    metrics = [Metric(name, float(value), at, 0) for name, value in values.items() if value is not None]
    params = [Param(name, str(getattr(row, name))) for name in _IDENTITY]
    client.log_batch(child.info.run_id, metrics=metrics, params=params)
    client.set_terminated(child.info.run_id, end_time=at)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
