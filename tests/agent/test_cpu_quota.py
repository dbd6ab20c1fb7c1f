"""The CPU quota of a container: as files of both versions of control groups, and from this machine's own kernel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from agent.facts.cgroups import Quota, parse_cpu_max, parse_membership, parse_mountinfo, quota_cpus, quotas
from agent.facts.system_files import Root
from agent.sensors import Sensors
from agent.sensors.quota import parse_cpu_stat
from tests.agent.test_facts import put
from tests.lab.cpu_quota import group_with_a_fifth_of_a_cpu

BOARDS = Path(__file__).parent.parent / "data" / "sensors"
V2 = "30 24 0:26 {root} /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"


def test_the_tightest_quota_around_a_group_counts_and_groups_without_one_do_not():
    pod = "sys/fs/cgroup/kubepods.slice/pod7"

    found = quotas(Root(str(BOARDS / "container-cgroup-v2" / "root")))

    assert found == [Quota(1.5, pod + "/cpu.stat"), Quota(4.0, pod + "/9c1e/cpu.stat")]


@pytest.mark.parametrize(
    ("mounted", "own"),
    [("/", "/"), ("/../..", "/"), ("/docker/4f0c", "/docker/4f0c"), ("/", "/docker/gone"), ("/docker/4f", "/docker/4f0c"), ("/", "/../x")],
)  # fmt: skip
def test_a_container_that_sees_its_own_group_alone_reads_it_there(tmp_path, mounted, own):
    files = {
        "proc/self/cgroup": f"0::{own}\n",
        "proc/self/mountinfo": V2.format(root=mounted),
        "sys/fs/cgroup/cpu.max": "50000 100000\n",
    }

    assert quota_cpus(Root(put(tmp_path, files))) == 0.5


@pytest.mark.parametrize("quota", ["-1\n", "0\n", "", "many\n"])
def test_a_group_of_version_1_without_a_limit_has_no_quota(tmp_path, quota):
    files = {
        "proc/self/cgroup": "1:cpu:/\n",
        "proc/self/mountinfo": "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota,
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }

    assert quota_cpus(Root(put(tmp_path, files))) is None


def test_what_is_no_line_of_a_control_group_is_passed_over():
    assert parse_cpu_max("max 100000") is parse_cpu_max("") is parse_cpu_max("1") is parse_cpu_max("1 0") is None
    assert parse_mountinfo("\n30 24\n30 24 0:26 / /a - \n") == []
    assert parse_mountinfo("30 24 0:26 / /a\\040b rw - cgroup2 none rw") == [("/", "/a b", "cgroup2", ["rw"])]
    assert parse_membership("nonsense\n0:\n4:cpu,cpuacct:/a:b\n0::/\n") == {"cpu": "/a:b", "cpuacct": "/a:b", "": "/"}
    assert parse_cpu_stat("usage_usec 9\n") == parse_cpu_stat("nr_periods x\n") == {}


def test_readings_count_from_when_the_sensors_were_found_and_tell_of_the_group_that_stopped_us(tmp_path):
    root = tmp_path / "root"
    board = BOARDS / "container-cgroup-v2" / "root"
    put(root, {str(path.relative_to(board)): path.read_text() for path in board.rglob("*") if path.is_file()})
    sensors = Sensors(str(root))
    stat = root / "sys/fs/cgroup/kubepods.slice/pod7/cpu.stat"

    stat.write_text("nr_periods 800\nnr_throttled 72\nthrottled_usec 940000\n")

    found = sensors.read()
    assert {name: value for name, value in found.items() if name.startswith("quota_")} == {
        "quota_periods": 100,
        "quota_throttled_periods": 60,
        "quota_throttled_ns": 600_000_000,
    }


def test_a_machine_without_quota_says_nothing_of_one(tmp_path):
    assert not any(name.startswith("quota") for name in Sensors(str(tmp_path)).read())


WORK = """
import json, sys, time
from agent.facts.cgroups import quota_cpus
from agent.facts.system_files import Root
from agent.sensors import Sensors
sys.stdin.readline()
sensors = Sensors("/")
before = sensors.read()
until = time.process_time() + 0.3
while time.process_time() < until:
    pass
print(json.dumps([quota_cpus(Root("/")), before, sensors.read()]))
"""


def test_a_process_in_a_group_with_a_quota_learns_that_it_was_stopped():
    with group_with_a_fifth_of_a_cpu() as group:
        process = subprocess.Popen(
            [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        (group / "cgroup.procs").write_text(str(process.pid))
        printed, _ = process.communicate("\n", timeout=300)

    cpus, before, after = json.loads(printed)
    assert cpus == 0.2
    grown = {name: after[name] - before[name] for name in after if name.startswith("quota_")}
    assert 0 < grown["quota_throttled_periods"] <= grown["quota_periods"]
    assert grown["quota_throttled_ns"] > 100_000_000
