"""The gate that an answer or a record of a device passes as a typed, bounded value, or as an `AnswerRefused`."""

from __future__ import annotations

import base64
import dataclasses
import math
import zlib
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import AfterValidator, ConfigDict, FailFast, Field, ValidationError, create_model
from pydantic_core import from_json

from agent import wire
from agent.bootstrap import KEPT_BYTES
from orchestrator.devices.remote.answers import AnswerHead, FoundLane, Installed, LaneOrigin, Located, Refusal
from orchestrator.devices.remote.sanitize import sanitize_facts, sanitize_settings
from orchestrator.domain.readings import expect_reading
from orchestrator.domain.samples import SAMPLE_BYTES, Samples
from orchestrator.errors import AnswerRefused, printable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pydantic import BaseModel

T = TypeVar("T")

#: Of an answer: the longest of ours, facts, are some 30 kB.
ANSWER_BYTES = 1 << 20
#: Of the values in one answer or record: half an hour of sensor readings are some 70,000.
MOST_VALUES = 250_000
#: What databases keep; half of it, since what is computed of counts is rounded: ns until the year 2116.
LARGEST, LARGEST_OF_A_COLUMN = (1 << 62) - 1, (1 << 31) - 1
#: Of a text: the agent sends the last 2,000 characters of a worker.
TEXT_CHARACTERS = 4_000
#: Half an hour of readings, four a second, five times over.
MOST_ITEMS = 36_000
#: Of the scores of golden images: four images of a thousand classes are 16 kB.
GOLDEN_BYTES = 1 << 20
#: Of a graph; the largest classifiers have some thousand.
MOST_OPERATORS = 10_000
#: Of the name of an operator or a type; the longest of XNNPACK's are some fifty.
NAME_CHARACTERS = 200
#: Of what a lane's request keeps of its run, packed: as much as the agent takes (`agent.lanes.ORIGIN_CHARACTERS`, which a test compares).
ORIGIN_CHARACTERS = 1 << 18
#: Of an object: the blobs of a lane are some hundred.
MOST_KEYS = 10_000
_SHOWN = 200


def _clean_text(text: str) -> str:
    return printable(text[-TEXT_CHARACTERS:])


def _expect_printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it has characters that can't be printed")
    return text


Count = Annotated[int, Field(ge=0, le=LARGEST)]
Text = Annotated[str, AfterValidator(_clean_text)]
#: A text that is used as it is: a path, a sha256.
Exact = Annotated[str, Field(min_length=1, max_length=TEXT_CHARACTERS), AfterValidator(_expect_printable)]
#: Base64; its length is bounded by that of its line, what it unpacks to by the step's order.
Packed = Annotated[str, "base64"]
#: A name of an operator, a type, a delegate: one line, cut where it is long.
Name = Annotated[str, AfterValidator(lambda text: " ".join(printable(text[:NAME_CHARACTERS]).split()))]
Settings = Annotated[dict[str, Any], Field(max_length=MOST_KEYS), AfterValidator(sanitize_settings)]
OneReading = Annotated[dict[str, Any], AfterValidator(expect_reading)]


#: Fields whose type alone does not say what fits.
_FIELDS: dict[tuple[type, str], Any] = {
    (AnswerHead, "status"): Annotated[int, Field(ge=0, le=255)],
    (AnswerHead, "out_bytes"): Annotated[int, Field(ge=0, le=KEPT_BYTES)],
    (AnswerHead, "err_bytes"): Annotated[int, Field(ge=0, le=KEPT_BYTES)],
    (Located, "workdir"): Exact,
    (Located, "agent"): Exact,
    (Located, "runs"): Exact,
    (Installed, "runs"): Exact,
    (FoundLane, "lane"): Annotated[str, Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,199}\z")],
    (LaneOrigin, "holder"): Name,
    (LaneOrigin, "origin"): Annotated[str, Field(max_length=ORIGIN_CHARACTERS)],
    (FoundLane, "run"): Annotated[str, Field(pattern=r"\A[A-Za-z0-9_.-]{1,64}\z")],
    (FoundLane, "state"): Annotated[str, Field(pattern=r"\A(running|done|died)\z")],
    (wire.AttemptDone, "invocations_per_sample"): Annotated[int, Field(ge=1, le=LARGEST_OF_A_COLUMN)],
    (wire.AttemptDone, "readings"): tuple[OneReading, ...],
    (wire.AttemptDone, "warmup_ns"): Packed,
    (wire.AttemptDone, "latency_ns"): Packed,
    (wire.AttemptDone, "golden_scores"): Packed,
    (wire.ShardScored, "scores"): Packed,
    (wire.ShardScored, "run"): Annotated[str, Field(pattern=r"\A[A-Za-z0-9_.-]{0,64}\z")],
    (wire.ProfileDone, "invocations"): Annotated[int, Field(ge=0, le=LARGEST_OF_A_COLUMN)],
    (wire.ProfileDone, "interrupted"): Annotated[int, Field(ge=0, le=LARGEST_OF_A_COLUMN)],
    (wire.Operator, "kind"): Annotated[Name, Field(min_length=1)],
    (wire.Operator, "types"): Name,
    (wire.Operator, "delegate"): Name | None,
    (wire.ScoringDone, "auc"): tuple[Annotated[float, Field(ge=0, le=1)] | None, ...],
}
#: What a plain type of a field stands for.
_PLAIN: dict[Any, Any] = {int: Count, str: Text, float: float, bool: bool, NoneType: None, dict[str, object]: Settings}


def read_answer(kind: type[T], printed: bytes, source: str) -> T:
    """Return the last line of ``printed`` as a ``kind``; ``source`` begins the message of `AnswerRefused`."""
    return _fitted(kind, _parsed(_last_line(printed, source), source), source)


