"""The views that people ask in SQL: the same names with the same columns on SQLite as on PostgreSQL."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from orchestrator.domain.case import Case
from orchestrator.domain.result import figure_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

IDENTITY = tuple(field.name for field in fields(Case))
NAMES = ("v_results", "v_attempts", "v_accuracy", "v_devices", "v_figures")
#: The figures that `v_results` has; `v_figures` has all.
MAIN_FIGURES = (
    *("p50_ns", "p50_low_ns", "p50_high_ns", "p90_ns", "p99_ns", "images_per_s", "auc_mean", "auc_low", "auc_high"),
    *("load_ns", "first_ns", "import_ns", "peak_rss_bytes", "energy_j", "energy_idle_j"),
)
#: Facts that `v_devices` has as columns -> whether they are numbers.
FACTS: Mapping[str, bool] = {
    **dict.fromkeys(("machine", "board", "cpu_model", "os", "kernel", "libc", "python", "governor"), False),
    **dict.fromkeys(("cores", "memory_bytes", "frequency_max_hz"), True),
    "hardware_key": False,
}


def create(connection: Connection) -> None:
    """Make the views anew; the tables must be those of the newest schema."""
    drop(connection)
    for name, query in queries(connection.dialect.name).items():
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {query}".replace("%", "%%"))


def drop(connection: Connection) -> None:
    """Remove the views, so that columns below them can change."""
    for name in NAMES:
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")


def queries(dialect: str) -> Mapping[str, str]:
    """Return the query of each view, by its name."""
    words = _PostgreSQL if dialect == "postgresql" else _SQLite
    return {
        "v_results": _results(words),
        "v_attempts": _attempts(words),
        "v_accuracy": words.ACCURACY,
        "v_devices": _devices(words),
        "v_figures": _figures(),
    }


class _SQLite:
    """What SQLite has its own words for."""

    REASON_CODES = "(SELECT group_concat(json_extract(e.value, '$.code'), ', ') FROM json_each(rc.reasons) e)"
    REASONS = "(SELECT group_concat(json_extract(e.value, '$.message'), '; ') FROM json_each(rc.reasons) e)"
    VERSIONS = (
        "(SELECT group_concat(e.key || ' ' || e.value, ', ')"
        " FROM (SELECT key, value FROM json_each(a.versions) ORDER BY key) e)"
    )
    ACCURACY = """
        SELECT s.id AS scoring, s.run, s.device, s.model, s.scheme, s.runtime, s.batch, s.artifact, s.images, s.error,
            e.value AS finding, json_extract(s.auc, '$[' || e.key || ']') AS auc,
            json_extract(s.device_auc, '$[' || e.key || ']') AS device_auc, s.auc_error AS auc_mean_error
        FROM scores s, json_each(s.classes) e"""

    @staticmethod
    def fact(name: str, *, number: bool) -> str:
        kinds = "'integer', 'real'" if number else "'text'"
        return f"CASE WHEN json_type(d.facts, '$.{name}') IN ({kinds}) THEN json_extract(d.facts, '$.{name}') END"


class _PostgreSQL:
    """What PostgreSQL has its own words for."""

    _LIST = "json_array_elements(CASE json_typeof(rc.reasons) WHEN 'array' THEN rc.reasons ELSE '[]' END)"
    REASON_CODES = f"(SELECT string_agg(e->>'code', ', ') FROM {_LIST} AS e)"  # noqa: S608  constants
    REASONS = f"(SELECT string_agg(e->>'message', '; ') FROM {_LIST} AS e)"  # noqa: S608
    VERSIONS = (
        "(SELECT string_agg(e.key || ' ' || e.value, ', ' ORDER BY e.key COLLATE \"C\")"
        " FROM json_each_text(CASE json_typeof(a.versions) WHEN 'object' THEN a.versions ELSE '{}' END) e)"
    )
    _AUC = (
        "CASE json_typeof(s.{0}->(e.place - 1)::int) WHEN 'number'"
        " THEN (s.{0}->>(e.place - 1)::int)::double precision END AS {0}"
    )
    ACCURACY = f"""
        SELECT s.id AS scoring, s.run, s.device, s.model, s.scheme, s.runtime, s.batch, s.artifact, s.images, s.error,
            e.finding, {_AUC.format("auc")}, {_AUC.format("device_auc")}, s.auc_error AS auc_mean_error
        FROM scores s
        CROSS JOIN json_array_elements_text(CASE json_typeof(s.classes) WHEN 'array' THEN s.classes ELSE '[]' END)
            WITH ORDINALITY AS e(finding, place)"""  # noqa: S608

    @staticmethod
    def fact(name: str, *, number: bool) -> str:
        kind, cast = ("number", "::double precision") if number else ("string", "")
        return f"CASE json_typeof(d.facts->'{name}') WHEN '{kind}' THEN (d.facts->>'{name}'){cast} END"


_IDENTITY = ", ".join(f"c.{name}" for name in IDENTITY)
_CASE_NAME = (
    "c.device || '/' || c.model || '/' || c.scheme || '/' || c.runtime || '/t' || c.threads || '/b' || c.batch"
    " || CASE WHEN c.interpreters > 0 THEN '/x' || c.interpreters ELSE '' END AS case_name"
)
_JUDGED = "FROM run_cases rc JOIN cases c ON c.id = rc.case_id JOIN runs r ON r.id = rc.run"


def _figure(name: str, case_id: str = "rc.case_id") -> str:
    return f"(SELECT m.value FROM metrics m WHERE m.run = rc.run AND m.case_id = {case_id} AND m.name = '{name}')"  # noqa: S608


def _results(words: type[_SQLite | _PostgreSQL]) -> str:
    base = "rc.baseline_case_id"
    ratios = [
        f"NULLIF({_figure('images_per_s')}, 0) / NULLIF({_figure('images_per_s', base)}, 0)",
        f"NULLIF({_figure('p50_ns', base)}, 0) / NULLIF({_figure('p50_ns')}, 0)",
    ]
    return f"""
        SELECT rc.run, r.name AS run_name, rc.judged_at AS measured_at, rc.is_current, {_CASE_NAME}, {_IDENTITY},
            r.dataset, r.synthetic, r.effort, r.farm_version, rc.artifact, a.size_bytes, rc.attempts, rc.samples,
            rc.verdict, {words.REASON_CODES} AS reason_codes, {words.REASONS} AS reasons,
            {", ".join(f"{_figure(name)} AS {name}" for name in MAIN_FIGURES)},
            CAST(b.size_bytes AS DOUBLE PRECISION) / NULLIF(a.size_bytes, 0) AS size_ratio,
            COALESCE({", ".join(ratios)}) AS speedup,
            {_figure("auc_mean")} - {_figure("auc_mean", base)} AS auc_change
        {_JUDGED}
        LEFT JOIN artifacts a ON a.sha256 = rc.artifact
        LEFT JOIN run_cases br ON br.run = rc.run AND br.case_id = rc.baseline_case_id
        LEFT JOIN artifacts b ON b.sha256 = br.artifact
        WHERE rc.judged_at IS NOT NULL"""


def _figures() -> str:
    figures = ", ".join(f"{_figure(name)} AS {name}" for name in figure_names())
    return f"""
        SELECT rc.run, rc.is_current, {_CASE_NAME}, {_IDENTITY}, rc.verdict, {figures}
        {_JUDGED} WHERE rc.judged_at IS NOT NULL"""


def _attempts(words: type[_SQLite | _PostgreSQL]) -> str:
    return f"""
        SELECT a.id AS attempt, a.run, {_CASE_NAME}, {_IDENTITY}, a.number, a.artifact, a.started_at, a.ended_at,
            a.wall_ns, a.error, a.import_ns, a.context_ns, a.load_ns, a.first_ns, a.p10_ns, a.p50_ns, a.count,
            a.invocations_per_sample, a.span_ns, a.feed_ns, a.read_ns, a.pre_ns, a.clock_ns, a.loop_ns,
            a.peak_rss_bytes, a.golden_max_difference, {words.VERSIONS} AS versions
        FROM attempts a JOIN cases c ON c.id = a.case_id"""  # noqa: S608


def _devices(words: type[_SQLite | _PostgreSQL]) -> str:
    facts = ", ".join(f"{words.fact(name, number=number)} AS {name}" for name, number in FACTS.items())
    return f"""
        SELECT d.name AS device, d.last_seen_at, {facts}, k.noise_floor, k.at AS calibrated_at
        FROM devices d LEFT JOIN calibrations k ON k.hardware_key = {words.fact("hardware_key", number=False)}
            AND k.id = (SELECT max(n.id) FROM calibrations n WHERE n.device = d.name)"""  # noqa: S608
