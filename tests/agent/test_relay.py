"""A jump host hands out the files that it was asked to, encrypted, to whoever has the token."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent import relay_tls, relay_wire, wire
from orchestrator.devices.remote.relay_pass import make_pass
from tests.agent.device import Device

CONTENT = os.urandom(200_005)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def gate(device, tmp_path):
    made = Device(zip=device.zip, workdir=tmp_path / "gate")
    made.push(CONTENT)
    return made


@contextmanager
def serving(gate, *hashes, access=None):
    """Give what a device needs to fetch: where the jump host listens, its certificate, the token."""
    access = access or make_pass()
    with subprocess.Popen(
        gate.argv("serve", "localhost", *hashes), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdin.write(wire.to_json(relay_wire.ServeRequest(**asdict(access))) + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line.startswith(relay_wire.MARK)
        where = json.loads(line.removeprefix(relay_wire.MARK))
        yield where | {"certificate": access.certificate, "token": access.token}
        process.stdin.close()
        assert process.wait(timeout=300) == 0, "it ends with its standard input"


def fetch(device, where, *files):
    request = relay_wire.FetchRequest(**where, blobs=files)
    done = device.run("fetch", stdin=wire.to_json(request))
    return done.returncode, json.loads(done.stdout)


def connected(where):
    connection = socket.create_connection((where["address"], where["port"]), 30)
    connection.settimeout(30)
    return connection


def received(connection):
    content = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            content += piece
    return content


def ask(where, sha256=SHA256, token=None):
    """Return what the jump host answers to a request inside TLS."""
    with connected(where) as connection, relay_tls.connect(connection, where["certificate"]) as end:
        end.sendall(relay_wire.request(token or bytes.fromhex(where["token"]), sha256, 0))
        return received(end)


@contextmanager
def wire_tapped(where):
    """Give a way to the same jump host, and all that crosses it."""
    seen = bytearray()

    def carry(source, target):
        with suppress(OSError):  # either end may have hung up
            while piece := source.recv(1 << 16):
                seen.extend(piece)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def work():
            near, _ = listener.accept()
            with near, connected(where) as far:
                back = threading.Thread(target=carry, args=(far, near))
                back.start()
                carry(near, far)
                back.join(120)

        thread = threading.Thread(target=work)
        thread.start()
        yield where | {"address": "127.0.0.1", "port": listener.getsockname()[1]}, seen
        thread.join(120)


def test_a_device_gets_a_file_whole_and_goes_on_where_it_was(device, gate):
    other = gate.push(b"other")
    with serving(gate, SHA256, other) as where:
        hello = fetch(device, where)
        device.refusal("receive", SHA256, "--size", str(len(CONTENT)), stdin=CONTENT[:1000])
        done = fetch(device, where, (other, 5, 0), (SHA256, len(CONTENT), 1000))

    assert hello == (0, {"received": 0})
    assert done == (0, {"received": 2})
    assert (device.workdir / "blobs" / other).read_bytes() == b"other"
    assert (device.workdir / "blobs" / SHA256).read_bytes() == CONTENT


def test_only_listed_files_are_handed_out_only_to_the_token_and_only_inside_tls(gate):
    other = gate.push(b"another run's file")
    with serving(gate, SHA256) as where:
        whole = ask(where)
        unlisted = ask(where, sha256=other)
        without = ask(where, token=bytes(relay_wire.TOKEN_BYTES))
        absent = ask(where, sha256="a" * 64)
        with connected(where) as plain:
            plain.sendall(relay_wire.request(bytes.fromhex(where["token"]), SHA256, 0))
            answer = received(plain)

    assert whole == relay_wire.OK + CONTENT
    assert unlisted == without == absent == b""
    assert len(answer) < 100, "an alert of TLS"


def test_neither_files_nor_the_token_cross_the_network_in_the_clear(device, gate):
    with serving(gate, SHA256) as where, wire_tapped(where) as (tapped, seen):
        status, _ = fetch(device, tapped, (SHA256, len(CONTENT), 0))

    assert status == 0
    assert len(seen) > len(CONTENT)
    assert CONTENT[:16] not in seen
    assert bytes.fromhex(where["token"]) not in seen


@pytest.mark.parametrize("years", [-3, 3], ids=["expired", "of the future"])
def test_clocks_that_are_years_off_are_no_obstacle(device, gate, years):
    access = make_pass(datetime.now(UTC) + timedelta(days=365 * years))
    with serving(gate, SHA256, access=access) as where:
        assert fetch(device, where, (SHA256, len(CONTENT), 0)) == (0, {"received": 1})


def test_the_key_is_in_no_file_of_the_jump_host(gate):
    with serving(gate, SHA256) as where:
        files = [path for path in gate.workdir.rglob("*") if path.is_file()]

    assert [path.name for path in files] == [SHA256]
    assert where["token"] not in repr(relay_wire.FetchRequest(**where))


def test_where_memory_has_no_files_the_key_is_in_one_of_its_user_until_it_is_loaded(tmp_path, monkeypatch):
    modes = []
    load = ssl.SSLContext.load_cert_chain

    def noted(context, path):
        modes.append((Path(path).parent, Path(path).stat().st_mode & 0o777))
        load(context, path)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", noted)
    monkeypatch.delattr(os, "memfd_create")
    access = make_pass()

    relay_tls.server(access.certificate, access.key, str(tmp_path))

    assert modes == [(tmp_path, 0o600)]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", ["gate", "device"])
def test_a_python_without_ssl_is_no_way(device, gate, tmp_path, monkeypatch, end):
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "ssl.py").write_text("raise ImportError('no OpenSSL')")
    access = make_pass()
    if end == "gate":
        monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
        asked = wire.to_json(relay_wire.ServeRequest(**asdict(access))) + b"\n"
        answer = json.loads(gate.run("serve", "localhost", SHA256, stdin=asked).stderr)
    else:
        with serving(gate, SHA256, access=access) as where:
            monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
            answer = fetch(device, where)[1]

    assert answer["error"] == relay_wire.NO_WAY
    assert "no module ssl" in answer["message"]


def test_a_file_that_the_jump_host_altered_is_thrown_away(device, gate):
    (gate.workdir / "blobs" / SHA256).write_bytes(CONTENT[:-1] + b"!")
    with serving(gate, SHA256) as where:
        status, answer = fetch(device, where, (SHA256, len(CONTENT), 0))

    assert (status, answer["error"]) == (wire.REFUSED, wire.BLOB_BROKEN)
    assert not list((device.workdir / "blobs").iterdir())


def test_a_jump_host_that_cannot_be_reached_or_has_another_certificate_is_no_way(device, gate):
    with serving(gate, SHA256) as where:
        stranger = fetch(device, where | {"certificate": make_pass().certificate})
        impostor = fetch(device, where | {"token": "0" * 64})
    gone = fetch(device, where)

    for status, answer in (stranger, impostor, gone):
        assert (status, answer["error"]) == (wire.REFUSED, relay_wire.NO_WAY)
    assert "certificate" in stranger[1]["message"]


def test_a_request_that_is_none_is_refused_before_anything_listens(gate):
    access = asdict(make_pass())
    for words in (b"", b"hello\n", wire.to_json(relay_wire.ServeRequest(**access | {"token": "ab"})) + b"\n"):
        assert json.loads(gate.run("serve", "localhost", stdin=words).stderr)["error"] == wire.BAD_REQUEST


def test_it_listens_on_the_one_address_that_the_device_sees(gate):
    with serving(gate, SHA256) as where:
        assert where["address"] in {"127.0.0.1", "::1"}

    asked = wire.to_json(relay_wire.ServeRequest(**asdict(make_pass()))) + b"\n"
    refused = gate.run("serve", "no-such-host.invalid", SHA256, stdin=asked)
    assert json.loads(refused.stderr)["error"] == relay_wire.NO_WAY
