from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.models import build_processes, free_memory
from orchestrator.models.build_processes import BuildLimits, Order, run_all
from tests.lab.odd_builder import is_alive
from tests.lab.project import wait_for

ONE = BuildLimits(at_once=1)
TWO = BuildLimits(at_once=2)
MB = 1_000_000


def orders(*plain, group="model"):
    return [
        Order(number=number, group=each.pop("group", group), memory_bytes=MB, plain=each)
        for number, each in enumerate(plain)
    ]


def answered(folder, wanted, limits):
    """The answers by number, in the order that they came."""
    (folder / "building").mkdir(exist_ok=True)
    answers = run_all(wanted, limits, folder / "building", folder / "log", module="tests.lab.odd_builder")
    return {answer.number: answer.plain for answer in answers}


def test_one_process_builds_all_of_a_model_in_order_and_another_model_has_another(tmp_path):
    answers = answered(tmp_path, orders({"group": "a"}, {"group": "b"}, {"group": "a"}), ONE)

    assert list(answers) == [0, 2, 1]
    assert answers[0]["pid"] == answers[2]["pid"] != answers[1]["pid"]
    assert (tmp_path / "log").read_text().splitlines() == ["an order came"] * 3


def test_two_models_are_built_at_the_same_time(tmp_path):
    here = str(tmp_path / "here")
    wanted = orders({"group": "a", "waits_for": here}, {"group": "b", "writes": [here]})

    answers = answered(tmp_path, wanted, TWO)

    assert answers[0]["pid"] != answers[1]["pid"]


def test_a_model_whose_build_takes_long_gets_a_second_process(tmp_path, monkeypatch):
    monkeypatch.setattr(build_processes, "SPLIT_AFTER_S", 0.0)
    here = str(tmp_path / "here")

    answers = answered(tmp_path, orders({"waits_for": here}, {"writes": [here]}), TWO)

    assert answers[0]["pid"] != answers[1]["pid"]


def test_a_build_over_its_time_fails_alone_with_the_option_that_gives_it_more(tmp_path):
    never = str(tmp_path / "never")
    limits = BuildLimits(at_once=1, timeout_s=15.0)

    answers = answered(tmp_path, orders({"hangs_without": never}, {}), limits)

    assert answers[0] == {"error": "its build took longer than 15 s; give it more: --build-timeout"}
    assert answers[1]["pid"]


def test_a_build_over_the_memory_fails_alone_with_the_option_that_gives_it_more(tmp_path):
    never = str(tmp_path / "never")
    limits = BuildLimits(at_once=1, memory_bytes=150 * MB)

    answers = answered(tmp_path, orders({"takes_bytes": 300 * MB, "hangs_without": never}, {}), limits)

    assert answers[0] == {"error": "its build took more than 150 MB of memory; give it more: --build-memory"}
    assert answers[1]["pid"]


def test_what_a_builder_starts_counts_as_its_memory(tmp_path):
    never = str(tmp_path / "never")
    limits = BuildLimits(at_once=1, memory_bytes=150 * MB, timeout_s=300)

    answers = answered(tmp_path, orders({"starts": 300 * MB, "hangs_without": never}), limits)

    assert answers[0] == {"error": "its build took more than 150 MB of memory; give it more: --build-memory"}


def test_a_killed_builder_leaves_its_temporary_files_in_the_folder_of_the_build(tmp_path):
    left = tmp_path / "left"
    order = {"leaves_a_folder": str(left), "kills_itself": signal.SIGKILL}

    answered(tmp_path, orders(order), ONE)

    assert Path(left.read_text()).parent == tmp_path / "building"


def test_what_takes_too_much_memory_beside_others_is_built_once_more_alone(tmp_path):
    tried, here = str(tmp_path / "tried"), str(tmp_path / "here")
    large = {"group": "a", "takes_bytes": 200 * MB, "writes": [here], "hangs_without": tried}
    small = {"group": "b", "takes_bytes": 150 * MB, "waits_for": tried, "waits_for_end_of": here}
    limits = BuildLimits(at_once=2, memory_bytes=300 * MB)

    answers = answered(tmp_path, orders(large, small), limits)

    assert list(answers) == [1, 0]
    assert answers[0]["pid"]


