"""Work out what ssh_config(5) files say of one host, as OpenSSH's readconf.c does."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.config.ssh_config import COMMANDS
from orchestrator.errors import InventoryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.config.ssh_config import Condition, Criterion, Line

#: What decides to which server a connection goes, or what the criteria of ``Match`` are about.
DECISIVE = frozenset(
    [
        "hostname",
        "port",
        "user",
        "proxyjump",
        "proxycommand",
        "hostkeyalias",
        "addressfamily",
        "bindaddress",
        "bindinterface",
        "canonicalizehostname",
        "canonicaldomains",
        "canonicalizepermittedcnames",
        "tag",
        "refuseconnection",
    ]
)
#: Every line of these counts; of all others the first one does.
_LISTS = ("identityfile", "certificatefile")
_YES = ("yes", "true", "always")
#: All keywords of ssh_config(5) up to OpenSSH 10, those of macOS, those that only old versions have.
KEYWORDS = DECISIVE | frozenset(
    [
        "addkeystoagent",
        "batchmode",
        "canonicalizefallbacklocal",
        "canonicalizemaxdots",
        "casignaturealgorithms",
        "certificatefile",
        "challengeresponseauthentication",
        "channeltimeout",
        "checkhostip",
        "cipher",
        "ciphers",
        "clearallforwardings",
        "compression",
        "compressionlevel",
        "connectionattempts",
        "connecttimeout",
        "controlmaster",
        "controlpath",
        "controlpersist",
        "dsaauthentication",
        "dynamicforward",
        "enableescapecommandline",
        "enablesshkeysign",
        "escapechar",
        "exitonforwardfailure",
        "fingerprinthash",
        "forkafterauthentication",
        "forwardagent",
        "forwardx11",
        "forwardx11timeout",
        "forwardx11trusted",
        "gatewayports",
        "globalknownhostsfile",
        "gssapiauthentication",
        "gssapiclientidentity",
        "gssapidelegatecredentials",
        "gssapikexalgorithms",
        "gssapikeyexchange",
        "gssapirenewalforcesrekey",
        "gssapiserveridentity",
        "gssapitrustdns",
        "hashknownhosts",
        "hostbasedacceptedalgorithms",
        "hostbasedauthentication",
        "hostbasedkeytypes",
        "hostkeyalgorithms",
        "identitiesonly",
        "identityagent",
        "identityfile",
        "ignoreunknown",
        "ipqos",
        "kbdinteractiveauthentication",
        "kbdinteractivedevices",
        "kexalgorithms",
        "knownhostscommand",
        "localcommand",
        "localforward",
        "loglevel",
        "logverbose",
        "macs",
        "nohostauthenticationforlocalhost",
        "numberofpasswordprompts",
        "obscurekeystroketiming",
        "passwordauthentication",
        "permitlocalcommand",
        "permitremoteopen",
        "pkcs11provider",
        "preferredauthentications",
        "protocol",
        "proxyusefdpass",
        "pubkeyacceptedalgorithms",
        "pubkeyacceptedkeytypes",
        "pubkeyauthentication",
        "rekeylimit",
        "remotecommand",
        "remoteforward",
        "requesttty",
        "requiredrsasize",
        "revokedhostkeys",
        "rhostsrsaauthentication",
        "rsaauthentication",
        "securitykeyprovider",
        "sendenv",
        "serveralivecountmax",
        "serveraliveinterval",
        "sessiontype",
        "setenv",
        "smartcarddevice",
        "stdinnull",
        "streamlocalbindmask",
        "streamlocalbindunlink",
        "stricthostkeychecking",
        "syslogfacility",
        "tcpkeepalive",
        "tunnel",
        "tunneldevice",
        "updatehostkeys",
        "usekeychain",
        "useprivilegedport",
        "userknownhostsfile",
        "verifyhostkeydns",
        "versionaddendum",
        "visualhostkey",
        "warnweakcrypto",
        "xauthlocation",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What the files say: ``options`` as ``ssh -G`` prints them, but only what is written, values not expanded."""

    #: Keyword in lower case -> its values; ``hostname`` is always there, ``%h`` expanded.
    options: Mapping[str, Sequence[str]]
    #: Keyword -> the line that set it.
    lines: Mapping[str, Line]
    #: Lines of `DECISIVE` keywords of which only ssh itself can tell whether they count.
    undecided: tuple[Line, ...]
    #: Lines that are skipped because their keyword is unknown.
    unknown: tuple[Line, ...]


def resolve(
    lines: Sequence[Line], host: str, *, local_user: str, user: str | None = None, port: int | None = None
) -> Resolved:
    """Return what ``lines`` say of ``host``; ``user`` and ``port`` win over them, as on ssh's command line.

    ``Match exec`` is never executed, the network is not asked. Raises `InventoryError` with file and line.
    """
    state = _State(host=host, local_user=local_user)
    state.options |= {key: [str(value)] for key, value in (("user", user), ("port", port)) if value is not None}
    state.read(lines)
    if state.want_final or state.first("canonicalizehostname").lower() in _YES:
        state.check_canonical()
        state.begin_final()
        state.read(lines)
    options = state.options | {"hostname": [state.host_name()]}
    unknown = {line.where: line for line in state.unknown}
    undecided = {line.where: line for line in state.undecided}
    return Resolved(
        options=options, lines=state.lines, undecided=tuple(undecided.values()), unknown=tuple(unknown.values())
    )