def read_facts(printed: bytes, source: str) -> dict[str, Any]:
    """Return the last line of ``printed`` as facts, each of its type, printable and short; raises `AnswerRefused`."""
    return sanitize_facts(_parsed(_last_line(printed, source), source))


def read_record(line: bytes, source: str) -> object:
    """Return the record of a journal line, a dataclass of `agent.wire`; raises `AnswerRefused`."""
    if not wire.is_whole(line):
        raise AnswerRefused(f"{source}: a line is torn or altered")
    fields = _parsed(line.partition(b" ")[2], source)
    name = fields.pop("record", None)
    kind = wire.RECORDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise AnswerRefused(f"{source}: a record is of no known kind")
    return _fitted(kind, fields, f"{source}: {name}")


def unpack(text: str, most_bytes: int, source: str) -> bytes:
    """Undo `agent.packing.pack_bytes`; raises `AnswerRefused` for another text, or more than ``most_bytes``."""
    if not text:
        return b""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(base64.b64decode(text, validate=True), most_bytes + 1)
    except (ValueError, zlib.error) as error:
        raise AnswerRefused(f"{source}: it can't be unpacked: {error}") from error
    if len(data) > most_bytes:
        raise AnswerRefused(f"{source}: it unpacks to more than the {most_bytes} bytes that were asked for")
    if not unpacker.eof:
        raise AnswerRefused(f"{source}: it is cut off")
    return data


def unpack_samples(text: str, most: int, source: str) -> Samples:
    """Return at most ``most`` durations, none below 0; raises `AnswerRefused`."""
    data = unpack(text, most * SAMPLE_BYTES, source)
    try:
        samples = Samples(data)
    except ValueError as error:
        raise AnswerRefused(f"{source}: {error}") from error
    if samples and int(samples.array().min()) < 0:
        raise AnswerRefused(f"{source}: a sample is below 0 ns")
    return samples


def unpack_scores(text: str, shape: tuple[int, ...], source: str) -> NDArray[np.float32]:
    """Return finite scores as float32 of ``shape``; raises `AnswerRefused` for others, more or fewer."""
    size = 4 * math.prod(shape)
    data = unpack(text, size, source)
    if len(data) != size:
        raise AnswerRefused(f"{source}: {len(data)} bytes of scores are not of shape {shape}")
    scores = np.frombuffer(data, "<f4").reshape(shape)
    if not np.isfinite(scores).all():
        raise AnswerRefused(f"{source}: a score is not finite")
    return scores


def last_words(printed: bytes, characters: int = 500) -> str:
    """Return the end of what a program printed, as one line that is safe to show."""
    text = printed[-4 * characters :].decode(errors="replace").strip()
    return " ".join(printable(text[-characters:]).split())


def _last_line(printed: bytes, source: str) -> bytes:
    line = printed.rstrip().rpartition(b"\n")[2]
    if not line:
        raise AnswerRefused(f"{source} is empty")
    if len(line) > ANSWER_BYTES:
        raise AnswerRefused(f"{source} is longer than {ANSWER_BYTES} bytes")
    return line


def _parsed(text: bytes, source: str) -> dict[str, Any]:
    """Return the JSON object in ``text``; no recursion of Python's, and no more values than are counted beforehand."""
    if text.count(b",") + text.count(b"[") + text.count(b"{") > MOST_VALUES:
        raise AnswerRefused(f"{source} has more than {MOST_VALUES} values")
    try:
        parsed = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise AnswerRefused(f"{source} is not JSON: {error}: {last_words(text, _SHOWN)!r}") from error
    if not isinstance(parsed, dict):
        raise AnswerRefused(f"{source} is not a JSON object: {last_words(text, _SHOWN)!r}")
    return parsed


def _fitted(kind: type[T], fields: dict[str, Any], source: str) -> T:
    try:
        checked = _model(kind).model_validate(fields)  # type: ignore[arg-type]  # a class is hashable
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part)[:40] for part in first["loc"])
        raise AnswerRefused(f"{source} does not fit: {place}: {first['msg']}") from error
    return _value(kind, checked)


def _value(kind: type[T], checked: BaseModel) -> T:
    return kind(**{name: getattr(checked, name) for name in type(checked).model_fields})


@cache
def _model(kind: type) -> type[BaseModel]:
    """Return what checks the fields of the dataclass ``kind``: strictly, each within bounds, no other field."""
    hints = get_type_hints(kind, include_extras=True)
    fields: dict[str, Any] = {
        field.name: (
            _bounded(_FIELDS.get((kind, field.name), hints[field.name])),
            ... if field.default is dataclasses.MISSING else field.default,
        )
        for field in dataclasses.fields(kind)
    }
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    if kind is Refusal:  # it may say more
        config["extra"] = "ignore"
    return create_model(kind.__name__, __config__=config, **fields)


def _bounded(hint: Any) -> Any:
    """Return what a type of a field stands for: JSON has lists where we have tuples."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        count = None if arguments[-1] is ... else len(arguments)
        bounds = Field(min_length=count or 0, max_length=count or MOST_ITEMS)
        return Annotated[list[_bounded(arguments[0])], bounds, FailFast(), AfterValidator(tuple)]  # type: ignore[misc]
    if get_origin(hint) is dict:
        return Annotated[dict[Text, _bounded(arguments[1])], Field(max_length=MOST_KEYS)]  # type: ignore[misc]
    if dataclasses.is_dataclass(hint):
        return Annotated[_model(hint), AfterValidator(lambda checked: _value(hint, checked))]  # type: ignore[arg-type]
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(_bounded(argument) for argument in arguments)]  # noqa: UP007  made of a tuple
    return hint
