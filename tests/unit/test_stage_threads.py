"""Threads of stages to which others are added while they run, and how long answers wait for each other."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from orchestrator.domain.device import Device
from orchestrator.runs.executors.threads import StageThreads
from orchestrator.runs.measure import FIRST_PLAN_S, LATER_PLAN_S, Answers
from orchestrator.runs.probe import Probed


def taken(threads):
    items = []
    while threads.is_running:
        items += threads.take()
    return items


def first(threads):
    while not (items := threads.take()):
        pass
    return items


def answer(name, error=None):
    return Probed(device=Device(name=name), facts=None if error else {}, error=error)


def test_a_stage_that_is_added_while_others_run_ends_before_them():
    released = threading.Event()

    def slow():
        released.wait()
        yield "slow"

    threads = StageThreads()
    threads.add([slow])
    threads.add([lambda: iter(("quick",))])

    assert first(threads) == ("quick",)
    assert threads.take(timeout_s=0.0) == ()
    released.set()
    assert taken(threads) == ["slow"]


def test_what_came_before_an_error_is_taken_before_it_is_raised():
    def fails():
        yield 1
        raise OSError("gone")

    threads = StageThreads()
    threads.add([fails])

    assert first(threads) == (1,)
    with pytest.raises(OSError, match="gone"):
        taken(threads)


ANOTHER_THREAD_TAKES_CTRL_C = """
import os, signal, threading, time
from orchestrator.devices.fleet import as_answered, for_each
from orchestrator.runs.executors.threads import run_parallel

def stage():
    time.sleep(0.2)  # until the main thread waits
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # as the kernel chooses for a process that was stopped
    time.sleep(60)
    yield

signal.signal(signal.SIGINT, lambda *_: os._exit(7))
{wait}
"""


@pytest.mark.parametrize(
    "wait",
    [
        "list(run_parallel([stage]))",
        "list(for_each([None], lambda _: next(stage())))",
        "list(as_answered([None], lambda _: next(stage())))",
    ],
)
def test_ctrl_c_is_heard_though_another_thread_takes_the_signal(wait):
    program = ANOTHER_THREAD_TAKES_CTRL_C.format(wait=wait)

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 7, done.stderr


def test_answers_wait_a_moment_for_others_and_not_at_all_for_the_last():
    now = [0.0]
    answers = Answers(3, clock=lambda: now[0])
    assert answers.wait_s is None

    answers.note([answer("dead", error="no route")])
    assert (answers.are_due, answers.wait_s) == (False, None), "nothing to begin with"
    answers.note([answer("pi")])
    assert (answers.are_due, answers.wait_s) == (False, FIRST_PLAN_S)
    now[0] = FIRST_PLAN_S
    assert answers.are_due
    assert [each.device.name for each in answers.take()] == ["dead", "pi"]

    answers.note([answer("late")])
    assert answers.are_due
    assert LATER_PLAN_S < FIRST_PLAN_S
