"""What can go wrong, as one tree whose first fork says whether trying again may help.

::

    FarmError
    ├── Transient                 trying again may help
    │   ├── Unreachable           nothing answers at the device's address
    │   ├── ConnectionLost        the link died in the middle of something
    │   │   └── NoAnswer          the device stays silent on a link that works
    │   │       └── Overdue       a lane writes nothing for longer than its step may take
    │   ├── DeviceBusy            another controller holds the device: never tried again by itself
    │   ├── LaneStopped           another command stopped a lane that this one follows: likewise
    │   └── TransferBroken        a blob arrived short or with another hash: three in a row are the end
    └── Stable                    it will fail the same way again
        ├── UsageError            the input can't be right (exit status 2)
        │   ├── InventoryError    inventory.yaml, with file and line
        │   ├── SuiteError        suite.yaml or an option that narrows it
        │   ├── ClaimsError       a file of claims, with file and line
        │   ├── PluginError       a plug-in of a package can't be used; names the package
        │   └── UnknownName       no such device, model, run, case …; names the nearest
        ├── HostKeyRefused        unknown or changed host key
        ├── AuthenticationRefused the device refused all our keys
        ├── DeviceUnfit           no Python, too old, no runtime can be brought there
        ├── DeviceFailing         a device fails whatever the case: it is out of runs until a check
        ├── AgentFailed           the agent on the device refused, with its message
        │   └── AnswerRefused     what a device sent does not fit the agent's protocol
        ├── DatasetError          images or labels can't be read as configured
        ├── ModelError            a model can't be loaded or does not fit the dataset
        ├── BuildError            a scheme can't build its artifact
        ├── ArchiveError          an archive of a run is damaged, newer, hostile, or contradicts what is stored
        └── StoreError            the results database is missing, old or refuses
            └── StoreUnavailable  it is out of reach for now: stopped, locked, full

`FarmError.is_retried` and `FarmError.most_failures` say so for programs; `orchestrator.runs.retry` has the waits.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: Sequences that a terminal obeys, then other control characters but for the ends of lines.
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """Return ``text`` with nothing in it that a terminal obeys: control characters, bidirectional marks, half surrogates.

    Each becomes U+FFFD. Ends of lines stay; what else is white space becomes a space.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() or letter == "\n" else _replaced(letter) for letter in text)


def _replaced(letter: str) -> str:
    return " " if letter.isspace() else "\ufffd"


class FarmError(Exception):
    """Something a user can act on: the message says who and what, ``hint`` the next command."""

    #: Whether a run does the same again by itself.
    is_retried: ClassVar[bool] = False
    #: So many in a row are the end; ``None`` where only time is.
    most_failures: ClassVar[int | None] = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = printable(message)
        self.hint = None if hint is None else printable(hint)

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class Transient(FarmError):  # noqa: N818  a kind of error, not an error's name
    """Trying again may help."""

    is_retried = True


class Unreachable(Transient):
    """Nothing answers at the device's address."""


class ConnectionLost(Transient):
    """The link died in the middle of something."""


class NoAnswer(ConnectionLost):
    """The device stays silent on a link that works: a program there hangs, or reads nothing."""


class Overdue(NoAnswer):
    """A lane has written nothing for longer than its step may take; its device hangs."""

    is_retried = False


class DeviceBusy(Transient):
    """Another controller holds the device, maybe for hours."""

    is_retried = False


class LaneStopped(Transient):
    """Another command stopped a lane that this one follows."""

    is_retried = False


class TransferBroken(Transient):
    """A blob arrived short or with another hash."""

    most_failures = 3


class Stable(FarmError):  # noqa: N818  a kind of error, not an error's name
    """It will fail the same way again until someone changes something."""


class UsageError(Stable):
    """The input can't be right; the command ends with exit status 2."""


class InventoryError(UsageError):
    """``inventory.yaml`` is wrong; the message carries file and line."""


class SuiteError(UsageError):
    """``suite.yaml``, or an option that narrows it, is wrong; the message carries file and line."""


class ClaimsError(UsageError):
    """A file of claims is wrong; the message carries file and line."""


