"""What one device costs the controller, which bounds what two hundred cost."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from benchmarks.scale_lab import FARM, Watched
from orchestrator.transports.connector import Connector
from orchestrator.transports.ssh import SshTransport
from tests.lab import quick_hosts

pytestmark = pytest.mark.sshd

#: The main one, one that draws, those that decode images.
SHARED_THREADS = 8
#: Answers each line that it reads, until standard input ends.
ECHO = "import sys\nprint(flush=True)\nfor line in sys.stdin: print(line, flush=True)"


@pytest.fixture
def transport(sshd):
    server = sshd()
    made = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    yield made
    made.close()


def threads():
    """Those of this process; readers of connections that another test closed may end at any moment."""
    return set(threading.enumerate())


def test_a_program_that_runs_takes_no_thread_beside_the_connection_s_reader(transport):
    transport.run(["true"])
    before = threads()
    at_work = []

    done = transport.run(
        [sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read())"],
        stdin=b"x" * (3 << 20),
        progress=lambda _: at_work.append(threads()),
    )

    assert len(done.out) == 2 << 20, "the end of what it printed is kept"
    assert at_work
    assert all(each <= before for each in at_work)


def test_a_journal_that_is_followed_takes_no_thread_beside_the_connection_s_reader(transport):
    transport.run(["true"])
    before = threads()
    stream = transport.stream([sys.executable, "-c", ECHO])

    assert next(stream) == b"\n"
    assert threads() <= before
    stream.close()


def test_a_process_with_a_low_limit_of_open_files_follows_more_devices_than_that():
    program = (
        "import os, resource\n"
        "from orchestrator.runs.executors.threads import run_parallel\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))\n"
        "def stage():\n"
        "    yield os.open('/dev/null', os.O_RDONLY)\n"
        "print(len([each for some in run_parallel([stage] * 100) for each in some]))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=300)

    assert done.stdout == "100\n", done.stderr


@pytest.mark.tensorflow
def test_a_run_costs_a_device_one_thread_of_ours_one_login_and_three_channels(lab, tmp_path):
    hosts = lab(*quick_hosts.specs(tmp_path / "share", 6))
    quick_hosts.schedule(hosts, [0.3] * 6)
    folder = quick_hosts.project(hosts, tmp_path / "project", attempts=2, model_bytes=10_000)
    run = (*FARM, "run", "suite.yaml", "--devices", "pc-*")

    first = Watched(hosts, run, folder).end()
    before = quick_hosts.counted(hosts).values()
    second = Watched(hosts, run, folder).end()
    after = quick_hosts.counted(hosts).values()

    assert first.status == second.status == 0, second.shown.decode()
    assert {each.logins for each in before} == {1}
    assert {each.channels for each in before} == {3}, "all questions, the journal, that it is stored"
    assert {after.channels - before.channels for before, after in zip(before, after, strict=True)} == {3}
    assert second.own_threads <= 6 + SHARED_THREADS
    assert second.files <= 64
