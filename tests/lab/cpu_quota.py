"""A control group of this machine's own with a CPU quota."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.facts.cgroups import parse_membership, parse_mountinfo

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def group_with_a_fifth_of_a_cpu() -> Iterator[Path]:
    """Yield the folder of the group; skip the test where none can be made."""
    point, first = _mount()
    group = point / f"farm-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("cpu.cfs_quota_us" if first else "cpu.max")).write_text("20000" if first else "20000 100000")
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control group with a CPU quota can be made here: {error}")
    try:
        yield group
    finally:
        group.rmdir()


@contextmanager
def inside(group: Path) -> Iterator[None]:
    """Be in the group, with all processes that are started meanwhile; they stay in it."""
    point, first = _mount()
    before = parse_membership(Path("/proc/self/cgroup").read_text())["cpu" if first else ""]
    (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        (point / before.strip("/") / "cgroup.procs").write_text(str(os.getpid()))


def _mount() -> tuple[Path, bool]:
    """Return where groups with the cpu controller are mounted, and whether they are of version 1."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text()) if sys.platform == "linux" else []
    first = [point for _, point, kind, options in mounts if kind == "cgroup" and "cpu" in options]
    second = [point for _, point, kind, _ in mounts if kind == "cgroup2"]
    if not first and not second:
        pytest.skip("no control groups are mounted here")
    return Path((first or second)[0]), bool(first)