def matches(text: str, patterns: Iterable[str]) -> bool:
    """Check ``text`` against patterns of ``*`` and ``?``; one that begins with ``!`` and matches excludes it."""
    found = False
    for pattern in patterns:
        met = _matches_one(text, pattern.removeprefix("!"))
        if met and pattern.startswith("!"):
            return False
        found = found or met
    return found


def _matches_one(text: str, pattern: str) -> bool:
    """Check a pattern in time that grows with text times pattern: only the last ``*`` is ever tried anew."""
    at, place, star, after = 0, 0, -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, after = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            after += 1
            at, place = after, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


@dataclass(slots=True, kw_only=True)
class _State:
    host: str
    local_user: str
    options: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    undecided: list[Line] = field(default_factory=list)
    unknown: list[Line] = field(default_factory=list)
    #: The host's name in the final pass, ``None`` in the first one.
    final: str | None = None
    want_final: bool = False

    def first(self, keyword: str, default: str = "") -> str:
        return self.options.get(keyword, [default])[0]

    def host_name(self) -> str:
        """Return ``HostName`` with its tokens expanded, by default the host."""
        if "hostname" not in self.options:
            return self.host

        def token(match: re.Match[str]) -> str:
            if match[1] not in ("h", "%"):
                raise InventoryError(f"{self.lines['hostname'].where}: HostName: ssh has no %{match[1]} here")
            return self.host if match[1] == "h" else "%"

        return re.sub(r"%(.|$)", token, self.first("hostname"))

    def check_canonical(self) -> None:
        """Note ``CanonicalizeHostname`` where the name of the host would have to be looked up in other domains."""
        if self.first("canonicalizehostname").lower() not in _YES or _is_address(self.host_name()):
            return
        for keyword in ("canonicaldomains", "canonicalizepermittedcnames"):
            if self.first(keyword, "none").lower() != "none":
                self.undecided.append(self.lines[keyword])

    def begin_final(self) -> None:
        name = self.host_name()
        self.final = name if _is_address(name) else name.lower()
        self.options["hostname"] = [self.final.replace("%", "%%")]

    def read(self, lines: Sequence[Line]) -> None:
        """Take over what counts and is not set yet."""
        conditions: tuple[Condition, ...] | None = None
        holds: bool | None = True
        for line in lines:
            if line.conditions is not conditions:
                conditions = line.conditions
                holds = self._all_hold(conditions, line.where)
            if line.keyword in ("host", "match"):
                continue
            if line.keyword not in KEYWORDS and not matches(line.keyword, split_list(self.first("ignoreunknown"))):
                self.unknown.append(line)
            if holds:
                self._set(line)
            elif holds is None and line.keyword in DECISIVE and not self._is_set(line.keyword):
                self.undecided.append(line)

    def _is_set(self, keyword: str) -> bool:
        if keyword == "proxyjump" and "proxycommand" in self.options:
            return True
        if keyword == "proxycommand" and self.first("proxyjump", "none").lower() != "none":
            return True
        return keyword in self.options

    def _set(self, line: Line) -> None:
        if line.keyword in COMMANDS:
            value = line.value
        else:
            words = line.words
            if not words:
                raise InventoryError(f"{line.where}: {line.keyword}: expected a value")
            if len(words) > 1 and line.keyword in DECISIVE - {"canonicaldomains", "canonicalizepermittedcnames"}:
                raise InventoryError(f"{line.where}: {line.keyword}: expected one word")
            value = " ".join(words)
        if line.keyword in _LISTS:
            values = self.options.setdefault(line.keyword, [])
            if value not in values:
                values.append(value)
        elif not self._is_set(line.keyword):
            self.options[line.keyword] = [value]
        else:
            return
        self.lines.setdefault(line.keyword, line)

    def _all_hold(self, conditions: tuple[Condition, ...], where: str) -> bool | None:
        held: bool | None = True
        for condition in conditions:
            one = self._holds(condition, where)
            if one is False:
                return False
            held = None if one is None else held
        return held

    def _holds(self, condition: Condition, where: str) -> bool | None:
        """Return whether a condition holds; ``None`` where only ssh itself can tell."""
        if condition.keyword == "host":
            return matches(self.final or self.host, condition.words)
        held = [self._meets(criterion, where) for criterion in condition.criteria]
        return False if False in held else None if None in held else True

    def _meets(self, criterion: Criterion, where: str) -> bool | None:
        name, argument = criterion.name, criterion.argument
        if name == "final":
            self.want_final = True
        if name not in ("all", "canonical", "final") and not argument:
            raise InventoryError(f"{where}: Match {name}: expected a pattern")
        subject = {
            "host": self.host_name().lower(),
            "originalhost": self.host.lower(),
            "user": self.first("user", self.local_user),
            "localuser": self.local_user,
            "tagged": self.first("tag"),
        }
        if name == "all":
            met = True
        elif name in ("canonical", "final"):
            met = self.final is not None
        elif name in subject:
            met = matches(subject[name], split_list(argument.lower() if name.endswith("host") else argument))
        else:
            return None
        return met != criterion.negated


def split_list(text: str) -> list[str]:
    """Return the patterns of a list that is separated by commas."""
    return [pattern for pattern in text.split(",") if pattern]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
