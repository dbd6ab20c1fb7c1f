"""What a lane survives of its device: power cuts, deleted files, damaged journals, processes that stop."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace

import pytest

from agent.lock import is_held
from orchestrator.domain.event import AttemptEnded, AttemptStarted, LaneEnded
from orchestrator.transports.connector import Connector
from orchestrator.transports.ssh import SshTransport
from tests.faults.measured import ATTEMPTS, RUN, Measured
from tests.lab.deleted import delete_in_use


def after(measured, kind, act):
    """Run the lane to its end; once the first event of ``kind`` has come, do ``act``."""
    is_over = False
    for event in measured.events():
        if isinstance(event, kind) and not is_over:
            is_over = True
            act()
    return measured


def expect_each_attempt_once(measured):
    assert measured.reason == ""
    assert len(measured.done) == len(set(measured.done)) == ATTEMPTS


def over_ssh(server, folder, **changes):
    device = replace(server.device, python=sys.executable)
    transport = SshTransport(device, Connector(known_hosts=server.known_hosts))
    return Measured(folder=folder, device=device, transport=transport, **changes)


@pytest.mark.sshd
def test_a_device_that_loses_its_power_in_an_attempt_makes_that_attempt_again_and_keeps_the_finished_ones(
    tmp_path, sshd
):
    server = sshd("pi")
    pi = over_ssh(server, tmp_path, seconds=6.0)

    def lose_power():
        server.stop()
        pi.cut_power()
        server.start()

    for event in pi.events():
        if isinstance(event, AttemptStarted) and event.number == 2 and len(pi.lanes) == 1:
            lose_power()

    expect_each_attempt_once(pi)
    first, second, third = dict.fromkeys(pi.begun)
    assert pi.begun == [first, second, second, third]
    assert len(pi.lanes) == 2


@pytest.mark.sshd
def test_a_device_that_comes_back_with_another_host_key_is_given_up_with_the_command_to_trust_it(tmp_path, sshd):
    server = sshd("pi")
    pi = after(over_ssh(server, tmp_path, seconds=1.5), AttemptEnded, server.renew_host_key)

    assert len(pi.done) == 1
    assert "host key" in pi.reason
    assert "farm devices trust pi" in pi.reason


def test_an_agent_whose_directory_is_deleted_under_way_is_sent_again_and_does_the_rest(tmp_path):
    pi = Measured.here(tmp_path, seconds=1.5)
    after(pi, AttemptEnded, lambda: delete_in_use(pi.workdir))

    expect_each_attempt_once(pi)
    assert len(pi.lanes) == 2


def test_a_lane_process_that_is_stopped_is_given_up_in_its_time_with_the_next_command(tmp_path):
    pi = Measured.here(tmp_path, seconds=1.5)

    def stop_and_let_time_fly():
        os.kill(pi.holder["pid"], signal.SIGSTOP)
        pi.haste = 1000.0

    after(pi, AttemptEnded, stop_and_let_time_fly)

    assert len(pi.done) == 1
    assert "has had no record for" in pi.reason
    assert "it was stopped" in pi.reason
    assert f"farm run --resume {RUN}" in pi.reason
    assert not is_held(str(pi.workdir / "lanes" / pi.lanes[0] / "alive"))


def test_the_locks_of_a_lane_that_died_keep_no_lane_from_the_device(tmp_path):
    pi = Measured.here(tmp_path)
    pi.workdir.mkdir()
    for name in ("lane.lock", "start.lock"):
        (pi.workdir / name).write_text("")
    (pi.workdir / "lane.holder").write_text('{"holder": "ada@desk", "lane": "run-0-pi-1", "pid": 1, "group": 1}')

    pi.to_end()

    expect_each_attempt_once(pi)
    assert len(pi.lanes) == 1


def test_a_journal_that_a_power_cut_tore_keeps_what_was_read_of_it_and_the_rest_is_done_anew(tmp_path):
    pi = Measured.here(tmp_path, seconds=1.5)
    read = []

    def cut_power_and_damage():
        journal = pi.workdir / "lanes" / pi.lanes[0] / "journal"
        os.kill(pi.holder["pid"], signal.SIGSTOP)
        pi.cut_power()
        journal.write_bytes(journal.read_bytes()[:200])
        read.extend(pi.done)

    after(pi, AttemptEnded, cut_power_and_damage)

    expect_each_attempt_once(pi)
    assert pi.done[0] == read[0]
    assert len(pi.lanes) == 2


def test_a_python_that_is_gone_when_the_link_comes_back_is_a_reason_with_what_to_do(tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    pi = Measured.here(tmp_path, seconds=1.5, python=str(python))

    def uninstall_and_cut_the_link():
        python.unlink()
        pi.cut_power()

    after(pi, AttemptEnded, uninstall_and_cut_the_link)

    assert len(pi.done) == 1
    assert f"pi: {python} does not run there" in pi.reason
    assert "install Python 3.9 or later" in pi.reason


def test_a_lane_that_dies_again_and_again_is_given_up_with_why_and_the_next_command(tmp_path):
    pi = Measured.here(tmp_path, seconds=60.0)
    for event in pi.events():
        if isinstance(event, AttemptStarted):
            pi.cut_power()

    assert len(pi.lanes) <= 5
    assert "times in a row without finishing a step; the process of lane" in pi.reason
    assert f"farm devices check pi, and: farm run --resume {RUN}" in pi.reason
    ends = [event.error for event in pi.seen if isinstance(event, LaneEnded)]
    assert all(error is not None and error.endswith("doing the rest anew") for error in ends)
