"""Settings of a device that were changed for steady timings, or put back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A setting by its name ``what``, before and now; ``before`` is ``None`` where it was right already."""

    what: str
    now: str
    before: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A setting that could not be changed or put back, with the reason and the remedy."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveTuning:
    """Settings in force until they are restored."""

    holder: str
    #: The lane that puts them back at its end; ``None`` where a person holds them.
    lane: str | None
    #: By the device's clock.
    since: datetime
    until: datetime
    settings: tuple[Change, ...]

    @classmethod
    def from_json(cls, payload: Any) -> Self | None:
        """Read the agent's answer; ``None`` without one, or for one that makes no sense."""
        try:
            return cls(
                holder=str(payload["holder"]),
                lane=None if payload.get("lane") is None else str(payload["lane"]),
                since=_utc(payload["since_ns"]),
                until=_utc(payload["until_ns"]),
                settings=_changes(payload["settings"]),
            )
        except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError):
            return None

    def __str__(self) -> str:
        """Return its times, its holder and its settings in one line."""
        until = f", at most until {self.until:%Y-%m-%d %H:%M}" if self.lane is None else ""
        return f"tuned since {self.since:%Y-%m-%d %H:%M} UTC{until}, by {self.holder}: {in_words(self.settings)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """The outcome of tuning a device, or of restoring it."""

    set: tuple[Change, ...] = ()
    #: What was right already.
    kept: tuple[Change, ...] = ()
    restored: tuple[Change, ...] = ()
    failed: tuple[Failure, ...] = ()
    held: ActiveTuning | None = None
    #: Why settings were put back without a request; who had set them.
    why: str | None = None
    holder: str | None = None
    #: What was put back in this way before anything else was done.
    mended: Tuning | None = None

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> Self:
        """Read an answer of the agent; raises `ValueError` for what makes no sense."""
        try:
            return cls(
                set=_changes(payload.get("set", ())),
                kept=_changes(payload.get("kept", ())),
                restored=_changes(payload.get("restored", ())),
                failed=tuple(
                    Failure(what=str(each["what"]), why=str(each["why"])) for each in payload.get("failed", ())
                ),
                held=ActiveTuning.from_json(payload.get("tuned")),
                why=None if payload.get("why") is None else str(payload["why"]),
                holder=None if payload.get("holder") is None else str(payload["holder"]),
                mended=None if payload.get("mended") is None else cls.from_json(payload["mended"]),
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


def _changes(payload: Iterable[Mapping[str, Any]]) -> tuple[Change, ...]:
    return tuple(
        Change(
            what=str(each["what"]),
            now=str(each["now"]),
            before=None if each.get("before") is None else str(each["before"]),
        )
        for each in payload
    )


def _plain(change: Change) -> dict[str, str]:
    fields = {"what": change.what, "now": change.now}
    return fields if change.before is None else fields | {"before": change.before}


def _utc(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns / 1e9, UTC)
