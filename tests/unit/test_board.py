"""The live block of a run: what a person sees of it on a terminal of any width."""

from __future__ import annotations

import math
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from orchestrator.cli.screen.board import Board
from orchestrator.cli.screen.output import Loudness, Output
from orchestrator.cli.screen.progress import Screen
from orchestrator.cli.screen.safe_console import SafeConsole
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.runs import planner
from orchestrator.testing import make_case, make_measurement, make_scores, make_suite
from tests.lab.terminals import Terminal

SCHEMES = ("float32", "int8")
HOSTILE = "\x1b[2J\x1b]0;owned\x07x"


def at(seconds):
    return datetime(2026, 11, 27, 12, tzinfo=UTC) + timedelta(seconds=seconds)


def planned(*devices):
    plan = planner.plan("r", make_suite(schemes=SCHEMES, effort="standard"), devices)
    return run_event.Planned(run="r", plan=plan)


def ended(device, scheme, number, *, seconds=10, temperature_c=54.0, **fields):
    case = make_case(device=device, scheme=scheme)
    readings = ({"temperature_c": temperature_c},)
    measurement = make_measurement(case=case, number=number, readings=readings, **fields)
    return happened.AttemptEnded(run="r", device=device, at=at(seconds), measurement=measurement)


def working(device="pi"):
    """Yield what happens on a device up to its first attempt."""
    case = make_case(device=device, scheme="int8")
    yield planned(device)
    yield happened.LaneStarted(run="r", device=device, lane="l", at=at(0))
    for scheme in SCHEMES:
        yield happened.Scored(run="r", device=device, scores=make_scores(device=device, scheme=scheme), at=at(2))
    yield ended(device, "float32", 1)
    yield happened.AttemptStarted(run="r", device=device, attempt="a", case=case, number=1)


class Live:
    """A live screen, and the terminal that shows it."""

    def __init__(self, columns, lines, **output):
        self._out = StringIO()
        console = SafeConsole(file=self._out, width=columns, height=lines, force_terminal=True, color_system="standard")
        self.console = console
        self.screen = Screen(Output(console=console, **output), is_live=True, drawing_share=math.inf)
        self.terminal = Terminal(columns, lines)

    def show(self, *events):
        for event in events:
            self.screen.show(event)
        return self.shown

    @property
    def shown(self):
        self.terminal.feed(self._out.getvalue())
        self._out.seek(0)
        self._out.truncate()
        return self.terminal.shown


@contextmanager
def live(columns=140, lines=24, **output):
    it = Live(columns, lines, **output)
    with it.screen:
        yield it


def test_a_device_is_a_row_with_phase_case_attempt_time_left_temperature_and_last_median():
    with live() as it:
        head, row = it.show(*working())[-2:]

    assert head.split() == ["device", "doing", "done", "case", "attempt", "temp", "last", "p50", "left", "so", "far"]
    assert row.startswith("pi      measures tiny-cxr int8")
    for words in ("25%", " of 2", "1 of 5", "54 °C", "about ", " left", "no warning so far"):
        assert words in row
    assert f"{it.screen.board.rows['pi'].last_p50_ns / 1e6:.2f} ms" in row


def test_a_row_changes_in_place_and_nothing_is_left_of_the_block_at_the_end():
    with live() as it:
        it.show(*working())
        first = it.shown
        again = it.show(ended("pi", "int8", 1, seconds=20, temperature_c=61.0))
    after = it.shown

    assert len(again) == len(first)
    assert "61 °C" in again[-1]
    assert not any("measures" in line or "doing" in line for line in after)


def test_lasting_lines_stand_above_the_block_and_attempts_get_none():
    case = make_case(device="pi", scheme="int8")

    with live() as it:
        shown = it.show(*working(), happened.LaneSkipped(run="r", device="pi", reason="pi: nothing answers"))
        text = it.terminal.text

    assert "pi  skipped: nothing answers" in shown[-3]
    assert "lost" in shown[-1]
    assert f"{case}  attempt" not in text
    assert "attempt 1:" not in text


def test_the_cursor_is_shown_while_the_block_is_since_a_killed_command_can_not_bring_it_back():
    with live() as it:
        it.show(*working())

        assert it.terminal.has_cursor


def test_more_devices_than_lines_are_counted():
    devices = [f"pi{number}" for number in range(40)]

    with live(140, 12) as it:
        shown = it.show(planned(*devices), happened.DeviceFinished(run="r", device="pi0"))

    assert shown[-1] == "… and 32 more devices, 1 of them finished"
    assert len(shown) <= 12


def test_what_speaks_against_valid_is_shown_while_it_runs():
    with live() as it:
        row = it.show(*working(), ended("pi", "int8", 1, seconds=20, effective={"warmed_up": False}))[-1]

    assert "WARN so far: not-warmed-up" in row


def test_nothing_that_a_device_sent_reaches_the_terminal_unescaped():
    with live() as it:
        it.show(
            planned(HOSTILE),
            happened.PreparationStarted(run="r", device=HOSTILE, what=HOSTILE),
            happened.BlobSent(run="r", device=HOSTILE, what=HOSTILE, sha256="", size_bytes=1, sent_bytes=1),
            happened.LinkLost(run="r", device=HOSTILE, reason=HOSTILE),
        )
        assert it.terminal.text

    assert "\x1b[2J" not in it.terminal.text
    assert "\x1b]0" not in it.terminal.text


@pytest.mark.parametrize(
    ("loudness", "shown", "hidden"),
    [
        (Loudness.QUIET, ["skipped: off"], ["run r", "steps done", "attempt 1:", "looking for the agent"]),
        (Loudness.NORMAL, ["skipped: off", "looking for the agent", "steps done, p50"], ["attempt 1:"]),
        (Loudness.VERBOSE, ["skipped: off", "looking for the agent", "steps done, p50", "attempt 1:"], []),
    ],
)
def test_without_a_terminal_lines_are_appended_as_many_as_the_person_wants(loudness, shown, hidden):
    out = StringIO()

    with Screen(Output(console=SafeConsole(file=out, width=200), loudness=loudness)) as screen:
        for event in (
            happened.PreparationStarted(run="r", device="pi", what="looking for the agent"),
            *working(),
            happened.LaneSkipped(run="r", device="pi", reason="pi: off"),
        ):
            screen.show(event)

    assert "\x1b" not in out.getvalue()
    assert all(words in out.getvalue() for words in shown)
    assert not any(words in out.getvalue() for words in hidden)


def test_a_device_that_has_not_answered_when_others_begin_is_still_asked():
    board = Board()
    for event in (
        happened.PreparationStarted(run="r", device="late", what="looking for the agent"),
        planned("pi"),
    ):
        board.follow(event)

    assert (board.rows["late"].phase, board.rows["late"].is_over) == ("looking for the agent", False)
