"""The host keys farm trusts: a file of its own, in OpenSSH's format."""

from __future__ import annotations

import base64
import hashlib
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.config.atomic_write import rewriting
from orchestrator.config.private_folder import make_private
from orchestrator.errors import HostKeyRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import paramiko

#: OpenSSH leaves the port out of the name when it is this one.
SSH_PORT = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """The public key by which an SSH server proves who it is."""

    #: As `name_at` writes it.
    name: str
    #: ``ssh-ed25519``, ``ecdsa-sha2-nistp256``, ``ssh-rsa``.
    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as ``ssh-keygen -l`` prints it."""
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        """A line of a known_hosts file, the name hashed with a fresh salt: whoever reads it learns no addresses."""
        import paramiko

        hashed = paramiko.HostKeys.hash_host(self.name)
        return f"{hashed} {self.kind} {base64.b64encode(self.blob).decode()}"


def fingerprint(blob: bytes) -> str:
    """Return ``SHA256:…`` of a public key, as ``ssh-keygen -l`` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def name_at(address: str, port: int) -> str:
    """Return how OpenSSH and paramiko write a server in known_hosts: ``10.0.0.7``, or ``[10.0.0.7]:2222``."""
    return address if port == SSH_PORT else f"[{address}]:{port}"


def content(path: Path) -> bytes:
    """Return what is in a known_hosts file, nothing where there is none; raises `HostKeyRefused` where it can't be used.

    A line that can't be read could be the one that matters.
    """
    import paramiko

    if not path.exists():
        return b""
    try:
        found = path.read_bytes()
        paramiko.HostKeys().load(str(path))
    except (OSError, ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey) as reason:
        words = reason.strerror if isinstance(reason, OSError) else f"a line can't be read: {reason}"
        raise HostKeyRefused(
            f"{path}: {words}",
            hint="mend that line, or delete the file; then `farm devices trust NAME` for each device",
        ) from reason
    return found


def known(path: Path, name: str) -> tuple[HostKey, ...]:
    """Return the keys trusted for ``name``, in the order of the file; none where there is no file."""
    if not path.exists():
        return ()
    lines = content(path).decode(errors="replace").splitlines()
    found = []
    for line in lines:
        if _is_for(line, name):
            _, kind, encoded = line.split()[:3]
            found.append(HostKey(name=name, kind=kind, blob=base64.b64decode(encoded)))
    return tuple(found)


class TrustedKeys:
    """The lines of one known_hosts file, read anew where it changed: hundreds of connections, by as many threads, read it once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: tuple[Path, tuple[int, ...], tuple[str, ...]] | None = None

    def of(self, path: Path, name: str) -> list[tuple[str, paramiko.PKey]]:
        """Return kind and key of what ``path`` trusts for ``name``. Raises `HostKeyRefused` as `content`."""
        import paramiko

        entries = [paramiko.hostkeys.HostKeyEntry.from_line(line) for line in self._lines(path) if _is_for(line, name)]
        return [(entry.key.get_name(), entry.key) for entry in entries if entry is not None]

    def _lines(self, path: Path) -> tuple[str, ...]:
        with self._lock:
            try:
                facts = path.stat()
            except OSError:
                return tuple(content(path).decode(errors="replace").splitlines())
            state = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if self._read is None or self._read[:2] != (path, state):
                lines = tuple(content(path).decode(errors="replace").splitlines())
                self._read = (path, state, lines)
            return self._read[2]


def openssh_knows(paths: Iterable[Path], name: str, blob: bytes) -> Path | None:
    """Return the first of OpenSSH's own files that trusts the key ``blob`` for ``name``; lines that can't be read are skipped."""
    import paramiko

    for path in paths:
        with suppress(OSError, ValueError, paramiko.SSHException):
            entries = paramiko.HostKeys(str(path)).lookup(name) or {}
            if any(key.asbytes() == blob for key in entries.values()):
                return path
    return None


def trust(path: Path, key: HostKey) -> None:
    """Trust ``key``, and no other, for its name; the file is created, readable by its owner only."""
    make_private(path.parent)
    with rewriting(path, mode=0o600) as text:
        kept = [line for line in text.before.splitlines() if not _is_for(line, key.name)]
        text.after = "\n".join([*kept, key.line]) + "\n"


def forget(path: Path, name: str) -> None:
    """Trust no key for ``name`` any more."""
    if path.exists():
        with rewriting(path, mode=0o600) as text:
            kept = [line for line in text.before.splitlines() if not _is_for(line, name)]
            text.after = "".join(f"{line}\n" for line in kept)


def same(ours: str, shown: str) -> bool:
    """Compare two fingerprints; raises `UsageError` where ``ours`` is no SHA256 one."""
    if not ours.startswith("SHA256:"):
        raise UsageError(
            f"{ours!r} is not a fingerprint of the form SHA256:…",
            hint="on the device: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )
    return ours.rstrip("=") == shown.rstrip("=")


def _is_for(line: str, name: str) -> bool:
    """Check whether a line is about ``name``, written plainly or hashed (``|1|salt|hash``)."""
    fields = line.split()
    if len(fields) < 3 or fields[0].startswith(("#", "@")):
        return False
    return any(pattern == name or _hashes(pattern, name) for pattern in fields[0].split(","))


def _hashes(pattern: str, name: str) -> bool:
    if not pattern.startswith("|1|"):
        return False
    import paramiko

    return bool(paramiko.HostKeys.hash_host(name, pattern) == pattern)
