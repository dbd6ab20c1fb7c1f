"""Settings of a device that were changed for steady timings, or put back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting: ``what`` it is called, what it was and is now; ``before`` is ``None`` where it was right already."""

    what: str
    now: str
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A setting that could not be changed, or put back, and why, with what can be done."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveTuning:
    """Settings that are in force until somebody restores them."""

    holder: str
    #: The lane that puts them back at its end; ``None`` where a person holds them.
    lane: str | None
    #: By the device's clock.
    since: datetime
    until: datetime
    settings: tuple[Change, ...]

    @classmethod
    def from_json(cls, said: Any) -> Self | None:
        """Read what the agent tells; ``None`` for nothing, or what makes no sense."""
        try:
            return cls(
                holder=str(said["holder"]),
                lane=None if said.get("lane") is None else str(said["lane"]),
                since=_utc(said["since_ns"]),
                until=_utc(said["until_ns"]),
                settings=_changes(said["settings"]),
            )
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
            return None

    def __str__(self) -> str:
        """Say since when, until when, by whom, and what."""
        until = f", at most until {self.until:%Y-%m-%d %H:%M}" if self.lane is None else ""
        return f"tuned since {self.since:%Y-%m-%d %H:%M} UTC{until}, by {self.holder}: {in_words(self.settings)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What became of tuning, or restoring, a device."""

    set: tuple[Change, ...] = ()
    #: What was right already.
    kept: tuple[Change, ...] = ()
    restored: tuple[Change, ...] = ()
    failed: tuple[Failure, ...] = ()
    held: ActiveTuning | None = None
    #: Why something was put back that nobody had asked for, and who had set it.
    why: str | None = None
    holder: str | None = None
    #: What was put back in this way before anything else was done.
    mended: Tuning | None = None

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """Read an answer of the agent; raises `ValueError` for what makes no sense."""
        try:
            return cls(
                set=_changes(said.get("set", ())),
                kept=_changes(said.get("kept", ())),
                restored=_changes(said.get("restored", ())),
                failed=tuple(Failure(what=str(each["what"]), why=str(each["why"])) for each in said.get("failed", ())),
                held=ActiveTuning.from_json(said.get("tuned")),
                why=None if said.get("why") is None else str(said["why"]),
                holder=None if said.get("holder") is None else str(said["holder"]),
                mended=None if said.get("mended") is None else cls.from_json(said["mended"]),
            )
        except (AttributeError, LookupError, TypeError) as error:
            raise ValueError(f"no answer about tuning: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        changes = {name: [_plain(each) for each in getattr(self, name)] for name in ("set", "kept", "restored")}
        held = self.held
        return changes | {
            "mended": self.mended.to_json() | {"why": self.mended.why} if self.mended else None,
            "failed": [{"what": each.what, "why": each.why} for each in self.failed],
            "tuned": None
            if held is None
            else {
                "holder": held.holder,
                "lane": held.lane,
                "since": held.since.isoformat(),
                "until": held.until.isoformat(),
                "settings": [_plain(each) for each in held.settings],
            },
        }

    def sentences(self) -> tuple[str, ...]:
        """Say it to people, a line each; nothing where nothing was done."""
        said = list(self.mended.sentences()) if self.mended else []
        if self.why is not None:
            said.append(f"it was left tuned by {self.holder or 'somebody'}: {self.why}")
        if self.set:
            said.append(f"set {in_words(self.set)}")
        if self.kept:
            said.append(f"already {in_words(self.kept)}")
        if self.restored:
            said.append(f"put back {in_words(self.restored)}")
        said += [f"{each.what} is left as it is: {each.why}" for each in self.failed]
        return tuple(said)


def in_words(changes: Iterable[Change]) -> str:
    """Return ``governor powersave → performance (policy0, policy4)``, and so on."""
    grouped: dict[tuple[str, str | None, str], list[str]] = {}
    for change in changes:
        name, _, place = change.what.partition(" of ")
        grouped.setdefault((name, change.before, change.now), []).append(place)
    return "; ".join(
        f"{name} {f'{before} → {now}' if before is not None else now}"
        + (f" ({', '.join(places)})" if any(places) else "")
        for (name, before, now), places in grouped.items()
    )


def _changes(said: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    return tuple(
        Change(
            what=str(each["what"]),
            now=str(each["now"]),
            before=None if each.get("before") is None else str(each["before"]),
        )
        for each in said
    )


def _plain(change: Change) -> dict[str, str]:
    own = {"what": change.what, "now": change.now}
    return own if change.before is None else own | {"before": change.before}


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / 1e9, UTC)
