"""Dialogues with agents that are functions of a test, in the bytes that a real one sends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agent.bootstrap import answer
from orchestrator.transports.pipes import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.transports.base import Completed


class Scripted:
    """A dialogue whose questions ``run`` answers, given the words ``python3 -c locate``, ``python3 -c install`` or ``python3 agent.zip --workdir /w COMMAND …``."""

    def __init__(self, run: Callable[..., Completed], argv: Sequence[str]) -> None:
        self._run, self._argv = run, list(argv)

    def ask(self, stdin: Any, take: Callable[[bytes], bool], *, timeout_s: float = 60.0) -> Completed | None:
        words, content = asked(self._argv, b"".join(pieces(stdin)))
        done = self._run(words, stdin=content, timeout_s=timeout_s)
        if done.status and words[1] == "-c":
            take(done.out)
            return done
        take(b"Welcome!")
        take(answer(done.status, done.out, done.err))
        return None

    def close(self) -> None:
        pass


def asked(argv: Sequence[str], content: bytes) -> tuple[list[str], bytes]:
    """Return the words that would ask a fresh agent for the same, with what it would read."""
    if content.startswith(b'"""'):
        return [argv[0], "-c", "locate", *argv[3:]], b""
    if content.startswith(b"PK"):
        return [argv[0], "-c", "install", *argv[3:]], content
    words, *parts, end = frames(content)
    assert end == b""
    return [argv[0], "/w/agents/x.zip", "--workdir", "/w", *json.loads(words)], b"".join(parts)


def frames(content: bytes) -> list[bytes]:
    """Return what is in the frames of a question."""
    found = []
    while content:
        size = int.from_bytes(content[:4], "big")
        found.append(content[4 : 4 + size])
        content = content[4 + size :]
    return found
