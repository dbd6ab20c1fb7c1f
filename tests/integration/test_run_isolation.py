"""A run is as good as its good devices: what is odd about one device ends the work for that one alone."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import sys
import threading

import pytest

from orchestrator.cli import context
from orchestrator.cli import main as command
from orchestrator.devices.remote import client, silence
from orchestrator.transports import connector
from orchestrator.transports.connector import Connector
from orchestrator.transports.local import LocalTransport
from tests.lab.deleted import delete_in_use
from tests.lab.project import wait_for

pytestmark = pytest.mark.tensorflow

PASSWORD = "hunter2-and-more"  # noqa: S105  it must never be seen


class OddTransport:
    """The transport of this machine, until its ``when``-th call of ``method``, which raises."""

    def __init__(self, real, method, when, error):
        self._real, self._method, self._left, self._error = real, method, when, error

    def dialogue(self, argv):
        return OddDialogue(self._real.dialogue(argv), lambda: self._count("ask"))

    def stream(self, argv, **options):
        for chunk in self._real.stream(argv, **options):
            self._count("stream")
            yield chunk

    def close(self):
        self._real.close()

    def _count(self, method):
        self._left -= method == self._method
        if self._left < 0:
            raise self._error


class OddDialogue:
    """A dialogue whose questions are counted."""

    def __init__(self, real, count):
        self._real, self._count = real, count

    def ask(self, stdin, take, **options):
        self._count()
        return self._real.ask(stdin, take, **options)

    def close(self):
        self._real.close()


@pytest.fixture
def farm(project, monkeypatch, capfd):
    """Return a function that runs `farm` in this process, in the project, and returns its status and its two outputs."""
    for name in list(project.environment.keys() - {"PATH"}):
        monkeypatch.setenv(name, project.environment[name])
    monkeypatch.chdir(project.folder)

    def call(*argv):
        monkeypatch.setattr(sys, "argv", ["farm", *project.words(argv)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            command.main()
        return (ended.value.code, *capfd.readouterr())

    return call


@pytest.fixture
def odd(project, monkeypatch):
    """Return a function that gives the project a second device on this machine whose transport raises."""

    def make(method, when, error):
        class OddConnector(Connector):
            def transport(self, device):
                real = super().transport(device)
                return OddTransport(real, method, when, error) if device.name == "odd" else real

        (project.folder / "inventory.yaml").write_text("devices:\n  odd:\n    transport: local\n    workdir: .odd\n")
        monkeypatch.setattr(connector, "Connector", OddConnector)

    return make


@pytest.mark.parametrize(
    "oddity",
    [
        ("ask", 0, RecursionError("maximum recursion depth exceeded")),
        ("ask", 1, KeyError("\x1b[31mfacts")),
        ("ask", 4, UnicodeDecodeError("utf-8", b"\xff", 0, 1, f"postgresql://me:{PASSWORD}@host/farm")),
        ("stream", 2, MemoryError()),
    ],
    ids=["connecting", "probing", "pushing", "following"],
)
def test_a_bug_in_the_work_for_one_device_leaves_the_others_their_results(project, farm, odd, oddity):
    error = oddity[-1]
    odd(*oddity)

    status, out, err = farm("run", "--devices", "odd,local", "--effort", "smoke", "--schemes", "float32")

    assert status == 1
    assert "float32" in out
    assert [row["samples"] for row in project.json("results", "list", "--device", "local")] == [11]
    assert "\x1b" not in err
    (report,) = (project.folder / ".farm" / "crashes").iterdir()
    assert str(report) in re.sub(r"\s", "", err)
    assert type(error).__name__ in err
    text = report.read_text()
    assert text.startswith("farm 0.")
    assert "Traceback" in text
    assert f"{type(error).__name__}" in text
    assert "device odd" in text
    assert PASSWORD not in text + err + out
    assert "\x1b" not in text
    assert report.stat().st_mode & 0o077 == 0
    ((crash,),) = project.rows("SELECT device FROM events WHERE kind = 'LaneCrashed'")
    assert crash == "odd"


def test_the_results_of_a_finished_device_are_stored_while_another_still_measures(project, farm, monkeypatch):
    good = "SELECT verdict FROM run_cases JOIN cases ON cases.id = case_id WHERE device = 'local' AND judged_at > 0"
    seen = []

    class SlowTransport(LocalTransport):
        def stream(self, argv, **options):
            seen.extend(wait_for(lambda: project.rows(good)))
            yield from super().stream(argv, **options)

    class SlowConnector(Connector):
        def transport(self, device):
            return SlowTransport(device) if device.name == "slow" else super().transport(device)

    (project.folder / "inventory.yaml").write_text("devices:\n  slow:\n    transport: local\n    workdir: .slow\n")
    monkeypatch.setattr(connector, "Connector", SlowConnector)

    status, _, err = farm("run", "--devices", "slow,local", "--effort", "smoke", "--schemes", "float32")

    assert (status, seen) == (0, [("WARN",)])
    assert re.search(r"^local/tiny-cxr/float32/litert/t1/b1  WARN, p50 .*, AUC .*^slow/", err, re.MULTILINE | re.DOTALL)


def test_a_lane_whose_process_is_stopped_costs_the_good_device_nothing(project, farm, monkeypatch):
    workdir = project.folder / "home" / ".frozen"

    class FrozenTransport(LocalTransport):
        def stream(self, argv, **options):
            os.kill(json.loads((workdir / "lane.holder").read_text())["pid"], signal.SIGSTOP)
            yield from super().stream(argv, **options)

    class FrozenConnector(Connector):
        def transport(self, device):
            return FrozenTransport(device) if device.name == "frozen" else super().transport(device)

    (project.folder / "inventory.yaml").write_text(
        f"devices:\n  frozen: {{transport: local, workdir: {workdir}, limits: {{attempt_timeout_s: 1}}}}\n"
    )
    monkeypatch.setattr(connector, "Connector", FrozenConnector)
    monkeypatch.setattr(silence, "LEAST_PATIENCE_S", 0.0)
    monkeypatch.setattr(client, "TICK_S", 0.2)
    options = ("--effort", "smoke", "--schemes", "float32", "--patience", "1")

    status, out, err = farm("run", "--devices", "frozen,local", *options)

    assert status == 1
    assert re.search(
        r"frozen  skipped: the journal of lane .* had no record for 2 s, .*; it was stopped$", err, re.MULTILINE
    )
    assert "on local" in out
    assert [row["samples"] for row in project.json("results", "list", "--device", "local")] == [11]
    (ended,) = (path.read_text() for path in workdir.glob("lanes/*/journal"))
    assert '"error":"stopped"' in ended


def test_a_device_whose_directory_of_the_agent_is_deleted_under_way_does_the_rest_anew(project, farm, monkeypatch):
    workdir = project.folder / "home" / ".wiped"

    class WipedTransport(LocalTransport):
        def stream(self, argv, **options):
            if not (project.folder / "wiped").exists():
                (project.folder / "wiped").touch()
                delete_in_use(workdir)
            yield from super().stream(argv, **options)

    class WipedConnector(Connector):
        def transport(self, device):
            return WipedTransport(device) if device.name == "wiped" else super().transport(device)

    (project.folder / "inventory.yaml").write_text(f"devices:\n  wiped: {{transport: local, workdir: {workdir}}}\n")
    monkeypatch.setattr(connector, "Connector", WipedConnector)

    status, _, err = farm("run", "--devices", "wiped", "--effort", "smoke", "--schemes", "float32")

    assert status == 0, err
    assert "doing the rest anew" in err
    assert [row["samples"] for row in project.json("results", "list", "--device", "wiped")] == [11]


def test_a_bug_on_the_only_device_is_exit_status_1(farm, odd):
    odd("ask", 0, KeyError("x"))

    status, _, err = farm("run", "--devices", "odd", "--effort", "smoke", "--schemes", "float32")

    assert status == 1
    assert "unexpected KeyError" in err


def test_a_bug_in_judging_one_case_leaves_the_others_their_verdicts(project, farm, monkeypatch):
    from orchestrator.analysis import judge

    real = judge.verdicts.judge

    def judge_but_int8(**given):
        if given["case"].scheme == "int8":
            raise AttributeError("readings")
        return real(**given)

    monkeypatch.setattr(judge.verdicts, "judge", judge_but_int8)

    status, out, err = farm("run", "--effort", "smoke", "--schemes", "float32,int8")

    assert status == 1
    verdicts = {row["scheme"]: row["verdict"] for row in project.json("results")}
    assert verdicts == {"float32": "WARN", "int8": "INVALID"}
    assert "a bug in farm" in out
    assert "unexpected AttributeError: readings" in err


def test_resuming_a_run_that_does_not_exist_is_refused_with_dry_run_too(farm):
    farm("run", "--effort", "smoke", "--schemes", "float32")

    status, out, err = farm("run", "--resume", "20991231-nothing", "--dry-run")

    assert status == 2
    assert "no run called '20991231-nothing'" in err
    assert out == ""


def test_resuming_where_there_is_no_database_makes_none(project, farm):
    status, _, err = farm("run", "--resume", "latest")

    assert status == 2
    assert "there is no run yet: farm run starts one" in err
    assert not (project.folder / "farm.db").exists()


def test_a_dry_run_of_resuming_shows_what_is_left_of_that_run(project, farm):
    farm("run", "--effort", "smoke", "--schemes", "float32,int8")
    with sqlite3.connect(project.folder / "farm.db") as store:
        store.execute("PRAGMA foreign_keys=OFF")
        store.execute("DELETE FROM attempts WHERE case_id = (SELECT id FROM cases WHERE scheme = 'int8')")
    store.close()

    status, out, _ = farm("run", "--resume", "latest", "--dry-run")

    assert status == 0
    assert "local  1 case, 1 attempt, 0 scorings" in out
    assert "local/tiny-cxr/int8/litert/t1/b1" in out
    assert "float32" not in out


def test_resuming_unlocks_the_keys_of_the_devices_of_that_run_alone(project, farm, monkeypatch):
    import paramiko

    farm("run", "--effort", "smoke", "--schemes", "float32")
    paramiko.RSAKey.generate(2048).write_private_key_file(str(project.folder / "locked"), password=PASSWORD)
    (project.folder / "inventory.yaml").write_text(
        f"devices:\n  far:\n    address: 127.0.0.1\n    port: 9\n    identity_file: {project.folder / 'locked'}\n"
    )
    asked = []
    monkeypatch.setattr(context, "interactive", lambda: True)
    monkeypatch.setattr(context.typer, "prompt", lambda question, **_: asked.append(question) or PASSWORD)

    status, _, err = farm("run", "--resume", "latest")

    assert status == 0, err
    assert asked == []


def test_a_database_that_stays_locked_names_resume(project, farm, monkeypatch):
    from orchestrator.store import exceptions

    monkeypatch.setattr(exceptions, "BUSY_TIMEOUT_MS", 200)
    ended = threading.Event()

    def lock():
        wait_for(lambda: project.rows("SELECT id FROM attempts"))
        other = sqlite3.connect(project.folder / "farm.db", timeout=20, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ended.wait(300)
        other.close()

    holder = threading.Thread(target=lock)
    holder.start()
    status, _, err = farm("run", "--effort", "quick", "--schemes", "float32", "--patience", "1")
    ended.set()
    holder.join()

    ((run,),) = project.rows("SELECT id FROM runs")
    assert status == 1
    assert "locked" in err
    assert f"farm run --resume {run}" in err
    status, out, err = farm("run", "--resume", run)
    assert status == 0, out + err
    assert len(project.rows("SELECT id FROM attempts WHERE error IS NULL")) == 3


def test_a_store_that_refuses_an_event_stops_the_lanes_on_their_devices(project, farm, monkeypatch):
    from orchestrator.domain.event import AttemptStarted
    from orchestrator.errors import StoreError
    from orchestrator.store.writer import Writer

    real = Writer.record

    def refuse(self, *events):
        if any(isinstance(event, AttemptStarted) for event in events):
            raise StoreError("the disk is full")
        real(self, *events)

    with monkeypatch.context() as patched:
        patched.setattr(Writer, "record", refuse)
        status, _, err = farm("run", "--effort", "mobile", "--schemes", "float32")

    again, _, busy = farm("run", "--effort", "smoke", "--schemes", "float32")
    assert status == 1
    assert "the disk is full" in err
    assert again == 0, busy


def test_a_database_that_is_gone_in_the_middle_names_resume(project, farm):
    def remove():
        wait_for(lambda: project.rows("SELECT id FROM attempts"))
        for path in project.folder.glob("farm.db*"):
            path.rename(project.folder / f"away-{path.name}")

    remover = threading.Thread(target=remove)
    remover.start()
    status, _, err = farm("run", "--effort", "quick", "--schemes", "float32", "--patience", "1")
    remover.join()

    assert status == 1
    run = re.search(r"^run (\S+) ", err)[1]
    assert f"farm run --resume {run}" in err
    assert "Traceback" not in err


def connections(server):
    return len(re.findall(r"^Connection from ", server.log, flags=re.MULTILINE))


def add_device(project, server):
    device = server.device
    (project.folder / "inventory.yaml").write_text(
        f"devices:\n  pi:\n    address: {device.address}\n    port: {device.port}\n    user: {device.user}\n"
        f"    identity_file: {device.identity_file}\n    workdir: {device.workdir}\n    python: {sys.executable}\n"
    )
    (project.folder / ".farm" / "known_hosts").write_text(server.known_hosts.read_text())


@pytest.mark.sshd
@pytest.mark.parametrize(("extra", "expected"), [("", 1), ("MaxSessions 1", 2)], ids=["", "one-session"])
def test_ctrl_c_stops_the_lane_on_a_device_by_the_connection_that_is_open_where_it_takes_more(
    project, sshd, extra, expected
):
    server = sshd(extra=f"LogLevel VERBOSE\n{extra}")
    add_device(project, server)
    before = connections(server)
    run = project.start("run", "--devices", "pi", "--effort", "mobile", "--schemes", "float32")
    wait_for(lambda: project.events("AttemptStarted"))

    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=300)

    assert run.returncode == 130
    assert "farm run --resume" in err
    assert not list((project.folder / ".farm").glob("crashes/*"))
    assert connections(server) - before == expected
    again = project.farm("run", "--devices", "pi", "--effort", "smoke", "--schemes", "float32")
    assert again.returncode == 0, again.stderr


@pytest.mark.sshd
def test_a_run_connects_to_each_device_once(project, sshd):
    server = sshd(extra="LogLevel VERBOSE")
    add_device(project, server)
    before = connections(server)

    done = project.farm("run", "--devices", "pi", "--effort", "smoke", "--schemes", "float32")

    assert done.returncode == 0, done.stdout + done.stderr
    assert connections(server) - before == 1


@pytest.mark.sshd
def test_adding_a_device_connects_twice_to_see_its_key_and_to_use_it(project, sshd):
    server = sshd(extra="LogLevel VERBOSE")
    device = server.device
    before = connections(server)

    done = project.farm(
        *("devices", "add", "pi", "--address", f"{device.user}@{device.address}:{device.port}"),
        *("--identity-file", str(device.identity_file), "--fingerprint", server.fingerprint),
        *("--workdir", device.workdir, "--python", sys.executable),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "smoke test passed" in done.stdout
    steps = ["connecting to", "received the agent, 1", "asking for its facts, trying litert", "measuring a smoke case"]
    places = [done.stderr.find(step) for step in (*steps, "pi  receives ", "pi  lane started")]
    assert -1 not in places, done.stderr
    assert places == sorted(places), "each step is named when it begins"
    assert connections(server) - before == 2
