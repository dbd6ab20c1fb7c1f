"""Rows of the database as records of an archive, checked on their way back."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, Float, Integer, LargeBinary, String

from orchestrator.config.inventory_schema import NAME
from orchestrator.devices.remote.sanitize import sanitize_facts, sanitize_settings
from orchestrator.domain.artifact import Golden
from orchestrator.domain.model import Preprocess
from orchestrator.domain.result import Reason, Verdict
from orchestrator.store import schema
from orchestrator.store.column_types import UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Column

#: The tables whose rows belong to a run, by kind of record. `cases` holds a case with what a run found about it.
TABLES: Mapping[str, tuple[type[schema.Base], ...]] = {
    "runs": (schema.Run,),
    "artifacts": (schema.Artifact,),
    "device_facts": (schema.DeviceFacts,),
    "lanes": (schema.Lane,),
    "cases": (schema.Case, schema.RunCase),
    "attempts": (schema.Attempt,),
    "scores": (schema.Scores,),
    "profiles": (schema.Profile,),
    "operators": (schema.Operator,),
    "calibrations": (schema.Calibration,),
    "events": (schema.Event,),
}
#: Held by a record as a number: the line of its case, from 0.
CASE = "case"
#: Tables that a record of another kind carries.
CARRIED = frozenset({"samples", "metrics", "operators"})

#: Columns that only a database knows: keys, and links that it keeps right by itself.
_KEYS = frozenset({"run", "case_id", "profile", "baseline_case_id", "is_current"})
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[A-Za-z0-9][\w.:/@+-]{0,199}", re.ASCII)
_SMALL, _LARGE = 1 << 31, 1 << 63


def columns(kind: str) -> Iterator[Column[Any]]:
    """Yield the columns that a record has as they are: neither keys that only a database knows, nor blobs."""
    for table in TABLES[kind]:
        for column in table.__table__.columns:
            if column.name in _KEYS or isinstance(column.type, LargeBinary):
                continue
            if column.name == "id" and isinstance(column.type, Integer):
                continue
            yield column  # type: ignore[misc]  # of a mapped table every one is a Column


def record(kind: str, *rows: schema.Base) -> dict[str, Any]:
    """Return what ``rows``, one of each table of ``kind``, say in Python's values."""
    of_table = {row.__tablename__: row for row in rows}
    return {column.name: getattr(of_table[column.table.name], column.name) for column in columns(kind)}


def encode(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record in JSON values."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in record.items()}


def decode(kind: str, content: Mapping[str, Any], *, beside: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Undo `encode`; ``beside`` are keys that someone else reads. Raises `ValueError` where a database of ours can't hold it.

    A key that an older farm did not know is as if it were null.
    """
    known = {column.name: column for column in columns(kind)}
    unknown = sorted(set(content) - set(known) - beside)
    if unknown:
        raise ValueError(f"unknown key {unknown[0][:80]!r}")
    decoded = {}
    for name, column in known.items():
        if name not in content and column.server_default is not None:
            continue
        try:
            decoded[name] = _decoded(column, content.get(name))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise ValueError(f"{name}: {error}") from error
    return decoded


def _decoded(column: Column[Any], value: Any) -> Any:
    if value is None:
        if not column.nullable:
            raise ValueError("is missing")
        return None
    check = _CHECKS.get(column.name)
    return check(value) if check else _of_type(column, value)


def _of_type(column: Column[Any], value: Any) -> Any:
    kind = column.type
    if isinstance(kind, UtcDateTime):
        return moment(value)
    if isinstance(kind, Boolean):
        return _expect(value, bool)
    if isinstance(kind, Integer):
        limit = _LARGE if type(kind).__name__ == "BigInteger" else _SMALL
        return whole_number(value, -limit, limit)
    if isinstance(kind, Float):
        return number(value)
    if isinstance(kind, JSON):
        return _expect(value, dict)
    text = _expect(value, str)
    if isinstance(kind, String) and kind.length is not None and len(text) > kind.length:
        raise ValueError(f"is longer than {kind.length} characters")
    return text


def whole_number(value: object, least: int = 0, limit: int = _LARGE) -> int:
    """Return a whole number of ``least`` up to below ``limit``; raises `ValueError`."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < limit:
        raise ValueError("is not a whole number that the database can hold")
    return value


def number(value: object) -> float:
    """Return a finite number; raises `ValueError`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("is not a finite number")
    return float(value)


def moment(value: object) -> datetime:
    """Return a moment in UTC; raises `ValueError` for a text without a zone."""
    parsed = datetime.fromisoformat(_expect(value, str))
    if parsed.tzinfo is None:
        raise ValueError("is a moment without a zone")
    return parsed.astimezone(UTC)


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"is not a {kind.__name__}")  # noqa: TRY004  one kind of error for what does not fit
    return value


def _matching(pattern: re.Pattern[str], what: str, value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"is not {what}")
    return value


def _word(value: object) -> str:
    text: str = _expect(value, str)
    if not text or len(text) > 200 or not text.isprintable():
        raise ValueError("is not a name of up to 200 printable characters")
    return text


def _items(check: Callable[[Any], Any], value: object) -> list[Any]:
    return [check(item) for item in _expect(value, list)]


def _preprocess(value: Any) -> Any:
    preprocess = Preprocess.from_json(_expect(value, dict))
    for size in (preprocess.height, preprocess.width, preprocess.channels):
        whole_number(size, 1, _SMALL)
    for each in (preprocess.scale, *preprocess.mean, *preprocess.std):
        number(each)
    return value


def _golden(value: Any) -> Any:
    golden = Golden.from_json(_expect(value, dict))
    if golden is not None:
        _sha256(golden.pixels_sha256)
        for each in (
            golden.largest,
            golden.mean,
            *(each for row in (*golden.scores, *golden.keras_scores) for each in row),
        ):
            number(each)
    return value


def _reason(value: Any) -> dict[str, str]:
    reason: dict[str, str] = {key: _expect(text, str) for key, text in _expect(value, dict).items()}
    Reason(**{**reason, "verdict": Verdict(reason["verdict"])})  # type: ignore[arg-type]  # this checks the keys
    return reason


def _auc(value: Any) -> float | None:
    return None if value is None else number(value)


_device = partial(_matching, NAME, "the name of a device")
_sha256 = partial(_matching, _SHA256, "a sha256")
_id = partial(_matching, _ID, "an id")
#: What a column's type alone does not say, by its name in any table.
_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "id": _id,
    "device": _device,
    "model": _word,
    "scheme": _word,
    "runtime": _word,
    "sha256": _sha256,
    "artifact": _sha256,
    "pixels_sha256": _sha256,
    "labels_sha256": _sha256,
    "image_list": _sha256,
    "scored_in": _id,
    "preprocess": _preprocess,
    "golden": _golden,
    "verdict": lambda value: Verdict(value).value,
    "reasons": partial(_items, _reason),
    "preparations_ns": partial(_items, whole_number),
    "readings": partial(_items, lambda value: _expect(value, dict)),
    "classes": partial(_items, lambda value: _expect(value, str)),
    "auc": partial(_items, _auc),
    "device_auc": partial(_items, _auc),
    "facts": lambda value: sanitize_facts(_expect(value, dict)),
    "requested": lambda value: sanitize_settings(_expect(value, dict)),
    "effective": lambda value: sanitize_settings(_expect(value, dict)),
    "versions": lambda value: sanitize_settings(_expect(value, dict)),
}