def test_where_memory_is_short_models_are_built_one_after_the_other(tmp_path):
    wanted = [Order(number=number, group=str(number), memory_bytes=200 * MB, plain={}) for number in range(3)]

    answers = answered(tmp_path, wanted, BuildLimits(at_once=8, memory_bytes=300 * MB))

    assert list(answers) == [0, 1, 2]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kills_itself": signal.SIGSEGV}, "its build crashed (SIGSEGV): an order came"),
        ({"kills_itself": signal.SIGKILL}, "its build was killed (SIGKILL), which the kernel does where memory runs"),
    ],
)
def test_a_builder_that_dies_takes_one_build_with_it(tmp_path, fault, words):
    answers = answered(tmp_path, orders({}, fault, {}), ONE)

    assert words in answers[1]["error"]
    assert answers[0]["pid"] != answers[2]["pid"]


def test_a_builder_that_ends_by_itself_is_not_started_for_each_artifact(tmp_path):
    answers = answered(tmp_path, orders({"exits": 3}, {}, {"group": "another"}), ONE)

    assert "the builder ended with status 3: an order came" in answers[0]["error"]
    assert answers[1] == answers[0]
    assert answers[2]["pid"]


def test_whoever_stops_listening_ends_the_builders(tmp_path):
    here, never = tmp_path / "here", str(tmp_path / "never")
    answers = run_all(
        orders({"group": "a"}, {"group": "b", "writes": [str(here)], "hangs_without": never}),
        TWO,
        tmp_path,
        tmp_path / "log",
        module="tests.lab.odd_builder",
    )

    next(answers)
    assert wait_for(here.exists)
    answers.close()

    assert not is_alive(int(here.read_text()))


def test_a_killed_controller_leaves_neither_a_builder_nor_files(tmp_path):
    here, building = tmp_path / "here", tmp_path / "building"
    building.mkdir()
    code = (
        "from pathlib import Path; from orchestrator.models.build_processes import *\n"
        f"plain = {{'writes': [{str(here)!r}], 'hangs_without': {str(tmp_path / 'never')!r}}}\n"
        "order = Order(number=0, group='', memory_bytes=0, plain=plain)\n"
        f"list(run_all([order], BuildLimits(), Path({str(building)!r}), Path('log'), module='tests.lab.odd_builder'))"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path.cwd()) as controller:
        assert wait_for(lambda: here.exists() and here.read_text())

        os.kill(controller.pid, signal.SIGKILL)
        controller.wait()

        assert wait_for(lambda: not is_alive(int(here.read_text())), seconds=120)
        assert not building.exists()


def test_free_memory_is_what_the_tightest_group_around_us_leaves(tmp_path):
    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    assert free_memory.free_bytes(tmp_path) is None
    write("proc/meminfo", "MemTotal: 4000 kB\nMemAvailable: 2000 kB\n")
    assert free_memory.free_bytes(tmp_path) == 2_048_000
    write("sys/fs/cgroup/memory.max", "max\n")
    write("sys/fs/cgroup/memory.current", "900000\n")
    assert free_memory.free_bytes(tmp_path) == 2_048_000
    write("sys/fs/cgroup/memory.max", "1000000\n")
    assert free_memory.free_bytes(tmp_path) == 100_000
    assert free_memory.taken_bytes(os.getpid()) > 5 * MB
    assert free_memory.taken_bytes(1 << 30) == 0


def test_builders_end_where_their_answers_are_wanted_no_more(tmp_path):
    never, begun = str(tmp_path / "never"), tmp_path / "begun"
    (tmp_path / "building").mkdir()
    wanted = orders({"writes": [str(begun)], "hangs_without": never})

    answers = run_all(
        wanted,
        ONE,
        tmp_path / "building",
        tmp_path / "log",
        module="tests.lab.odd_builder",
        is_wanted=lambda: not begun.exists(),
    )

    assert list(answers) == []
    assert (tmp_path / "log").read_text() == "an order came\n", "it is over: what it printed is kept"
