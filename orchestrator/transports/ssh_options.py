"""How one SSH server is reached, by the inventory together with ssh_config(5)."""

from __future__ import annotations

import getpass
import hashlib
import os
import pwd
import re
import shlex
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config.home_path import at_home
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What ssh offers where no ``IdentityFile`` is written; it prints at least so many of them.
_USUAL_KEY, _USUAL_KEYS = re.compile(r"~/\.ssh/id_\w+"), 4
#: Where ssh keeps the keys it trusts, unless ``UserKnownHostsFile`` says otherwise.
_KNOWN_HOSTS = ("~/.ssh/known_hosts ~/.ssh/known_hosts2",)
#: What only a shell understands; a ``ProxyCommand`` that has it can't be started as it is.
_SHELL = re.compile(r"[|&;<>()$`*?]")
#: Keywords in which ``none`` is a name like any other.
_NAMES = frozenset({"hostname", "user"})
#: Settings that would change where a connection goes, and that farm can't follow.
_REFUSED = {"bindinterface": "BindInterface", "refuseconnection": "RefuseConnection"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOptions:
    """What it takes to reach one server."""

    host: str
    port: int
    user: str
    #: Those that are written; none where ssh would take its usual ones.
    identity_files: tuple[Path, ...] = ()
    #: Certificates besides those that lie beside their keys (``id_ed25519-cert.pub``).
    certificate_files: tuple[Path, ...] = ()
    #: Whether no other key may be offered than those of `identity_files` (the usual ones, where there are none).
    identities_only: bool = False
    #: The socket of the ssh-agent, ``None`` for no agent.
    agent: Path | None = None
    #: Jump hosts as ``USER@HOST:PORT``, the first one is reached first.
    jumps: tuple[str, ...] = ()
    #: The words of a program that is the connection; empty for none.
    proxy_command: tuple[str, ...] = ()
    #: The name of the server in known_hosts, ``None`` for its address.
    host_key_alias: str | None = None
    #: OpenSSH's own files of trusted keys. farm does not trust them, it only says that a key is there.
    known_hosts_files: tuple[Path, ...] = ()
    #: How long to wait for an answer, ``None`` for as long as farm likes.
    connect_timeout_s: float | None = None
    family: socket.AddressFamily = socket.AF_UNSPEC
    bind_address: str | None = None


def parsed(answer: Mapping[str, Sequence[str]], original: str) -> SshOptions:
    """Return the options in ``answer``, which is about the host ``original``, with tokens and ``~`` expanded.

    Raises `UsageError` for what farm can't follow.
    """

    def first(keyword: str) -> str | None:
        value = answer.get(keyword, [""])[0].strip()
        return None if value == "" or (value.lower() == "none" and keyword not in _NAMES) else value

    for keyword, name in _REFUSED.items():
        if (value := first(keyword)) is not None:
            raise UsageError(f"ssh_config sets {name} {value}, which farm does not support")
    host, port, user = first("hostname") or original, _port(first("port")), first("user") or local_user()
    tokens = _Tokens(original=original, host=host, port=port, user=user, jump=first("proxyjump") or "")
    alias = first("hostkeyalias")
    tokens.values["k"] = alias = tokens.expand(alias).lower() if alias else host
    written = [name for name in answer.get("identityfile", ()) if name.lower() != "none"]
    usual = len(written) >= _USUAL_KEYS and all(_USUAL_KEY.fullmatch(name) for name in written)
    jumps = first("proxyjump")
    timeout = first("connecttimeout")
    return SshOptions(
        host=host,
        port=port,
        user=user,
        identity_files=() if usual else tuple(tokens.path(name) for name in written),
        certificate_files=tuple(tokens.path(name) for name in answer.get("certificatefile", ())),
        identities_only=(first("identitiesonly") or "no").lower() in ("yes", "true"),
        agent=_agent(answer.get("identityagent", ["SSH_AUTH_SOCK"])[0], tokens),
        jumps=tuple(tokens.hop(written.strip()) for written in jumps.split(",")) if jumps else (),
        proxy_command=() if jumps else _command(first("proxycommand"), first("proxyusefdpass"), tokens),
        host_key_alias=alias if first("hostkeyalias") else None,
        known_hosts_files=tuple(
            tokens.path(name)
            for name in answer.get("userknownhostsfile", _KNOWN_HOSTS)[0].split()
            if name.lower() != "none"
        ),
        connect_timeout_s=_seconds(timeout) if timeout else None,
        family={"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(
            (first("addressfamily") or "any").lower(), socket.AF_UNSPEC
        ),
        bind_address=first("bindaddress"),
    )


def local_user() -> str:
    """Return the name of the user who runs farm, by the password file as for ssh, else by the environment."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return getpass.getuser()


class _Tokens:
    """The tokens of ssh_config(5), section TOKENS."""

    def __init__(self, *, original: str, host: str, port: int, user: str, jump: str) -> None:
        here = socket.gethostname()
        digest = hashlib.sha1(f"{here}{host}{port}{user}{jump}".encode(), usedforsecurity=False).hexdigest()
        self.values = {"%": "%", "C": digest, "d": str(Path.home()), "h": host, "i": str(os.getuid()), "j": jump}
        self.values |= {"k": host, "L": here.partition(".")[0], "l": here, "n": original, "p": str(port)}
        self.values |= {"r": user, "u": local_user()}

    def expand(self, text: str) -> str:
        """Return ``text`` with its tokens expanded; raises `UsageError` for one that ssh does not have."""

        def value(match: re.Match[str]) -> str:
            if match[1] not in self.values:
                raise UsageError(f"ssh_config: {text!r}: ssh has no token %{match[1]}")
            return self.values[match[1]]

        return re.sub(r"%(.|$)", value, text)

    def hop(self, text: str) -> str:
        """Return a jump host with the tokens expanded that it may have; another ``%`` is the zone of an address."""
        return re.sub(r"%([%hnpr])", lambda match: self.values[match[1]], text)

    def path(self, text: str) -> Path:
        """Return the file that ``text`` names, with ``${VARIABLE}``, tokens and ``~`` expanded."""

        def variable(match: re.Match[str]) -> str:
            if match[1] not in os.environ:
                raise UsageError(f"ssh_config: {text!r}: the variable {match[1]} is not set")
            return os.environ[match[1]].replace("%", "%%")

        return at_home(self.expand(re.sub(r"\$\{(\w+)\}", variable, text)))


def _port(text: str | None) -> int:
    if text is None:
        return 22
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= 65535:
        raise UsageError(f"ssh_config: Port {text!r} is not a number from 1 to 65535")
    return int(text)


def _seconds(text: str) -> float | None:
    """Return the seconds of ``ConnectTimeout``: a number, or ``1m30s``."""
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    if not re.fullmatch(r"\d{1,9}([smhdw]\d{1,9})*[smhdw]?", text.lower()):
        raise UsageError(f"ssh_config: ConnectTimeout {text[:40]!r} is not a time such as 10 or 1m30s")
    parts = re.findall(r"(\d+)([smhdw]?)", text.lower())
    return float(sum(int(number) * units[unit] for number, unit in parts)) or None


def _agent(text: str, tokens: _Tokens) -> Path | None:
    if text.lower() == "none":
        return None
    variable = "SSH_AUTH_SOCK" if text == "SSH_AUTH_SOCK" else text[1:] if re.fullmatch(r"\$\w+", text) else None
    if variable is not None:
        return Path(os.environ[variable]) if os.environ.get(variable) else None
    return tokens.path(text)


def _command(text: str | None, passes_socket: str | None, tokens: _Tokens) -> tuple[str, ...]:
    """Return the words of a ``ProxyCommand``; a shell is never started, so one that needs it is refused."""
    if text is None:
        return ()
    if (passes_socket or "no").lower() in ("yes", "true"):
        raise UsageError("ssh_config sets ProxyUseFdpass, which farm does not support")
    plain = re.sub(r"\s+2>\s*/dev/null\s*$", "", text)  # what it says there is kept for our message
    try:
        words = shlex.split(plain)
        bare = shlex.split(re.sub(r"'[^']*'", "''", plain))
    except ValueError as reason:
        raise UsageError(f"ssh_config: ProxyCommand: {str(reason).lower()}: {text}") from reason
    if words[:1] == ["exec"]:
        words = words[1:]
    if not words or any(_SHELL.search(word) for word in bare):
        raise UsageError(
            f"ssh_config: this ProxyCommand needs a shell, and farm starts none: {text}",
            hint="put it into a script and name that, or use ProxyJump",
        )
    return tuple(tokens.expand(str(at_home(word)) if word[:1] == "~" else word) for word in words)
