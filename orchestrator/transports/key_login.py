"""Which of our keys are offered to a device, in what order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from paramiko.auth_strategy import AuthStrategy, InMemoryPrivateKey

from orchestrator.errors import AuthenticationRefused
from orchestrator.transports.ssh_agent import SshAgent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.transports.ssh_options import SshOptions
    from orchestrator.transports.unlocked_keys import UnlockedKeys

#: What OpenSSH looks for in ~/.ssh, in the order we offer them.
DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
#: What paramiko raises for a file that is not a key.
_NO_KEY = (OSError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType)


class OurKeys(AuthStrategy):  # type: ignore[misc]  # paramiko is untyped
    """The inventory's identity file, those of ssh_config, the ssh-agent, then ~/.ssh/id_*.

    A key whose file is encrypted, or is only its public half, is used through the ssh-agent where that has it. No
    password is ever asked for or sent: a run must not stop to ask.
    """

    def __init__(
        self, *, who: str, options: SshOptions, identity_file: str | None = None, unlocked: UnlockedKeys
    ) -> None:
        super().__init__(ssh_config={})
        self._who, self._options, self._unlocked = who, options, unlocked
        self._identity_file = identity_file
        #: One line for each key: what it was and what became of it.
        self._tried: list[str] = []
        self._offered: set[bytes] = set()

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Offer one key after the other; raises `AuthenticationRefused` naming all of them.

        Raises `paramiko.SSHException` where the link died before any key was refused.
        """
        self._tried, self._offered = [], set()
        for label, key in self._keys():
            try:
                missing = InMemoryPrivateKey(self._options.user, key).authenticate(transport)
            except paramiko.BadAuthenticationType as error:
                raise self._refused(f"it accepts no keys, only {', '.join(error.allowed_types)}") from error
            except paramiko.SSHException as error:
                if not transport.is_active() and not self._tried:
                    raise paramiko.SSHException("it hung up during the login") from error
                self._tried.append(f"{label}: refused")
                if not transport.is_active():
                    raise self._refused(f"it hung up after {len(self._tried)} keys") from error
            else:
                if not missing:
                    return
                raise self._refused(f"besides the key it requires {', '.join(missing)}")
        raise self._refused("it refused all our keys" if self._tried else "there is no key to offer")

    def _keys(self) -> Iterator[tuple[str, paramiko.PKey]]:
        """Yield each key once, with its name for messages."""
        usual = [Path("~/.ssh").expanduser() / name for name in DEFAULT_NAMES]
        configured = list(self._options.identity_files)
        with SshAgent(self._options.agent) as agent:
            if agent.problem is not None:
                self._tried.append(agent.problem)
            held = {key.asbytes(): (f"ssh-agent {key.get_name()} {key.fingerprint}", key) for key in agent.get_keys()}
            if self._identity_file:
                yield from self._new(self._in_file(Path(self._identity_file).expanduser(), held, wanted=True))
            for path in configured:
                yield from self._new(self._in_file(path, held))
            if not self._options.identities_only:
                yield from self._new(iter(held.values()))
            if not configured or not self._options.identities_only:
                for path in usual:
                    yield from self._new(self._in_file(path, held))

    def _new(self, keys: Iterator[tuple[str, paramiko.PKey]]) -> Iterator[tuple[str, paramiko.PKey]]:
        for label, key in keys:
            if key.asbytes() not in self._offered:
                self._offered.add(key.asbytes())
                yield label, key

    def _in_file(
        self, path: Path, held: dict[bytes, tuple[str, paramiko.PKey]], *, wanted: bool = False
    ) -> Iterator[tuple[str, paramiko.PKey]]:
        """Yield the key of ``path``, from the agent where that has it; note one that can't be used.

        One that does not exist is noted if it is ``wanted``.
        """
        blob = _public_half(path)
        if blob in held:
            yield held[blob]
            return
        if not path.exists() and not wanted:
            return
        try:
            if path.stat().st_mode & 0o077 and path.suffix != ".pub":  # ssh does not use it either
                self._tried.append(f"{path}: others may read it (chmod 600 {path})")
                return
            key = self._unlocked.get(path) or paramiko.PKey.from_path(path)
        except FileNotFoundError:
            self._tried.append(f"{path}: no such file")
        except TypeError:  # how the cryptography library says that a password is needed
            self._tried.append(f"{path}: encrypted (ssh-add it to your ssh-agent)")
        except _NO_KEY as error:
            if blob is not None and path.suffix == ".pub":
                self._tried.append(f"{path}: a public key, and no ssh-agent has its private half")
            else:
                self._tried.append(f"{path}: no usable private key ({type(error).__name__})")
        else:
            yield str(path), key

    def _refused(self, why: str) -> AuthenticationRefused:
        tried = f" (tried {'; '.join(self._tried)})" if self._tried else ""
        return AuthenticationRefused(
            f"{self._who}: no login as {self._options.user}: {why}{tried}",
            hint="put a public key of yours into that user's ~/.ssh/authorized_keys (ssh-copy-id), "
            "or set `user:` and `identity_file:` in the inventory",
        )


def _public_half(path: Path) -> bytes | None:
    """Return the public key that lies in ``path`` or beside it, ``None`` where there is none."""
    for file in (path, path.with_name(f"{path.name}.pub")):
        try:
            line = file.read_bytes()[:100_000].decode().split()
            if len(line) >= 2:
                return bytes(paramiko.PublicBlob.from_string(" ".join(line[:2])).key_blob)
        except (OSError, ValueError):
            continue
    return None