class PluginError(UsageError):
    """A plug-in of a package can't be used; the message names the package."""


class UnknownName(UsageError):  # noqa: N818  what is unknown is the name
    """Nothing has this name; the message offers the nearest one that exists."""

    def __init__(
        self, kind: str, name: str, existing: Iterable[str], *, words: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(words or no_such(kind, name, existing), hint=hint)
        self.kind, self.name = kind, name


class HostKeyRefused(Stable):
    """The device showed a host key that is unknown or not the one we know."""


class AuthenticationRefused(Stable):
    """The device refused all the keys we have."""


class DeviceUnfit(Stable):
    """The device can't run the agent or the runtime."""


class DeviceFailing(Stable):
    """A device fails again and again, whatever the case; it is out of runs until a check brings it back."""


class AgentFailed(Stable):
    """The agent on the device refused, or a program there failed.

    ``status`` is its exit status, ``stderr`` the end of what it printed there, ``code`` the refusal's code of
    ``agent.wire`` where it was one.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        stderr: bytes = b"",
        code: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status, self.stderr, self.code = status, stderr, code


class AnswerRefused(AgentFailed):
    """What a device sent does not fit the agent's protocol: another program answers there, or a broken one."""


class DatasetError(Stable):
    """Images or labels can't be read as configured."""


class ModelError(Stable):
    """A model can't be loaded, or does not fit the dataset."""


class BuildError(Stable):
    """A scheme could not build an artifact that can be trusted."""


class ArchiveError(Stable):
    """An archive of a run is damaged, newer than this farm, hostile, or contradicts what is stored."""


class StoreError(Stable):
    """The results database is missing, too old, too new, or refuses."""


class StoreUnavailable(StoreError):  # noqa: N818  what is unavailable is the store
    """The results database is out of reach for now: its server stopped, its file is locked or away, its disk is full."""


#: Names that a message lists where none of them is near.
_LISTED = 20
#: Of a wrong name as it is compared with the right ones: what is longer resembles none, and comparing takes its square.
_COMPARED = 100


def no_such(kind: str, name: str, existing: Iterable[str]) -> str:
    """Return ``no device called 'p5'; did you mean 'pi5'?``, with the names that exist where none is near."""
    return _joined(f"no {kind} called {_shortened(name)!r}", suggestion(name, existing))


def no_such_run(name: str, existing: Collection[str]) -> UnknownName:
    """Return the error of a run that is not there; whoever asked for the newest one where there is none named no run."""
    if existing:
        return UnknownName("run", name, existing, hint="farm runs")
    if name != "latest":
        return UnknownName("run", name, (), hint="no run yet: farm run")
    elsewhere = "was it in another folder? runs are in farm.db beside the inventory, or where --db puts them"
    return UnknownName("run", name, (), words="there is no run yet: farm run starts one", hint=elsewhere)


def unknown_key(key: object, existing: Iterable[str], *, of: str = "") -> str:
    """Return ``unknown key 'adress'; did you mean 'address'?``; ``of`` is what has keys: ``dataset folder``."""
    subject = f"unknown key {_shortened(str(key))!r}{f' of {of}' if of else ''}"
    return _joined(subject, suggestion(str(key), existing))


def suggestion(name: str, existing: Iterable[str]) -> str:
    """Return ``did you mean 'pi5'?``, or what there is (``there is local, pi5``); empty where nothing exists."""
    options = sorted(map(str, existing))
    close = difflib.get_close_matches(name[:_COMPARED], options, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" … ({len(options)} in all)" if len(options) > _LISTED else ""
    return f"there is {', '.join(options[:_LISTED])}{more}" if options else ""


def _joined(sentence: str, what_to_do: str) -> str:
    return f"{sentence}; {what_to_do}" if what_to_do else sentence


def _shortened(name: str) -> str:
    return name if len(name) <= _COMPARED else f"{name[:_COMPARED]}…"


def brief(error: BaseException, limit: int = 200) -> str:
    """Return the first line of what a library says, without control sequences, at most ``limit`` characters long."""
    words = _CONTROL.sub("", str(error)).encode(errors="backslashreplace").decode().strip() or type(error).__name__
    line = words.splitlines()[0].strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
