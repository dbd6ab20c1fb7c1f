"""Operators of one scheme, or of two side by side: what ran where, in which type, what share it took."""

from __future__ import annotations

import json
from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.analysis import profile as reading
from orchestrator.domain.units import format_ns
from orchestrator.reports.whole_table import print_whole
from orchestrator.runtimes.catalogue import DELEGATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.analysis.profile import Pair, SideBySide
    from orchestrator.domain.profile import Operator, Profile

#: Of an invocation: what takes less in each profile is one row together, unless all are asked for.
LEAST_SHARE = 0.01
#: Of a line below the table.
WIDTH = 78
#: What LiteRT's clock loses of an operator at most: it counts whole microseconds.
RESOLUTION_NS = 1000
_SHORT = {"float": "f", "int": "i", "uint": "u"}
_OUTSIDE = "*"


def show(profile: Profile, console: Console, *, every: bool = False) -> None:
    """Print the operators of one profile."""
    pairs = [reading.Pair(a=operator, b=None) for operator in profile.operators]
    _print([profile], pairs, console, every=every)


def show_two(both: SideBySide, console: Console, *, every: bool = False) -> None:
    """Print the operators of two profiles side by side."""
    _print([both.a, both.b], both.pairs, console, every=every)


def as_json(profile: Profile, both: SideBySide | None) -> str:
    """Return the profile, the one beside it, and their operators in pairs; docs/profile.md explains the keys."""
    fields: dict[str, Any] = {"profile": _object(profile), "against": None, "pairs": None}
    if both is not None:
        fields["against"] = _object(both.a)
        fields["pairs"] = [
            {
                "family": pair.family,
                "against": _place(both.a, pair.a),
                "profile": _place(both.b, pair.b),
                "slower_ns": both.slower_ns(pair),
            }
            for pair in both.pairs
        ]
    return json.dumps(fields, indent=2)


def _object(profile: Profile) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(profile).items() if name not in ("case", "operators")}
    return plain | {
        "case": str(profile.case),
        "started_at": profile.started_at.isoformat(),
        "ended_at": profile.ended_at.isoformat(),
        "versions": dict(profile.versions),
        "invocation_ns": profile.invocation_ns,
        "remainder_ns": profile.remainder_ns,
        "outside_share": reading.share(profile, reading.outside(profile)),
        "operators": [
            asdict(operator)
            | {
                "place": place,
                "family": reading.family(operator),
                "mean_ns": reading.mean_ns(profile, operator),
                "share": profile.share(operator),
            }
            for place, operator in enumerate(profile.operators)
        ],
    }


def _place(profile: Profile, operator: Operator | None) -> int | None:
    return next((place for place, each in enumerate(profile.operators) if each is operator), None)


def _print(profiles: Sequence[Profile], pairs: Sequence[Pair], console: Console, *, every: bool) -> None:
    for profile in profiles:
        console.print(f"[bold]{escape(str(profile.case))}[/]  {profile.ended_at:%Y-%m-%d %H:%M} UTC", soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("", justify="right", no_wrap=True, style="dim")
    table.add_column("operator", no_wrap=True)
    for profile in profiles:
        table.add_column(profile.case.scheme, justify="right", no_wrap=True)
        table.add_column("share", justify="right", no_wrap=True)
        table.add_column("types", no_wrap=True)
    few: list[Pair] = []
    for place, pair in enumerate(pairs):
        sides = list(zip(profiles, (pair.a, pair.b), strict=False))
        if not every and all(side is None or profile.share(side) < LEAST_SHARE for profile, side in sides):
            few.append(pair)
            continue
        table.add_row(str(place), pair.family, *(cell for profile, side in sides for cell in _cells(profile, side)))
    if few:
        table.add_row("", "others" if len(few) > 1 else few[0].family, *_together(profiles, few))
    rest = [(profile.remainder_ns, profile.remainder_ns / profile.invocation_ns) for profile in profiles]
    table.add_row("", "no operator", *(cell for ns, share in rest for cell in (format_ns(ns), _percent(share), "")))
    whole = [profile.invocation_ns for profile in profiles]
    table.add_row("", "invocation", *(cell for ns in whole for cell in (format_ns(ns), _percent(1), "")))
    print_whole(table, console)
    console.print()
    for profile in profiles:
        for sentence in sentences(profile):
            for line in wrap(sentence, WIDTH, subsequent_indent="  "):
                console.print(escape(line), soft_wrap=True)


def _cells(profile: Profile, operator: Operator | None) -> tuple[str, str, str]:
    if operator is None:
        return "-", "", ""
    mark = "" if operator.delegate else _OUTSIDE
    time = format_ns(reading.mean_ns(profile, operator))
    return time, _percent(profile.share(operator)), mark + short_types(operator.types)


def _together(profiles: Sequence[Profile], few: Sequence[Pair]) -> list[str]:
    cells = []
    for number, profile in enumerate(profiles):
        operators = [side for pair in few if (side := (pair.a, pair.b)[number]) is not None]
        cells += [
            format_ns(sum(reading.mean_ns(profile, each) for each in operators)),
            _percent(reading.share(profile, operators)),
            _OUTSIDE if any(each.delegate is None for each in operators) else "",
        ]
    return cells


def short_types(types: str) -> str:
    """Return types in a few letters: ``f32,i8`` of ``float32, int8 -> float32``."""
    words = types.partition("->")[0].replace(" ", "").split(",")
    return ",".join(_shorter(word) for word in words if word)


def _shorter(word: str) -> str:
    kind = word.rstrip("0123456789")
    return _SHORT.get(kind, kind) + word[len(kind) :]


def sentences(profile: Profile) -> tuple[str, ...]:
    """Return what the rows of a profile add up to, with what they leave out."""
    scheme, operators = profile.case.scheme, profile.operators
    outside = reading.outside(profile)
    names = sorted({DELEGATES.get(each.delegate, each.delegate) for each in operators if each.delegate})
    where = (
        f"{len(outside)} of {len(operators)} operators ran outside {' and '.join(names) or 'any delegate'}"
        f"{f' ({_OUTSIDE})' if outside else ''}, {_percent(reading.share(profile, outside))} of an invocation"
        if outside
        else f"all {len(operators)} operators ran inside {' and '.join(names)}"
    )
    lost = format_ns(RESOLUTION_NS * len(operators))
    left_out = f" (interrupted ones left out: {profile.interrupted})" if profile.interrupted else ""
    return (
        f"{scheme}: {where}.",
        (
            f"{scheme}: operators account for {_percent(1 - profile.remainder_ns / profile.invocation_ns)} of an invocation; "
            f"the rest is the runtime, the profiler, and up to {lost} of fractions of a microsecond that it drops."
        ),
        (
            f"{scheme}: {profile.invocations} invocations of {format_ns(profile.invocation_ns)} with the profiler on, "
            f"{format_ns(profile.quiet_ns)} with it off{left_out}: read shares, not latencies."
        ),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.{0 if share >= 0.0995 or not share else 1}f} %"
