"""Which of our keys are offered to a device, in what order."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
from paramiko.auth_strategy import AuthStrategy, InMemoryPrivateKey

from orchestrator.config.home_path import at_home
from orchestrator.errors import AuthenticationRefused
from orchestrator.transports.ssh_agent import SshAgent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.transports.ssh_options import SshOptions
    from orchestrator.transports.unlocked_keys import UnlockedKeys

#: What OpenSSH looks for in ~/.ssh, in the order we offer them.
DEFAULT_NAMES = ("id_ed25519", "id_ecdsa", "id_rsa")
#: No public key and no certificate is longer.
MOST_BYTES = 100_000
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
                yield from self._new(self._in_file(at_home(self._identity_file), held, wanted=True))
            for path in configured:
                yield from self._new(self._in_file(path, held))
            if not self._options.identities_only:
                yield from self._new(iter(held.values()))
            if not configured or not self._options.identities_only:
                for path in usual:
                    yield from self._new(self._in_file(path, held))

    def _new(self, keys: Iterator[tuple[str, paramiko.PKey]]) -> Iterator[tuple[str, paramiko.PKey]]:
        for label, key in keys:
            certificate = getattr(key, "public_blob", None)
            identity = certificate.key_blob if certificate else key.asbytes()
            if identity not in self._offered:
                self._offered.add(identity)
                yield label, key

    def _in_file(
        self, path: Path, held: dict[bytes, tuple[str, paramiko.PKey]], *, wanted: bool = False
    ) -> Iterator[tuple[str, paramiko.PKey]]:
        """Yield the key of ``path``, from the agent where that has it; note one that can't be used.

        One that does not exist is noted if it is ``wanted``.
        """
        blob = _public_half(path)
        if blob in held:
            yield from self._certified(path, *held[blob])
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
            yield from self._certified(path, str(path), key)

    def _certified(self, path: Path, label: str, key: paramiko.PKey) -> Iterator[tuple[str, paramiko.PKey]]:
        """Yield the key of ``path`` with each certificate that is for it, then by itself, as ssh does."""
        beside = path.with_name(f"{path.name.removesuffix('.pub')}-cert.pub")
        for file in (beside, *self._options.certificate_files):
            certificate = _blob(file)
            if certificate is not None and _key_fields(key.asbytes()) in certificate.key_blob:
                certified = _copied(key)
                certified.public_blob = certificate
                yield f"{label} with {file}", certified
        yield label, key

    def _refused(self, why: str) -> AuthenticationRefused:
        tried = f" (tried {'; '.join(self._tried)})" if self._tried else ""
        return AuthenticationRefused(
            f"{self._who}: no login as {self._options.user}: {why}{tried}",
            hint="put a public key of yours into that user's ~/.ssh/authorized_keys (ssh-copy-id), "
            "or set `user:` and `identity_file:` in the inventory",
        )


def _copied(key: paramiko.PKey) -> paramiko.PKey:
    """Return the same key, whose certificate may be set: others use the one that we got."""
    return paramiko.AgentKey(key.agent, key.blob, key.comment) if isinstance(key, paramiko.AgentKey) else copy.copy(key)


def _public_half(path: Path) -> bytes | None:
    """Return the public key that lies in ``path`` or beside it, ``None`` where there is none."""
    blob = _blob(path) or _blob(path.with_name(f"{path.name}.pub"))
    return bytes(blob.key_blob) if blob else None


def _blob(file: Path) -> paramiko.PublicBlob | None:
    """Return the public key or certificate in ``file``, ``None`` where it is something else."""
    try:
        fields = file.read_bytes()[:MOST_BYTES].decode().split()
        return paramiko.PublicBlob.from_string(" ".join(fields[:2]))
    except (OSError, ValueError):
        return None


def _key_fields(blob: bytes) -> bytes:
    """Return a public key without its type: a certificate holds these bytes (PROTOCOL.certkeys of OpenSSH)."""
    return blob[4 + int.from_bytes(blob[:4]) :]
