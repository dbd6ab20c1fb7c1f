"""A device of another architecture than yesterday: nothing that was its predecessor's is used, and what changed is named."""

from __future__ import annotations

import json
import sys

import pytest

from orchestrator.devices.provisioning.choose import Target, choose, name_of
from orchestrator.devices.remote.orders import scored_by
from tests.faults.test_clock import SUITE
from tests.lab.project import Project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the facts of a board come from /proc")

#: Python of a device that finds another board: the agent is the real one, what it reads is that board's.
PROGRAM = """#!{python}
import builtins, io, json, os, sys
with open({board!r}) as file:
    board = json.load(file)
here, read = os.uname(), open
os.uname = lambda: os.uname_result((*here[:4], board["machine"]))
def of_the_board(path, *how, **options):
    text = board["files"].get(str(path).lstrip("/"))
    return read(path, *how, **options) if text is None else io.BytesIO(text.encode())
builtins.open = of_the_board
sys.argv = sys.argv[1:]
if sys.argv[0] == "-c":
    sys.argv = ["-c", *sys.argv[2:]]
    exec(sys.orig_argv[3], {{"__name__": "__main__"}})
else:
    import runpy
    sys.path.insert(0, sys.argv[0])
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
YESTERDAY = {"machine": "x86_64", "files": {"proc/device-tree/serial-number": "10", "proc/device-tree/model": "UP 2"}}
TODAY = {"machine": "aarch64", "files": {"proc/device-tree/serial-number": "20", "proc/device-tree/model": "Pi 5"}}


def facts_of(project):
    ((facts,),) = project.rows("SELECT facts FROM devices WHERE name = 'pi'")
    return json.loads(facts)


def test_another_board_under_the_name_of_yesterday_takes_over_nothing_and_what_changed_is_named(tmp_path):
    board, python = tmp_path / "board.json", tmp_path / "python"
    (tmp_path / "home").mkdir()
    python.write_text(PROGRAM.format(python=sys.executable, board=str(board)))
    python.chmod(0o700)
    entry = {"transport": "local", "python": str(python), "workdir": str(tmp_path / "work")}
    (tmp_path / "inventory.yaml").write_text(json.dumps({"devices": {"pi": entry}}))
    (tmp_path / "suite.yaml").write_text(json.dumps(SUITE | {"attempts": 1}))
    project = Project(folder=tmp_path)

    board.write_text(json.dumps(YESTERDAY))
    first = project.process("run", "suite.yaml", "--devices", "pi")
    before = facts_of(project)
    board.write_text(json.dumps(TODAY))
    check = project.farm("devices", "check", "pi")
    second = project.process("run", "suite.yaml", "--devices", "pi")
    after = facts_of(project)

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    words = " ".join((check.stdout + check.stderr).split())
    changed = "board UP 2, now Pi 5"
    assert "another machine than before: hardware key" in words
    assert changed in words
    assert "architecture x86_64, now aarch64" in words
    assert before["hardware_key"] != after["hardware_key"]
    versions = {"litert": "2.3.0"}
    assert scored_by(before, versions) != scored_by(after, versions)
    wheels = [
        choose(Target.of(facts | {"python": "3.11.2", "libc": "glibc 2.36"}), "litert") for facts in (before, after)
    ]
    assert len({name_of(chosen) for chosen in wheels}) == 2
    other = {reason["code"]: reason["message"] for reason in reasons(project)}["other-machine"]
    assert changed in other, "the check in between takes nothing from the run"
    assert f"hardware key {before['hardware_key'][:6]}…, now {after['hardware_key'][:6]}…" in other


def reasons(project):
    (row,) = project.json("results", "list")
    shown = project.json("results", "show", row["case"])
    return shown["reasons"]
