"""The screen of a run in a terminal of each kind, as a person sees it there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.screened import REASON
from tests.lab.terminals import opened

PROGRAM = (sys.executable, "-m", "tests.lab.screened")
#: Foreground or background in a colour; bold and dim are none.
COLOUR = re.compile(r"\x1b\[[\d;]*\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;[\d;]*)?m")
#: Moves the cursor up, or erases: what a screen reader reads again.
REDRAWN = re.compile(r"\x1b\[\d*[AFJK]")


@pytest.fixture
def terminal(tmp_path):
    def started(option="--normal", columns=100, term="xterm-256color", **environment):
        kept = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        return opened(
            (*PROGRAM, option),
            folder=Path.cwd(),
            environment={**kept, "HOME": str(tmp_path), **environment},
            columns=columns,
            lines=24,
            term=term,
        )

    return started


def measures(terminal):
    return any("measures tiny-cxr int8" in line or "lane started" in line for line in terminal.shown)


def to_its_end(program):
    """Press Enter until it ends; return all that it wrote."""
    program.read_until(measures)
    program.type("\n\n")
    assert program.read_to_end() == 0, program.terminal.text
    return program.terminal.text


def test_a_terminal_gets_colours_and_one_block_that_is_drawn_anew(terminal):
    with terminal() as program:
        text = to_its_end(program)

    assert COLOUR.search(text)
    assert REDRAWN.search(text)


def test_no_color_takes_colours_away_and_not_the_block(terminal):
    with terminal(NO_COLOR="1") as program:
        text = to_its_end(program)

    assert not COLOUR.search(text)
    assert REDRAWN.search(text)


def test_lines_of_a_narrow_terminal_break_between_words_and_a_device_takes_two_that_fit(terminal):
    with terminal(columns=60) as program:
        program.read_until(measures)
        shown = program.terminal.shown
        to_its_end(program)

    place = next(place for place, line in enumerate(shown) if line.startswith("ward  skipped"))
    assert " ".join(shown[place : place + 3]).startswith(f"ward  skipped: {REASON}")
    assert all(len(line) <= 60 for line in shown)
    assert sum("measures tiny-cxr" in line for line in shown) == 1
    assert "54 °C" in shown[shown.index(next(line for line in shown if "measures" in line)) + 1]


def test_a_terminal_that_becomes_narrower_shows_one_block_at_its_new_width(terminal):
    with terminal(columns=140) as program:
        program.read_until(measures)
        wide = program.terminal.shown
        program.resize(60, 24)
        program.read_until(lambda terminal: any(line.startswith("  ") and "54 °C" in line for line in terminal.shown))
        narrow = program.terminal.shown
        program.type("\n\n")
        status = program.read_to_end()

    assert any(line.split()[:2] == ["device", "doing"] for line in wide)
    assert not any("doing" in line for line in narrow)
    assert sum("measures tiny-cxr" in line for line in narrow) == 1
    assert any(line.startswith("ward  skipped") for line in narrow)
    assert status == 0


@pytest.mark.parametrize(("option", "term"), [("--plain", "xterm-256color"), ("--normal", "dumb")])
def test_a_screen_reader_and_a_dumb_terminal_get_each_line_once(terminal, option, term):
    with terminal(option, term=term) as program:
        text = to_its_end(program)

    assert not REDRAWN.search(text)
    assert ("\x1b" in text) is (term != "dumb")
    assert text.count("ward  skipped") == 1
    assert text.count("2 of 12 steps done") == 1


def test_a_pipe_gets_whole_lines_without_an_escape():
    done = subprocess.run(PROGRAM, input="\n\n", capture_output=True, text=True, check=True, timeout=300)

    assert f"ward  skipped: {REASON}" in done.stderr.splitlines()
    assert "\x1b" not in done.stderr
