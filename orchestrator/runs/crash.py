"""A bug of farm's in the work for one device ends that work alone."""

from __future__ import annotations

import os
import platform
import re
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from orchestrator.config.child_environment import SECRETS
from orchestrator.config.private_folder import make_private
from orchestrator.domain.event import LaneCrashed

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from orchestrator.domain.event import Event

    T = TypeVar("T")

#: A message of an exception may hold whatever a device sent.
MESSAGE_LENGTH = 300
REPORT_LENGTH = 100_000
#: Frames of the traceback, from its end.
FRAMES = 60
#: To the last @ of the word: a password may hold any letter.
_PASSWORD_IN_URL = re.compile(r"(://[^\s/:@]*):\S*@")
#: In the query of a URL, or as libpq writes it.
_PASSWORD_BY_NAME = re.compile(r"(?i)\b((?:ssl)?password=)(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)")


def contained(run: str, device: str, state: Path, stage: Generator[Event, None, T]) -> Generator[Event, None, T | None]:
    """Yield what ``stage`` yields and return what it returns; an exception in it becomes a `LaneCrashed`, and ``None``."""
    try:
        return (yield from stage)
    except GeneratorExit:
        raise
    except BaseException as error:  # noqa: BLE001  the other devices go on, whatever it is
        yield crashed(run, device, state, error)
        return None


def crashed(run: str, device: str, state: Path, error: BaseException) -> LaneCrashed:
    """Write the report of ``error`` below ``state`` and return the event that names it."""
    reason = f"{device}: unexpected {_last_line(error)}"
    try:
        report = str(write_report(run, device, state, error))
    except OSError as failure:
        report, reason = None, f"{reason} (its report cannot be written: {failure})"
    return LaneCrashed(run=run, device=device, reason=reason, report=report)


def write_report(run: str, device: str, state: Path, error: BaseException) -> Path:
    """Write what a developer needs to know of ``error``, readable by this user alone; return the file. Raises `OSError`.

    It holds versions, the run, the device's name, and the traceback without values of variables. Passwords in URLs and
    those of the environment are replaced; control characters are escaped.
    """
    folder = state / "crashes"
    make_private(folder)
    now = datetime.now(UTC)
    path = folder / f"{run}-{device}-{now:%H%M%S%f}.txt"
    lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-FRAMES)
    text = _harmless(_without_secrets("".join(lines))[-REPORT_LENGTH:])
    head = (
        f"farm {version('edge-farm')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        f"run {run}, device {device}, {now:%Y-%m-%d %H:%M:%S} UTC\n\n"
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(head + text)
    return path


def _last_line(error: BaseException) -> str:
    """Return the class of ``error`` with the beginning of its message, in one line."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  an exception whose message cannot be made is still reported
        message = ""
    first = message.strip().partition("\n")[0]
    text = f"{type(error).__name__}: {first}" if first else type(error).__name__
    return _harmless(_without_secrets(text))[:MESSAGE_LENGTH]


def _without_secrets(text: str) -> str:
    for secret in _secrets():
        text = text.replace(secret, "***")
    return _PASSWORD_BY_NAME.sub(r"\1***", _PASSWORD_IN_URL.sub(r"\1:***@", text))


def _secrets() -> list[str]:
    """Return the secrets of the environment, a password in a URL by itself too, with and without escapes; longest first."""
    found = {os.environ.get(name, "") for name in SECRETS}
    in_url = re.search(r"://[^/:@]*:(.*)@", os.environ.get("FARM_DB", ""))
    if in_url is not None:
        found |= {in_url[1], unquote(in_url[1])}
    return sorted(found - {""}, key=len, reverse=True)


def _harmless(text: str) -> str:
    return "".join(
        letter if letter.isprintable() or letter == "\n" else letter.encode("unicode_escape").decode()
        for letter in text
    )
