"""A phone as Termux lays it out: nothing of the system's folders is readable, everything lies below the app's own."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import wire
from agent.facts import system
from tests.agent.device import Device

APP = Path("data/data/com.termux/files")
#: Android shows an app next to nothing of these.
HIDDEN = "for folder in /proc /sys; do mount -t tmpfs -o ro none $folder || exit 77; done"


@dataclasses.dataclass(frozen=True)
class Phone(Device):
    """The agent below an app's folder, in a mount namespace without /proc and /sys; environment as Termux sets it."""

    def argv(self, *words: str) -> list[str]:
        root = self.workdir.parents[1]
        own = [f"HOME={root / 'home'}", f"PREFIX={root / 'usr'}", f"TMPDIR={root / 'usr' / 'tmp'}"]
        hidden = ["unshare", "--mount", "sh", "-c", f'{HIDDEN}; exec "$@"', "sh"]
        return [*hidden, "env", "-i", *own, f"PATH={root / 'usr' / 'bin'}", *super().argv(*words)]


@pytest.fixture
def phone(agent_zip, tmp_path):
    root = tmp_path / APP
    for folder in ("home", "usr/bin", "usr/tmp"):
        (root / folder).mkdir(parents=True)
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "sh", "-c", HIDDEN], check=False).returncode:
        pytest.skip("needs root, to hide /proc and /sys")
    return Phone(zip=agent_zip, workdir=root / "home" / ".farm-agent")


def test_the_agent_answers_and_measures_where_proc_and_sys_can_not_be_read(phone):
    facts = phone.ask("probe", stdin=wire.to_json(wire.ProbeRequest(("litert",))))
    phone.start(phone.step("case"))

    measured = phone.done()["case"]

    assert facts["runtimes"]["litert"]["works"]
    assert "temperature_c" not in facts
    assert measured.latency_ns
    assert {path.name for path in (phone.workdir.parents[1] / "usr").rglob("*")} == {"bin", "tmp"}


def test_a_python_of_android_says_that_its_c_library_is_bionic(monkeypatch):
    monkeypatch.setattr(sys, "getandroidapilevel", lambda: 24, raising=False)

    assert system.libc() == "bionic"
