"""The records in what ``follow`` prints of a journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent import wire
from orchestrator.devices.remote.gate import read_record
from orchestrator.errors import AnswerRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Of what a login shell prints before the journal.
NOISE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A journal record, with the offset in bytes right behind it."""

    record: Any
    offset: int


def records(
    chunks: Iterable[bytes], offset: int, *, line_bytes: int, source: str, check: Callable[[], None] = lambda: None
) -> Iterator[Recorded]:
    """Yield the records in what ``follow`` prints from ``offset`` on, keeping one line in memory.

    ``check`` is called before each chunk is read. Raises `AnswerRefused` for a line that is torn, altered, longer than ``line_bytes`` or not a record.
    """
    noise = 0
    in_journal = False
    for line in _lines(chunks, line_bytes, source, check):
        if in_journal:
            offset += len(line)
            yield Recorded(record=read_record(line, source), offset=offset)
        else:
            noise += len(line)
            in_journal = line.strip() == wire.JOURNAL_MARK
            if noise > NOISE_BYTES:
                raise AnswerRefused(f"{source}: {NOISE_BYTES} bytes came before it")


def _lines(chunks: Iterable[bytes], line_bytes: int, source: str, check: Callable[[], None]) -> Iterator[bytes]:
    """Yield whole lines with their ends; what comes behind the last one was cut off with the link."""
    pending = bytearray()
    for chunk in chunks:
        check()
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            pending += end + b"\n"
            yield bytes(pending)
            pending.clear()
        pending += rest
        if len(pending) > line_bytes:
            raise AnswerRefused(f"{source}: a line is longer than the {line_bytes} bytes that its step takes")
