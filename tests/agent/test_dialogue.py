"""One process of the agent that carries out a controller's commands, one after the other."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from agent import wire
from agent.bootstrap import KEPT_BYTES
from agent.dialogue import Framed
from orchestrator.devices.remote import bundle
from orchestrator.devices.remote.client import AgentClient
from orchestrator.devices.remote.dialogue import exchange, question
from orchestrator.domain.device import Device
from orchestrator.errors import AgentFailed, ConnectionLost, TransferBroken
from orchestrator.transports.local import LocalTransport
from tests.lab.pythons import pythons

CONTENT = os.urandom(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Counting(LocalTransport):
    """This machine, with what was started there."""

    def __init__(self, device):
        super().__init__(device)
        self.started = []

    def run(self, argv, **options):
        self.started.append("run")
        return super().run(argv, **options)

    def dialogue(self, argv):
        self.started.append("dialogue")
        return super().dialogue(argv)


@pytest.fixture
def entry(tmp_path):
    return Device(name="pi", transport="local", workdir=str(tmp_path / "agent"))


@pytest.fixture
def client(entry):
    with closing(AgentClient(Counting(entry), entry)) as client:
        yield client


@pytest.fixture
def asked(entry):
    """Return a function that asks one and the same agent: a status with both outputs."""
    AgentClient(LocalTransport(entry), entry).ensure_agent()
    start = bundle.start(entry.workdir)
    with closing(LocalTransport(entry).dialogue([sys.executable, *start.words])) as dialogue:
        exchange(dialogue, entry, "locate", start.program)

        def ask(*words, stdin=b""):
            done = exchange(dialogue, entry, words[0], question(words, stdin))
            return done.status, done.out, done.err

        yield ask


def children_of(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def process_of(client):
    return client._dialogue._program.process.pid


def test_all_questions_before_a_lane_are_put_to_one_process(client, tmp_path):
    (tmp_path / "blob").write_bytes(CONTENT)

    client.ensure_agent()
    client.probe(["null"])
    lacking = client.missing({SHA256: len(CONTENT)})
    client.send_all({SHA256: tmp_path / "blob"}, lacking.arrived)

    assert client.missing({SHA256: len(CONTENT)}).arrived == {}
    assert client._transport.started == ["dialogue"]


def test_a_command_that_is_refused_is_the_last_and_the_next_one_finds_the_agent_again(client):
    client.ensure_agent()
    with pytest.raises(AgentFailed, match="no lane nope"):
        client.answer(object, ["stop", "nope"])

    assert client.missing({}).arrived == {}
    assert client._transport.started == ["dialogue"] * 2


def test_a_file_that_is_shorter_than_promised_keeps_what_arrived_and_costs_the_dialogue_alone(client):
    client.ensure_agent()
    with pytest.raises(TransferBroken, match="ended after 1000 of 300000 bytes"):
        client.answer(object, ["receive", SHA256, "--size", str(len(CONTENT))], io.BytesIO(CONTENT[:1000]))

    assert client.missing({SHA256: len(CONTENT)}).arrived == {SHA256: 1000}


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_a_child_that_is_killed_leaves_words_of_the_signal(client):
    client.ensure_agent()
    process = process_of(client)

    class Killing(io.BytesIO):
        def read(self, size=-1):
            if self.tell():
                with suppress(OSError):  # it is dead already, or its parent ended with it
                    for child in children_of(process):
                        os.kill(child, signal.SIGKILL)
            return super().read(1000)

    with pytest.raises(ConnectionLost, match="killed there by signal 9"):
        client.answer(object, ["receive", SHA256, "--size", str(len(CONTENT))], Killing(CONTENT))

    assert client.missing({}).arrived == {}


def test_an_agent_that_is_deleted_while_it_stays_is_a_link_to_be_made_again(client, entry):
    client.ensure_agent()
    for path in Path(entry.workdir, "agents").iterdir():
        path.unlink()

    with pytest.raises(ConnectionLost, match="the agent was deleted"):
        client.missing({})

    assert client.ensure_agent() > 0
    assert client.missing({}).arrived == {}


def test_a_lane_is_left_alone_by_the_process_that_started_it(client, device):
    client.device = Device(name="pi", transport="local", workdir=str(device.workdir))
    client.ensure_agent()
    process = process_of(client)
    step = device.step("a", runtime="null")

    client.start(wire.LaneRequest(lane="lane-1", run="r", holder="me", steps=(step,)))

    assert client._dialogue is None
    assert not Path(f"/proc/{process}").exists()
    assert device.done()["a"].error is None


def test_it_ends_with_its_input(entry):
    AgentClient(LocalTransport(entry), entry).ensure_agent()
    start = bundle.start(entry.workdir)

    done = subprocess.run([sys.executable, *start.words], input=start.program, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")


def test_commands_read_their_own_input_and_no_more(asked):
    assert json.loads(asked("have", stdin=json.dumps([SHA256]).encode())[1])["missing"] == {SHA256: 0}
    assert asked("lanes", stdin=b"nobody reads this")[0] == 0
    status, out, _ = asked("receive", SHA256, "--size", str(len(CONTENT)), stdin=CONTENT)
    assert (status, json.loads(out)) == (0, {"sha256": SHA256, "size_bytes": len(CONTENT)})


def test_a_command_that_does_not_exist_is_refused_as_on_a_command_line(asked):
    status, out, err = asked("dance")

    assert (status, out) == (2, b"")
    assert b"invalid choice" in err


def test_only_the_end_of_much_output_is_sent():
    program = (
        "import os, sys\nfrom agent import dialogue\n"
        f"dialogue._end.__globals__['KEPT'] = 1\n"
        "def noisy(words):\n"
        f"    os.write(2, b'e' * 10)\n    sys.stdout.write('a' * {3 * KEPT_BYTES} + 'z')\n    return 4\n"
        "print([(status, len(out), out[-1:], err) for status, out, err in [dialogue.carried_out([], noisy)]])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == f"[(4, {KEPT_BYTES}, b'z', b'eeeeeeeeee')]\n"


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [("SystemExit('bye')", 1, ""), ("SystemExit(7)", 7, ""), ("KeyError('x')", 1, "KeyError: 'x'")],
)
def test_a_command_ends_as_python_ends(raised, status, words):
    program = (
        "from agent import dialogue\n"
        f"def raising(words):\n    print('before')\n    raise {raised}\n"
        "status, out, err = dialogue.carried_out([], raising)\n"
        "print(status, out.decode().strip(), err.decode().strip().splitlines()[-1:])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == f"{status} before {[words] if words else []}\n"


@pytest.mark.parametrize("content", [b"", b"\0\0", b"\0\0\0\5abc", b"\0\0\0\3abc"], ids=repr)
def test_what_is_cut_off_is_an_end_of_the_input(content):
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)

    assert io.BufferedReader(Framed(reader)).read() == content[4:]
    os.close(reader)


@pytest.mark.parametrize("python", pythons(*range(9, 15)).values())
def test_every_python_that_is_around_stays_and_answers(tmp_path, python):
    entry = Device(name="pi", transport="local", workdir=str(tmp_path / "agent"), python=python)

    with closing(AgentClient(LocalTransport(entry), entry)) as client:
        assert client.ensure_agent() > 0
        assert client.probe(["null"])["runtimes"].keys() == {"null"}


def test_modules_in_the_home_directory_are_no_part_of_the_agent(client, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    for name in ("hashlib", "json", "argparse", "agent"):
        (tmp_path / "home" / f"{name}.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert client.probe(["null"])["runtimes"].keys() == {"null"}


def test_a_controller_that_leaves_in_the_middle_leaves_no_process_behind(entry):
    AgentClient(LocalTransport(entry), entry).ensure_agent()
    start = bundle.start(entry.workdir)
    staying = subprocess.Popen([sys.executable, *start.words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    staying.stdin.write(start.program)
    staying.stdin.flush()
    staying.stdout.readline()
    staying.stdin.write(question(["receive", SHA256, "--size", "300000"], b"x" * 300_000)[:100_000])

    staying.stdin.close()
    staying.stdout.close()

    assert staying.wait(timeout=240) == 0
    assert Path(entry.workdir, "blobs", f"{SHA256}.partial").stat().st_size > 90_000
