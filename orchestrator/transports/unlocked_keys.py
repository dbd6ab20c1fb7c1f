"""Private keys that a person unlocked: kept in this process alone, for as long as it lives."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko

from orchestrator.errors import AuthenticationRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from orchestrator.domain.device import Device

#: As ssh does (NumberOfPasswordPrompts of ssh_config(5)).
TRIES = 3


@cache
def unlocked() -> dict[Path, paramiko.PKey]:
    """Return the keys by the real paths of their files; this process has one such collection."""
    return {}


def is_locked(path: Path) -> bool:
    """Say whether ``path`` holds a private key that needs a passphrase, and nobody gave it yet."""
    if path.resolve() in unlocked() or not path.is_file():
        return False
    try:
        paramiko.PKey.from_path(path)
    except (TypeError, paramiko.PasswordRequiredException):
        return True
    except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
        return False  # no key at all: told when it is to be offered
    return False


def unlock(devices: Iterable[Device], ask: Callable[[str], str]) -> None:
    """Ask for the passphrase of every locked key that the inventory names for ``devices`` and their jump hosts, each once.

    Raises `AuthenticationRefused` after `TRIES` wrong answers.
    """
    for path in dict.fromkeys(_named(devices)):
        if not is_locked(path):
            continue
        for _ in range(TRIES):
            passphrase = ask(f"Passphrase of {path}").encode()
            try:  # by position: paramiko called it passphrase before 5
                unlocked()[path.resolve()] = paramiko.PKey.from_path(path, passphrase)
            except (ValueError, paramiko.SSHException):
                continue
            break
        else:
            raise AuthenticationRefused(f"{path}: no passphrase was right", hint=f"ssh-add {path}")


def _named(devices: Iterable[Device]) -> Iterable[Path]:
    for device in devices:
        hop: Device | None = device
        while hop is not None:
            if hop.identity_file:
                yield Path(hop.identity_file).expanduser()
            hop = hop.via
