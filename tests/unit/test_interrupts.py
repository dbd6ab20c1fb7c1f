"""What signals do to a command."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from orchestrator.cli.screen.interrupts import Interrupted, Interrupts, status_of
from orchestrator.runs.measure import LanesLeft

PRESSED = """
import os, signal, sys, time
from orchestrator.cli.screen.interrupts import Interrupts
with Interrupts(lambda: "the lane on pi goes on\\n"):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    except KeyboardInterrupt:
        print("cleaning up", flush=True)
        for _ in range(11):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
"""


def program(text, *signals):
    """Run a program that gets signals, and return how it ended."""
    words = [sys.executable, "-c", text, *map(str, map(int, signals))]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


def test_the_second_ctrl_c_leaves_at_once_with_what_still_runs_and_the_twelfth_changes_nothing():
    done = program(PRESSED)

    assert done.returncode == 130
    assert done.stdout == "cleaning up\n"
    assert done.stderr == "\nthe lane on pi goes on\n"


def test_a_command_in_the_background_that_ignores_ctrl_c_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


SIGNALLED = """
import os, sys, time
from orchestrator.cli.screen.interrupts import Interrupts, status_of
try:
    with Interrupts(lambda: "the lane on pi goes on\\n"):
        try:
            os.kill(os.getpid(), int(sys.argv[1]))
            time.sleep(30)
        except KeyboardInterrupt:
            for number in sys.argv[2:]:
                os.kill(os.getpid(), int(number))
            raise
except KeyboardInterrupt as pressed:
    print("in order")
    sys.exit(status_of(pressed))
"""


@pytest.mark.parametrize(
    ("signals", "status", "printed"),
    [
        ((signal.SIGTERM,), 143, ("in order\n", "")),
        ((signal.SIGTERM, signal.SIGTERM), 143, ("", "\nthe lane on pi goes on\n")),
        ((signal.SIGINT, signal.SIGTERM), 143, ("", "\nthe lane on pi goes on\n")),
        ((signal.SIGHUP,), 129, ("", "\nthe lane on pi goes on\n")),
        ((signal.SIGINT, signal.SIGHUP), 129, ("", "\nthe lane on pi goes on\n")),
    ],
    ids=["SIGTERM", "SIGTERM twice", "Ctrl-C, then SIGTERM", "SIGHUP", "Ctrl-C, then SIGHUP"],
)
def test_sigterm_ends_in_order_as_ctrl_c_does_and_sighup_leaves_at_once(signals, status, printed):
    done = program(SIGNALLED, *signals)

    assert done.returncode == status
    assert (done.stdout, done.stderr) == printed


def test_the_exit_status_is_that_of_the_signal_whatever_was_raised_on_the_way_out():
    left = LanesLeft(("pi",))
    left.__cause__ = Interrupted(signal.SIGTERM)

    assert status_of(left) == 143
    assert status_of(KeyboardInterrupt()) == 130
