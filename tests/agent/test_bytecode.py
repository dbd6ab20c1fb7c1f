"""The agent with its modules compiled: made on the device, protected as the agent itself."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from agent import bytecode
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device
from orchestrator.transports.local import LocalTransport

#: Prints how many modules of the agent Python compiles to start it.
COUNT = """
import sys
compiled = []
sys.addaudithook(lambda name, words: compiled.append(words[1]) if name == "compile" else None)
sys.path.insert(0, sys.argv[1])
import agent.__main__, agent.lanes, agent.facts
print(sum("agent/" in str(name) for name in compiled))
"""


@pytest.fixture
def source(agent_zip, tmp_path):
    path = tmp_path / (hashlib.sha256(agent_zip.read_bytes()).hexdigest() + ".zip")
    return Path(shutil.copy(agent_zip, path))


@pytest.fixture
def made(source):
    runs, _ = bytecode.ready(str(source))
    assert runs != str(source)
    return Path(runs)


def test_an_agent_that_was_made_ready_compiles_no_module(source, made):
    plain, ready = (
        int(subprocess.run([sys.executable, "-c", COUNT, path], capture_output=True, check=True).stdout)
        for path in (source, made)
    )

    assert (plain > 20, ready) == (True, 0)


def test_what_the_disk_changed_is_made_anew_and_called_damaged(source, made):
    content = made.read_bytes()
    made.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])

    assert bytecode.ready(str(source)) == (str(made), True)
    assert bytecode.ready(str(source)) == (str(made), False)


def test_what_others_may_write_to_is_not_run(source, made):
    planted = b"print('planted')"
    made.write_bytes(hashlib.sha256(planted).hexdigest().encode() + planted)
    made.chmod(0o666)

    runs, _ = bytecode.ready(str(source))

    assert b"planted" not in Path(runs).read_bytes()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another user")
def test_what_another_user_planted_is_not_run(source, made):
    content = made.read_bytes()
    os.chown(made, 1234, 1234)
    planted = made.stat().st_ino

    runs, _ = bytecode.ready(str(source))

    assert Path(runs).stat().st_ino != planted
    assert (Path(runs).stat().st_uid, Path(runs).read_bytes()[64:74]) == (0, content[64:74])  # a time stamp follows


def test_a_link_in_its_place_is_not_run(source, made, tmp_path):
    shutil.move(made, tmp_path / "elsewhere")
    made.symlink_to(tmp_path / "elsewhere")

    runs, _ = bytecode.ready(str(source))

    assert not Path(runs).is_symlink()


def test_where_nothing_can_be_made_the_agent_itself_runs(source):
    Path(bytecode.compiled(str(source))).mkdir()

    assert bytecode.ready(str(source)) == (str(source), False)


def test_it_is_made_of_the_agent_that_has_its_name_alone(source):
    with zipfile.ZipFile(source, "a") as altered:
        altered.writestr("agent/more.py", "")

    assert bytecode.ready(str(source)) == (str(source), False)


def test_a_client_runs_it_and_names_a_damaged_one_once(tmp_path):
    device = Device(name="pi", transport="local", workdir=str(tmp_path / "agent"))
    first = AgentClient(LocalTransport(device), device)
    first.ensure_agent()
    (made,) = (tmp_path / "agent" / "agents").glob(f"*.{sys.implementation.cache_tag}.zip")
    made.write_bytes(made.read_bytes()[:-1])

    second = AgentClient(LocalTransport(device), device)
    sent = second.ensure_agent()
    second.probe()

    assert (sent, second.take_damaged(), second.take_damaged()) == (0, ("agent",), ())
    assert second._agent == str(made)
