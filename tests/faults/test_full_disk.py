"""Disks of a device that are full, read-only, or closed to programs while a lane is measured: real ones, mounted for the test."""

from __future__ import annotations

import os
import subprocess

from orchestrator.domain.event import AttemptEnded, LaneEnded
from tests.agent.test_disks import mounted
from tests.faults.measured import ATTEMPTS, RUN, Measured
from tests.lab.project import Project


def test_a_disk_that_fills_up_while_attempts_are_measured_keeps_the_finished_ones_and_says_what_to_do(tmp_path):
    with mounted(tmp_path / "disk", "size=4m") as disk:
        pi = Measured.here(tmp_path, seconds=1.5, workdir=str(disk / "work"))
        for event in pi.events():
            if isinstance(event, AttemptEnded) and len(pi.done) == 1:
                (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        first = list(pi.done)

        (disk / "filler").unlink()
        again = Measured.here(tmp_path, run="run-2", workdir=str(disk / "work")).to_end()

    assert 1 <= len(first) < ATTEMPTS
    ends = [event.error for event in pi.seen if isinstance(event, LaneEnded)]
    assert "no space left on the device" in "".join(filter(None, ends)) + pi.reason
    assert "farm devices clean pi" in pi.reason or f"farm run --resume {RUN}" in pi.reason
    assert "Traceback" not in pi.reason + "".join(filter(None, ends))
    assert len(again.done) == ATTEMPTS


def test_a_device_whose_home_is_read_only_is_a_sentence_with_what_to_do(tmp_path):
    project = Project(folder=tmp_path / "project")
    (project.folder / "home").mkdir(parents=True)
    with mounted(tmp_path / "disk", "ro") as disk:
        (project.folder / "inventory.yaml").write_text(f"devices:\n  local: {{workdir: {disk}/work}}\n")
        done = project.farm("devices", "check")

    assert done.returncode == 1
    assert f"the agent could not be installed: [Errno 30] Read-only file system: '{disk}/work'" in done.stderr
    assert "name another directory with `workdir:` in the inventory" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_temporary_folder_that_forbids_programs_is_no_matter(tmp_path, monkeypatch):
    with mounted(tmp_path / "tmp", "size=4m,noexec") as folder:
        monkeypatch.setenv("TMPDIR", str(folder))
        pi = Measured.here(tmp_path).to_end()
        assert subprocess.run(["findmnt", "-no", "OPTIONS", folder], capture_output=True, check=True).stdout.count(
            b"noexec"
        )

    assert (len(pi.done), pi.reason) == (ATTEMPTS, "")
