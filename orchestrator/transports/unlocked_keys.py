"""Private keys that a person unlocked: kept in memory alone, for as long as one command runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config.home_path import at_home
from orchestrator.errors import AuthenticationRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import paramiko

    from orchestrator.domain.device import Device

#: As ssh does (NumberOfPasswordPrompts of ssh_config(5)).
TRIES = 3


class UnlockedKeys:
    """Decrypted private keys by the real paths of their files."""

    def __init__(self) -> None:
        self._keys: dict[Path, paramiko.PKey] = {}

    def get(self, path: Path) -> paramiko.PKey | None:
        """Return the key in ``path`` if it was unlocked."""
        return self._keys.get(path.resolve())

    def is_locked(self, path: Path) -> bool:
        """Check whether ``path`` holds a private key whose passphrase was not entered yet."""
        import paramiko

        if self.get(path) is not None or not path.is_file():
            return False
        try:
            paramiko.PKey.from_path(path)
        except (TypeError, paramiko.PasswordRequiredException):
            return True
        except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
            return False  # not a key: reported when it is to be offered
        return False

    def unlock(self, devices: Iterable[Device], ask: Callable[[str], str]) -> None:
        """Ask for the passphrase of every locked key that the inventory names for ``devices`` and their jump hosts, each once.

        Raises `AuthenticationRefused` after `TRIES` wrong answers.
        """
        import paramiko

        for path in dict.fromkeys(_named(devices)):
            if not self.is_locked(path):
                continue
            for _ in range(TRIES):
                passphrase = ask(f"Passphrase of {path}").encode()
                try:  # by position: paramiko called it passphrase before 5
                    self._keys[path.resolve()] = paramiko.PKey.from_path(path, passphrase)
                except (ValueError, paramiko.SSHException):
                    continue
                break
            else:
                raise AuthenticationRefused(f"{path}: wrong passphrase, {TRIES} times", hint=f"ssh-add {path}")


def _named(devices: Iterable[Device]) -> Iterable[Path]:
    for device in devices:
        for host in (device, *device.hops):
            if host.identity_file:
                yield at_home(host.identity_file)
