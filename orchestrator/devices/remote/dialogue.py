"""Questions to an agent that stays, in the form of `agent.dialogue`; its answers, which are a stranger's bytes."""

from __future__ import annotations

import io
import json
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, cast

from agent.bootstrap import MARK
from orchestrator.devices.remote.answers import AnswerHead
from orchestrator.devices.remote.gate import read_answer
from orchestrator.domain.units import format_bytes, format_seconds
from orchestrator.errors import AnswerRefused, NoAnswer
from orchestrator.transports.base import Completed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.device import Device
    from orchestrator.transports.base import Dialogue

#: Which device is asked what, for ``--verbose``: never what is sent, where secrets may be.
_LOG = logging.getLogger(__name__)
#: How long a device may take to answer, or to take more of what is sent.
SILENCE_S = 60.0
#: Before an answer, of what a login shell prints.
NOISE_BYTES = 1 << 20
#: Kept of it, for messages.
_KEPT_NOISE_BYTES = 4_000
#: Of the line that an answer begins with.
_HEAD_BYTES = 200
#: Of what a command reads, as much goes into one frame of a question that is made at once.
_FRAME_BYTES = 1 << 18
_FRAME_HEAD_BYTES = 4


def exchange(
    dialogue: Dialogue, device: Device, command: str, asked: bytes | BinaryIO, *, timeout_s: float = SILENCE_S
) -> Completed:
    """Return the answer to ``asked``, which is of ``command``; where the program ended instead, how it did.

    Raises `NoAnswer`, which names the device and ``command``, after ``timeout_s`` of silence, `ConnectionLost`, `AnswerRefused`.
    """
    began = time.monotonic()
    answer = Answer(source_of(device, command))
    try:
        ended = dialogue.ask(asked, answer.take, timeout_s=timeout_s)
    except NoAnswer as error:
        raise NoAnswer(
            f"{device.name}: no answer to `{command}` within {timeout_s:g} s",
            hint=f"a program hangs there; look at it with: farm devices check {device.name}",
        ) from error
    done = answer.completed if ended is None else replace(ended, out=answer.noise)
    sent = format_bytes(len(asked)) if isinstance(asked, bytes) else "a file"
    result = f"status {done.status}, {format_bytes(len(done.out))} in {format_seconds(time.monotonic() - began)}"
    _LOG.debug("%s: %s over %s: %s sent; %s", device.name, command, device.transport, sent, result)
    return done


def source_of(device: Device, command: str) -> str:
    """Return what messages about the answer to ``command`` begin with."""
    return f"{device.name}: the agent's answer to {command}"


def question(words: Sequence[str], stdin: bytes | BinaryIO) -> bytes | BinaryIO:
    """Return what asks for a command, given what it reads on its standard input."""
    asked = _Question(words, io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin)
    if isinstance(stdin, bytes):
        return b"".join(iter(lambda: asked.read(_FRAME_BYTES), b""))
    return cast("BinaryIO", asked)


class _Question:
    """A command's words and what it reads, in frames; each piece that is read of ``stdin`` is one."""

    def __init__(self, words: Sequence[str], stdin: BinaryIO) -> None:
        self._stdin = stdin
        self._words = _frame(json.dumps(list(words)).encode())
        self._is_over = False

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes at most, more than a frame's head has; none at the end."""
        if self._words:
            piece, self._words = self._words[:size], self._words[size:]
            return piece
        if self._is_over:
            return b""
        piece = self._stdin.read(size - _FRAME_HEAD_BYTES)
        self._is_over = not piece
        return _frame(piece)


def _frame(content: bytes) -> bytes:
    return len(content).to_bytes(_FRAME_HEAD_BYTES, "big") + content


class Answer:
    """One answer, out of the pieces that it arrives in; no more of it is kept than an agent sends."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._head: AnswerHead | None = None
        self._content = bytearray()
        self._noise_bytes, self._noise = 0, b""

    def take(self, chunk: bytes) -> bool:
        """Take what came next; return whether that is all. Raises `AnswerRefused`."""
        self._content += chunk
        if self._head is None:
            self._find_head()
        head = self._head
        return head is not None and len(self._content) >= head.out_bytes + head.err_bytes

    @property
    def completed(self) -> Completed:
        """What the command printed, with its status."""
        assert self._head is not None  # noqa: S101  `take` returned True
        head, content = self._head, bytes(self._content)
        end = head.out_bytes + head.err_bytes
        return Completed(status=head.status, out=content[: head.out_bytes], err=content[head.out_bytes : end])

    @property
    def noise(self) -> bytes:
        """The end of what came before the answer."""
        return self._noise if self._head is not None else self._noise + self._content

    def _find_head(self) -> None:
        found = self._content.find(MARK)
        self._pass_over(max(0, len(self._content) - len(MARK)) if found < 0 else found)
        if found < 0:
            return
        line, ended, _ = self._content.partition(b"\n")
        if len(line) > _HEAD_BYTES:
            raise AnswerRefused(f"{self._source} begins with a line that is too long")
        if ended:
            self._head = read_answer(AnswerHead, bytes(line.removeprefix(MARK)), self._source)
            del self._content[: len(line) + 1]

    def _pass_over(self, count: int) -> None:
        self._noise_bytes += count
        if self._noise_bytes > NOISE_BYTES:
            raise AnswerRefused(f"{self._source}: {NOISE_BYTES} bytes came before it")
        self._noise = (self._noise + self._content[:count])[-_KEPT_NOISE_BYTES:]
        del self._content[:count]
