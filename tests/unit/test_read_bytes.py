"""Files that a person names: what is none is refused at once, pipes of a shell are read."""

from __future__ import annotations

import os
import socket
import threading

import pytest

from orchestrator.config import suite as suites
from orchestrator.config.foreign_inventory import notation
from orchestrator.config.inventory import Inventory
from orchestrator.config.read_bytes import is_lasting, read_bytes
from orchestrator.errors import UsageError

pytestmark = pytest.mark.timeout(60)  # what waits here waits for ever


@pytest.fixture
def pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


def test_a_pipe_that_nothing_writes_to_is_refused_at_once(pipe):
    for read in (suites.load, Inventory.load):
        with pytest.raises(UsageError, match="pipe: a pipe that nothing writes to"):
            read(pipe)
    assert notation(pipe) is None


def test_a_pipe_is_read_to_its_end_however_late_its_writer_goes_on(pipe):
    is_open, may_write = threading.Event(), threading.Event()

    def write():
        with pipe.open("wb") as file:  # waits until the reader is there
            is_open.set()
            may_write.wait()
            for _ in range(3):
                file.write(b"x" * 100_000)
                file.flush()

    threading.Thread(target=write, daemon=True).start()
    holder = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    is_open.wait()
    may_write.set()

    assert len(read_bytes(pipe, 1_000_000)) == 300_000
    os.close(holder)


def test_what_a_shell_hands_over_is_read(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"models: [tiny-cxr]\n")
    os.close(writing)

    assert read_bytes(tmp_path / f"/dev/fd/{reading}", 100) == b"models: [tiny-cxr]\n"
    os.close(reading)


def test_a_device_or_a_socket_is_no_file_and_the_null_device_is_an_empty_one(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))

        with pytest.raises(OSError, match="a socket, not a file"):
            read_bytes(path, 100)
    with pytest.raises(OSError, match="a device, not a file"):
        read_bytes(tmp_path / "/dev/zero", 100)
    assert read_bytes(tmp_path / "/dev/null", 100) == b""


def test_no_more_is_read_than_may_be(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 1000)

    assert len(read_bytes(tmp_path / "file", 10)) == 10
    assert is_lasting(tmp_path / "file")
