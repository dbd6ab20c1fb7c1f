"""Which of our keys are offered to a device, in what order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import paramiko
from paramiko.auth_strategy import AuthStrategy, InMemoryPrivateKey

from orchestrator.errors import AuthenticationRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.transports.unlocked_keys import UnlockedKeys

#: What OpenSSH looks for in ~/.ssh, in the order we offer them.
DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")


class OurKeys(AuthStrategy):  # type: ignore[misc]  # paramiko is untyped
    """The inventory's identity file, those of ~/.ssh/config, the ssh-agent, then ~/.ssh/id_*.

    No password is ever asked for or sent: a run must not stop to ask.
    """

    def __init__(
        self,
        *,
        who: str,
        user: str,
        identity_file: str | None,
        ssh_config: Mapping[str, Any],
        unlocked: UnlockedKeys,
    ) -> None:
        super().__init__(ssh_config)
        self._who, self._user, self._identity_file = who, user, identity_file
        self._unlocked = unlocked
        #: One line for each key: what it was and what became of it.
        self._tried: list[str] = []

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Offer one key after the other; raises `AuthenticationRefused` naming all of them.

        Raises `paramiko.SSHException` where the link died before any key was refused.
        """
        for label, key in self._keys():
            try:
                wanted = InMemoryPrivateKey(self._user, key).authenticate(transport)
            except paramiko.BadAuthenticationType as error:
                raise self._refused(f"it takes no keys, only {', '.join(error.allowed_types)}") from error
            except paramiko.SSHException as error:
                if not transport.is_active() and not self._tried:
                    raise paramiko.SSHException("it hung up during the login") from error
                self._tried.append(f"{label}: refused")
                if not transport.is_active():
                    raise self._refused(f"it hung up after {len(self._tried)} keys") from error
            else:
                if not wanted:
                    return
                raise self._refused(f"besides the key it wants {', '.join(wanted)}")
        raise self._refused("it took none of our keys" if self._tried else "there is no key to offer")

    def _keys(self) -> Iterator[tuple[str, paramiko.PKey]]:
        configured = [Path(name).expanduser() for name in self.ssh_config.get("identityfile", [])]
        only_these = str(self.ssh_config.get("identitiesonly", "no")).lower() == "yes"
        if self._identity_file:
            yield from self._on_disk(Path(self._identity_file).expanduser(), wanted=True)
        for path in configured:
            yield from self._on_disk(path)
        if only_these:
            return
        agent = paramiko.Agent()
        try:
            for key in agent.get_keys():
                yield f"ssh-agent {key.get_name()} {key.fingerprint}", key
        finally:
            agent.close()
        for name in DEFAULT_NAMES:
            yield from self._on_disk(Path("~/.ssh").expanduser() / name)

    def _on_disk(self, path: Path, *, wanted: bool = False) -> Iterator[tuple[str, paramiko.PKey]]:
        """Yield the key in ``path``; one that can't be used is noted, as is one that is missing though ``wanted``."""
        if not path.exists() and not wanted:
            return
        try:
            if path.stat().st_mode & 0o077:  # as ssh does, which would not use it either
                self._tried.append(f"{path}: others may read it (chmod 600 {path})")
                return
            key = self._unlocked.get(path) or paramiko.PKey.from_path(path)
        except FileNotFoundError:
            self._tried.append(f"{path}: no such file")
        except TypeError:  # how the cryptography library says that a password is needed
            self._tried.append(f"{path}: encrypted (ssh-add it to your ssh-agent)")
        except (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
            self._tried.append(f"{path}: no usable private key ({type(error).__name__})")
        else:
            yield str(path), key

    def _refused(self, why: str) -> AuthenticationRefused:
        tried = f" (tried {'; '.join(self._tried)})" if self._tried else ""
        return AuthenticationRefused(
            f"{self._who}: no login as {self._user}: {why}{tried}",
            hint="put a public key of yours into that user's ~/.ssh/authorized_keys (ssh-copy-id), "
            "or set `user:` and `identity_file:` in the inventory",
        )
