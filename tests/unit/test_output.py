"""How much a command prints beside its answer, and how it ends when it is interrupted."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

import edge_farm.__main__
from orchestrator.cli.screen import live_run
from orchestrator.cli.screen.output import Loudness, Output
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.runs.measure import LanesLeft
from orchestrator.store.store import Store
from orchestrator.transports.base import Completed
from tests.lab import dialogues
from tests.lab.project import Project

DRY_RUN = ("run", "--dry-run", "--accuracy", "none", "--models", "tiny-cxr")


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for name in ("CI", "FARM_PLAIN", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return monkeypatch


def is_live(**output):
    return Output(**output).is_live


def test_a_block_is_drawn_on_a_terminal_alone(terminal):
    assert is_live()
    assert not is_live(is_plain=True)
    assert not is_live(loudness=Loudness.QUIET)

    terminal.setenv("NO_COLOR", "1")
    assert is_live(), "colours are one thing, redrawing is another"

    terminal.setattr(sys.stderr, "isatty", lambda: False)
    assert not is_live()


@pytest.mark.parametrize(("name", "value"), [("FARM_PLAIN", "1"), ("CI", "true"), ("TERM", "dumb")])
def test_where_nothing_may_be_redrawn_lines_are_appended(terminal, name, value):
    terminal.setenv(name, value)

    assert not is_live()


@pytest.fixture
def project(tmp_path):
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


def test_quiet_leaves_the_answer_and_stands_before_a_command_or_after_it(project):
    usual, after = project.farm(*DRY_RUN), project.farm(*DRY_RUN, "--quiet")
    before = project.farm("--quiet", *DRY_RUN)

    assert "for latency alone, without accuracy" in usual.stderr
    assert after.stderr == before.stderr == ""
    assert usual.stdout == after.stdout == before.stdout
    assert "4 cases × 5 attempts ≈ " in usual.stdout


def test_quiet_and_verbose_at_once_are_refused(project):
    refused = project.farm("runs", "--quiet", "--verbose")

    assert refused.returncode == 2
    assert "--quiet and --verbose contradict each other" in refused.stderr


def test_verbose_tells_each_question_to_a_device_and_nothing_that_was_sent(caplog):
    place = {"workdir": "/w", "agent": "/w/a.zip", "runs": "/w/a.zip", "present": True}

    class Transport:
        def dialogue(self, argv):
            return dialogues.Scripted(self.run, argv)

        def run(self, argv, **_):
            return Completed(status=0, out=json.dumps(place).encode() if argv[2] == "locate" else b"{}", err=b"")

    client = AgentClient(Transport(), LOCAL)
    client.ensure_agent()
    caplog.set_level(logging.DEBUG, logger="orchestrator")

    client._ask(["start"], b'{"secret": "hunter2"}')

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("local: start over local: 42 B sent; status 0, 2 B in ")


def interrupted(lanes_left):
    """Yield what happens in a run that is interrupted on a device, and could not be stopped on ``lanes_left``."""
    yield happened.LaneStarted(run="r-1", device="pi", lane="l")
    raise LanesLeft(lanes_left)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        ((), ["stopped; what was measured is stored. Go on with: farm run --resume r-1"]),
        (
            ("pi",),
            ["the lane on pi goes on there by itself", "farm attach r-1", "stop it there: farm stop r-1"],
        ),
    ],
)
def test_ctrl_c_names_what_still_runs_and_how_it_is_collected_and_stopped(left, words, tmp_path, capsys):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store, pytest.raises(KeyboardInterrupt):
        live_run.follow(interrupted(left), store)

    shown = capsys.readouterr().err
    assert all(each in shown for each in words)


def pressed_after(*before):
    yield from before
    raise KeyboardInterrupt


@pytest.mark.parametrize("before", [(), (run_event.RunResumed(run="r-1"),)])
def test_ctrl_c_before_a_resumed_run_asks_its_devices_names_how_to_stop_what_an_earlier_call_left(
    tmp_path, capsys, before
):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store, pytest.raises(KeyboardInterrupt):
        live_run.follow(pressed_after(*before), store, resumed="r-1")

    shown = " ".join(capsys.readouterr().err.split())
    assert "Go on with: farm run --resume r-1. Stop what an earlier call left on devices: farm stop r-1" in shown


@pytest.mark.parametrize("before", [(), (run_event.RunResumed(run="r-1"),)])
def test_ctrl_c_while_attach_still_connects_leaves_the_lanes_and_names_how_to_follow_and_stop_them(
    tmp_path, capsys, before
):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store, pytest.raises(KeyboardInterrupt):
        live_run.follow(pressed_after(*before), store, resumed="r-1", keeps_lanes=True)

    shown = capsys.readouterr().err
    assert "detached; lanes that run on devices go on. Follow them: farm attach r-1. Stop them: farm stop r-1" in shown
    assert "stopped" not in shown


def test_output_is_what_standard_error_is_when_it_is_asked(monkeypatch):
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)

    Output().note("[bold]words[/]")
    Output(loudness=Loudness.QUIET).note("not shown")

    assert err.getvalue() == "words\n"


def test_ctrl_c_while_modules_are_imported_ends_without_a_traceback(monkeypatch):
    class Importing:
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "orchestrator.cli.main", Importing())

    with pytest.raises(SystemExit) as ended:
        edge_farm.__main__.main()

    assert ended.value.code == 130
