"""Select devices by name, tag, group, or the facts of their last probe."""

from __future__ import annotations

import fnmatch
import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.inventory_schema import ALL
from orchestrator.domain.units import parse_bytes
from orchestrator.errors import UnknownName, UsageError, no_such

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from orchestrator.domain.device import Device

    #: Facts of each device's last probe, by name.
    Known = Mapping[str, Mapping[str, Any]]

#: Name of a fact in selectors -> its key in the agent's probe.
FACTS = {
    "arch": "machine",
    "board": "board",
    "cores": "cores",
    "cpu": "cpu_model",
    "disk": "disk_free_bytes",
    "governor": "governor",
    "kernel": "kernel",
    "libc": "libc",
    "memory": "memory_bytes",
    "os": "os",
    "python": "python",
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_COMPARISON = re.compile(r"([a-z_]+)(<=|>=|!=|<|>|=)(.+)")
SYNTAX = (
    "NAME, pi5-*, all, tag:x, group:x, arch:x, has:x, memory<2GB, @FILE, terms joined by &, and any of them after !"
)


def needs_facts(words: Iterable[str]) -> bool:
    """Check whether a selector asks for facts of devices, which the inventory does not have."""
    terms = [term.lstrip("!") for word in _from_files(words) for term in word.split("&")]
    return any(term.startswith(("arch:", "has:")) or _COMPARISON.fullmatch(term) for term in terms)


def select(devices: Sequence[Device], words: str | Iterable[str], known: Known | None = None) -> tuple[Device, ...]:
    """Return the devices that match ``words`` (or one word), each once, in the order of ``devices``.

    A word is a name, ``all``, a glob such as ``pi5-*``, ``tag:NAME``, ``group:NAME``, ``arch:aarch64``, ``has:gpu``, a fact
    such as ``memory<2GB``, ``@FILE`` with one word a line, several of these joined by ``&`` where all must hold, or any of them
    after ``!``, which takes devices away. Only such ones: all but these. ``known`` are the facts when last seen.
    Raises `UnknownName` or `UsageError` for a word that matches no device.
    """
    words = _from_files([words] if isinstance(words, str) else words)
    wanted = {name for word in words if not word.startswith("!") for name in _matching(devices, word, known or {})}
    unwanted = {
        name for word in words if word.startswith("!") for name in _matching(devices, word[1:], known or {}, away=True)
    }
    if words and all(word.startswith("!") for word in words):
        wanted = {device.name for device in devices}
    return tuple(device for device in devices if device.name in wanted - unwanted)


def has(facts: Mapping[str, Any]) -> frozenset[str]:
    """Return what ``has:`` may ask of a device with these facts: CPU features, runtimes that work, gpu, nvidia, battery and the like."""
    features = facts.get("features") or ()
    matched = {str(word) for word in features} if isinstance(features, list | tuple) else set()
    runtimes = facts.get("runtimes")
    if isinstance(runtimes, dict):
        matched |= {str(name) for name, tried in runtimes.items() if isinstance(tried, dict) and tried.get("works")}
    for fact in ("gpus", "vulkan", "opencl", "battery", "container", "virtual", "emulated"):
        if facts.get(fact):
            matched.add("gpu" if fact == "gpus" else fact)
    gpus = facts.get("gpus")
    if isinstance(gpus, list):
        matched |= {str(gpu["kind"]) for gpu in gpus if isinstance(gpu, dict) and "kind" in gpu}
    return frozenset(matched)


def _from_files(words: Iterable[str]) -> list[str]:
    """Replace ``@FILE`` by the words in it, one a line, ``#`` for comments."""
    matched = []
    for word in words:
        if not word.startswith("@"):
            matched.append(word)
            continue
        try:
            lines = Path(word[1:]).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as reason:
            words_of = reason.strerror if isinstance(reason, OSError) else "not UTF-8"
            raise UsageError(f"{word}: {words_of}", hint="a file of selectors, one a line") from reason
        matched += [line for line in (line.partition("#")[0].strip() for line in lines) if line]
    return matched


def _matching(devices: Sequence[Device], word: str, known: Known, *, away: bool = False) -> set[str]:
    """Return the names that a word matches; raise `UsageError` for none, unless facts alone leave nothing to take away."""
    matched = {device.name for device in devices}
    for term in word.split("&"):
        negated = term.startswith("!")
        names = _term(devices, term[1:] if negated else term, known)
        matched = matched - names if negated else matched & names
    if not matched and not (away and needs_facts([word])):
        raise UsageError(f"selector {word!r} matches no device", hint="farm devices list")
    return matched


def _term(devices: Sequence[Device], term: str, known: Known) -> set[str]:
    every = [device.name for device in devices]
    kind, colon, value = term.partition(":")
    if term == ALL:
        return set(every)
    if colon and kind in ("tag", "group"):
        matched = {device.name for device in devices if value in getattr(device, f"{kind}s")}
        if not matched:
            raise UnknownName(kind, value, {word for device in devices for word in getattr(device, f"{kind}s")})
        return matched
    if colon and kind in ("arch", "has"):
        return _by_facts(every, term, known, lambda facts: _is(facts, kind, value))
    comparison = _COMPARISON.fullmatch(term)
    if comparison:
        return _by_facts(every, term, known, _comparing(comparison))
    if colon:
        raise UsageError(f"{term!r}: {no_such('kind of selector', kind, ('tag', 'group', 'arch', 'has'))}", hint=SYNTAX)
    matching = set(fnmatch.filter(every, term)) if re.search(r"[*?\[]", term) else {term} & set(every)
    if not matching:
        raise UnknownName("device", term, every, hint="farm devices list")
    return matching


def _is(facts: Mapping[str, Any], kind: str, value: str) -> bool:
    if kind == "has":
        return value.lower() in {word.lower() for word in has(facts)}
    return str(facts.get("machine", "")).lower() == {"arm64": "aarch64", "amd64": "x86_64"}.get(value, value).lower()


def _by_facts(every: Sequence[str], term: str, known: Known, holds: Callable[[Mapping[str, Any]], bool]) -> set[str]:
    matched = {name for name in every if name in known and holds(known[name])}
    unseen = [name for name in every if name not in known]
    if not matched and unseen:
        some = ", ".join(unseen[:3]) + (", …" if len(unseen) > 3 else "")
        raise UsageError(f"selector {term!r} matches no device; without facts yet: {some}", hint="farm devices check")
    return matched


def _comparing(comparison: re.Match[str]) -> Callable[[Mapping[str, Any]], bool]:
    name, sign, text = comparison.groups()
    if name not in FACTS:
        raise UsageError(f"{comparison[0]!r}: {no_such('fact', name, FACTS)}", hint=SYNTAX)
    key, compare = FACTS[name], _COMPARISONS[sign]
    read: Callable[[Any], Any]
    if key.endswith("_bytes"):
        read = int
        try:
            limit: Any = parse_bytes(text)
        except ValueError as wrong:
            raise UsageError(f"{comparison[0]!r}: {wrong}") from None
    elif name in ("cores", "python", "kernel"):
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})*", text):
            raise UsageError(f"{comparison[0][:60]!r}: {text[:40]!r} is not a number")
        read, limit = _version, _version(text)
    elif sign not in ("=", "!="):
        raise UsageError(f"{comparison[0]!r}: {name} is text; compare it by = or !=, and * stands for anything")
    else:
        return lambda facts: key in facts and fnmatch.fnmatch(str(facts[key]), text) == (sign == "=")

    def holds(facts: Mapping[str, Any]) -> bool:
        try:
            return key in facts and bool(compare(_cut(read(facts[key]), limit), limit))
        except (TypeError, ValueError, OverflowError):  # an older farm stored whatever a device sent
            return False

    return holds


def _version(value: Any) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d{1,18}", str(value))[:3])


def _cut(value: Any, limit: Any) -> Any:
    """Compare 3.11.2 with 3.11 as 3.11."""
    return value[: len(limit)] if isinstance(value, tuple) else value
