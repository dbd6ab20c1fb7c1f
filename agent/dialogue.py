"""Commands of one controller, one after the other, each carried out by a child of this process: Python starts once for all of them.

A question on standard input is in frames, each four big-endian bytes that count, then so many bytes: the words of the command as a JSON list,
then what it reads on its own standard input, then an empty frame. The answer is that of `agent.bootstrap.answer`. One that failed
is the last: what it left of its input is not known.
"""

from __future__ import annotations

import io
import json
import os
import select
import sys
import traceback
from typing import Any, Callable, Optional

from agent import spawn
from agent.__main__ import main as carry_out
from agent.bootstrap import KEPT_BYTES, answer, send

#: Of the words of a command.
MOST_WORDS_BYTES = 1 << 16
#: How Python ends that can't open its program.
NO_FILE = 2


def main(workdir: str) -> int:
    """Carry out commands until standard input ends, or one fails; return this process's exit status."""
    while True:
        words = _words()
        if words is None:
            return 0
        if not os.path.exists(spawn.ROOT):  # modules that are still to be imported are gone with it
            sys.stderr.write("can't open file %r: it was deleted\n" % spawn.ROOT)
            return NO_FILE
        status, out, err = carried_out(["--workdir", workdir, *words])
        try:
            send(answer(status, out, err))
        except BrokenPipeError:  # whoever asked is gone
            return 0
        if status:
            return 0


class Framed(io.RawIOBase):
    """The frames of a descriptor up to an empty one, or to its end; what comes behind is left there."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._left, self._is_over = 0, False

    def readable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def readinto(self, buffer: Any) -> int:
        """Read what there is of one frame; 0 bytes at the end alone."""
        if not self._left and not self._is_over:
            self._left = int.from_bytes(_exactly(self._descriptor, 4), "big")
        count = os.readv(self._descriptor, [memoryview(buffer)[: self._left]]) if self._left else 0
        self._left -= count
        self._is_over = self._is_over or not count
        return count


def _words() -> Optional[list[str]]:
    """Return the words of the next command, ``None`` at the end."""
    head = _exactly(0, 4)
    size = int.from_bytes(head, "big")
    if len(head) < 4:
        return None
    if size > MOST_WORDS_BYTES:
        raise ValueError("a command of %d bytes" % size)
    words = _exactly(0, size)
    return list(map(str, json.loads(words))) if len(words) == size else None


def _exactly(descriptor: int, count: int) -> bytes:
    """Return ``count`` bytes, fewer at the end; no byte more is read."""
    content = b""
    while len(content) < count:
        piece = os.read(descriptor, count - len(content))
        if not piece:
            break
        content += piece
    return content


def carried_out(arguments: list[str], command: Callable[[list[str]], int] = carry_out) -> tuple[int, bytes, bytes]:
    """Return the status of a child of ours that carried out ``command``, and the end of what it printed on both outputs."""
    out, err = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _end(command, arguments, out[1], err[1])
    os.close(out[1])
    os.close(err[1])
    printed = _printed(out[0], err[0])
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return ended if ended >= 0 else 128 - ended, printed[out[0]], printed[err[0]]


def _printed(*descriptors: int) -> dict[int, bytes]:
    """Read all to their ends; return the last `KEPT_BYTES` of each."""
    kept = {descriptor: bytearray() for descriptor in descriptors}
    left = set(descriptors)
    while left:
        for descriptor in select.select(list(left), [], [])[0]:
            piece = os.read(descriptor, 1 << 16)
            kept[descriptor] += piece
            if len(kept[descriptor]) > 2 * KEPT_BYTES:
                del kept[descriptor][:-KEPT_BYTES]
            if not piece:
                left.remove(descriptor)
                os.close(descriptor)
    return {descriptor: bytes(content[-KEPT_BYTES:]) for descriptor, content in kept.items()}


def _end(command: Callable[[list[str]], int], arguments: list[str], out: int, err: int) -> None:
    """Carry out a command in this process, as Python would that was started for it; it ends with it."""
    status = 1
    try:
        source = Framed(os.dup(0))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # programs that it starts read nothing of the next question
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(source), encoding="utf-8")
        status = command(arguments)
        while sys.stdin.buffer.read1(1 << 16):
            pass
        sys.stdout.flush()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001  as Python ends
        traceback.print_exc()
        status = 1
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
