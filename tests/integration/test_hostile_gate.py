"""A jump host that keeps files and is hostile changes nothing of what arrives on the devices behind it."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import partial
from pathlib import Path

import pytest

from orchestrator.devices.remote.push import NotRelayed, Pushed, push
from orchestrator.devices.remote.relay import MOST_BREAKS, Relay, Relays
from orchestrator.devices.session import Session, connect
from orchestrator.domain.blob import Blob
from orchestrator.domain.device import Device
from orchestrator.errors import ConnectionLost
from orchestrator.transports.connector import Connector

SIZE = 300_000
#: Python of a jump host on which ``serve`` is another program, which keeps to the protocol until it hands out a file.
PROGRAM = """#!{python}
import json, os, socket, sys, time
if "serve" not in sys.argv:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
sys.path.insert(0, sys.argv[1])
from agent import relay, relay_tls, relay_wire

def hands_out(end, content):
    end.sendall(relay_wire.OK)
    sha256 = relay._exactly(end, relay_wire.REQUEST_BYTES)[32:96].decode()
    if sha256 != relay_wire.NOTHING:
        with open(os.path.join({workdir!r}, "blobs", sha256), "rb") as file:
            content(end, file.read())

def altered(end, content):
    end.sendall(b"?" + content[1:])

def altered_then_cut(end, content):
    end.sendall(b"?" + content[1 : len(content) // 2])

def cut(end, content):
    end.sendall(content[: len(content) // 2])

def silent(end, content):
    end.sendall(content[: len(content) // 2])
    time.sleep(86400)

def endless(end, content):
    while True:
        end.sendall(content)

act = {act!r}
if act == "mute":
    sys.exit()
asked = relay._serve_request()
listener = socket.create_server(("127.0.0.1", 0))
where = {{"address": "127.0.0.1", "port": listener.getsockname()[1]}}
if act == "names_nobody":
    listener.close()
words = b"farm-relay {{}}" if act == "nonsense" else relay_wire.MARK + json.dumps(where).encode()
sys.stdout.buffer.write(words + bytes([10]))
sys.stdout.flush()
context = relay_tls.server(asked.certificate, asked.key, {workdir!r})
while act not in ("names_nobody", "nonsense"):
    connection = listener.accept()[0]
    try:
        with context.wrap_socket(connection, server_side=True) as end:
            hands_out(end, globals()[act])
    except OSError:
        pass
sys.stdin.read()
"""


@pytest.fixture
def blobs(tmp_path):
    made = []
    for what in ("artifact", "images"):
        content = os.urandom(SIZE)
        (tmp_path / what).write_bytes(content)
        made.append(Blob(what=what, sha256=hashlib.sha256(content).hexdigest(), path=tmp_path / what))
    return made


def site(tmp_path, act=None):
    """Return two devices behind one jump host: all three are folders of this machine."""
    python = sys.executable
    if act is not None:
        python = str(tmp_path / "python")
        (tmp_path / "python").write_text(PROGRAM.format(python=sys.executable, workdir=str(tmp_path / "gate"), act=act))
        (tmp_path / "python").chmod(0o700)
    here = partial(Device, transport="local")
    gate = here(name="gate", workdir=str(tmp_path / "gate"), python=python)
    return [here(name=name, workdir=str(tmp_path / name), via=gate) for name in ("pi-a", "pi-b")]


CONNECTOR = Connector(known_hosts=Path(os.devnull))


#: What it does when a file is asked for; all of these with FARM_TEST_SLOW.
ACTS = ["altered_then_cut", "endless", "mute"]
if os.environ.get("FARM_TEST_SLOW"):
    ACTS += ["altered", "cut", "names_nobody", "nonsense"]


@pytest.mark.parametrize("act", ACTS)
def test_what_a_hostile_jump_host_hands_out_changes_no_file_of_a_device(tmp_path, blobs, act):
    devices = site(tmp_path, act)
    relay = Relays(devices, lambda gate: connect(gate, CONNECTOR), lambda _: "localhost").of(devices[0])

    with Session(CONNECTOR) as session:
        steps = list(push(session.client(devices[0]), blobs, relay=relay))

        assert relay.open(session.client(devices[0]), blobs) is None, "it is asked for nothing more"
    assert [step.blob for step in steps if isinstance(step, Pushed)] == blobs
    files = {path.name: path.read_bytes() for path in (tmp_path / "pi-a" / "blobs").iterdir()}
    assert files == {blob.sha256: blob.path.read_bytes() for blob in blobs}
    (refused,) = [step for step in steps if isinstance(step, NotRelayed)]
    assert refused.gate == "gate"


def test_a_jump_host_that_goes_silent_in_a_file_is_left_after_its_time_and_each_device_gets_its_own(tmp_path, blobs):
    devices = site(tmp_path, "silent")
    relays = Relays(devices, lambda gate: connect(gate, CONNECTOR), lambda _: "localhost", patience_s=1.0)

    with Session(CONNECTOR) as session:
        steps = [step for device in devices for step in push(session.client(device), blobs, relay=relays.of(device))]

    assert [step.blob for step in steps if isinstance(step, Pushed)] == blobs * 2
    for device in devices:
        files = {path.name: path.read_bytes() for path in (Path(device.workdir) / "blobs").iterdir()}
        assert files == {blob.sha256: blob.path.read_bytes() for blob in blobs}
    assert [step.gate for step in steps if isinstance(step, NotRelayed)] == ["gate"]


def test_a_jump_host_to_which_links_break_again_and_again_is_asked_no_more(tmp_path, blobs):
    devices = site(tmp_path)

    def breaks():
        raise ConnectionLost("gate: the link died under way")

    with Session(CONNECTOR) as session:
        relay = Relay(devices[0].via, session.client, lambda _: "localhost")
        for _ in range(MOST_BREAKS):
            assert not relay.take_news()
            with pytest.raises(ConnectionLost):
                relay.works(breaks)

        assert relay.open(session.client(devices[0]), blobs) is None
        assert relay.take_news() == "gate: the link died under way"
