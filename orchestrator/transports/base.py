"""The interface of a transport: run a program on the device, stream what it prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A program that ran to its end on the device."""

    status: int
    out: bytes
    err: bytes


class Dialogue(Protocol):
    """A program that stays and answers; not shared between threads. It ends with its standard input."""

    def ask(
        self, stdin: bytes | BinaryIO, take: Callable[[bytes], bool], *, timeout_s: float = 60.0
    ) -> Completed | None:
        """Send ``stdin``, give ``take`` what the program prints, until it returns True; return how the program ended if it did before.

        Of that, ``out`` is empty: ``take`` has it. Raises `NoAnswer` where it neither answers nor takes more of ``stdin`` within
        ``timeout_s``, `ConnectionLost`, and what ``take`` raises; behind any of them nothing more can be asked.
        """
        ...

    def close(self) -> None:
        """End the program's standard input; another thread that asks meanwhile may be left to it."""
        ...


class Transport(Protocol):
    """One device, reachable. Not shared between threads.

    Programs are lists of words, never shell text. All methods connect when need be and raise `Unreachable`,
    `HostKeyRefused`, `AuthenticationRefused` (connecting) or `ConnectionLost` (the link died under way). A program
    that fails is not an exception: its status is in the result.
    """

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        timeout_s: float = 60.0,
        progress: Callable[[int], None] | None = None,
    ) -> Completed:
        """Run ``argv`` to its end; ``progress`` gets the bytes of ``stdin`` sent so far.

        Raises `NoAnswer` where it neither ends nor takes more of ``stdin`` within ``timeout_s``.
        """
        ...

    def stream(self, argv: Sequence[str], *, stdin: bytes = b"", tick_s: float | None = None) -> Iterator[bytes]:
        """Yield what ``argv`` prints, as it comes; ends with the program, raises `AgentFailed` if it failed.

        ``stdin``, some kilobytes, is sent first; standard input is held open behind it until the generator is closed.
        After each ``tick_s`` without output, ``b""`` is yielded, so that whoever waits can look at the clock.
        """
        ...

    def dialogue(self, argv: Sequence[str]) -> Dialogue:
        """Start ``argv`` and return what asks it; close that after use."""
        ...

    def close(self) -> None:
        """Give the connection back; the next call connects again."""
        ...
