"""What a database holds reaches the screen without steering it."""

from __future__ import annotations

import errno
import signal
from io import StringIO

import pytest
from rich.table import Table
from rich.text import Text

from orchestrator.cli.screen.safe_console import SafeConsole

ORDERS_TO_A_TERMINAL = "a\x1b[2J\x9b31m\u202e\u2066\x07\x00\rb"


def in_a_table(text):
    table = Table(title=text)
    table.add_column(text)
    table.add_row(Text(text))
    return table


@pytest.mark.parametrize("wrap", [str, Text, in_a_table])
def test_no_text_steers_the_terminal(wrap):
    out = StringIO()

    SafeConsole(file=out, width=200).print(wrap(ORDERS_TO_A_TERMINAL))

    assert all(line.isprintable() for line in out.getvalue().split("\n"))
    assert "a\ufffd" in out.getvalue()


def test_colours_of_ours_stay():
    out = StringIO()

    SafeConsole(file=out, force_terminal=True, color_system="standard").print("[red]x[/red]")

    assert out.getvalue() == "\x1b[31mx\x1b[0m\n"


class GoneTerminal(StringIO):
    def flush(self):
        raise OSError(errno.EIO, "Input/output error")


def test_a_terminal_that_is_gone_is_the_signal_that_says_so():
    came = []
    before = signal.signal(signal.SIGHUP, lambda number, _: came.append(number))
    try:
        console = SafeConsole(file=GoneTerminal())
        console.print("one")
        console.print("two")
    finally:
        signal.signal(signal.SIGHUP, before)

    assert came == [signal.SIGHUP]
