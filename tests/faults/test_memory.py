"""An attempt that the kernel ends because memory ran out: a real one, in a control group with little of it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.agent.conftest import *  # noqa: F403  the fixture `device`: the agent as the zip that the controller pushes
from tests.lab.project import wait_for

#: Room for the lane and a worker that wants nothing, not for the gigabyte of the one that eats.
LITTLE = 400 << 20


@contextmanager
def little_memory():
    """Yield the folder of a control group whose processes have `LITTLE` memory together; skip where there can't be one."""
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    above, limit = (first, "memory.limit_in_bytes") if first.is_dir() else (second, "memory.max")
    group = above / f"farm-test-memory-{os.getpid()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(LITTLE))
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control group for memory can be made here: {error}")
    try:
        yield group
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text())
        group.rmdir()


def test_a_worker_that_the_kernel_kills_for_memory_fails_with_that_reason_and_the_lane_goes_on(device, tmp_path):
    greedy, modest = device.fake("a", "eat"), device.fake("b", "")
    python = tmp_path / "python"

    with little_memory() as group:
        python.write_text(f'#!/bin/sh\necho $$ > {group}/cgroup.procs\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        replace(device, python=str(python)).start(greedy, modest)
        done = device.done()

    assert "killed by SIGKILL" in done["a"].error
    assert "the kernel killed it because memory ran out" in done["a"].error
    assert done["b"].error is None
