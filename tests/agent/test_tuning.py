"""Tuning: over a real tree of files, with real kills in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent import wire
from agent.refusals import Refused
from agent.setting_writer import SettingWriter
from agent.tuner import Tuner
from agent.workdir import Workdir

CPU = "sys/devices/system/cpu"
ASK = wire.TuneRequest(holder="me@here")
#: Holds settings below ROOT and is killed just before it changes the file number KILL_AT, from 0; it says when it holds all.
HOLD = """
import os, signal, sys
from agent import wire
from agent.setting_writer import SettingWriter
from agent.tuner import Tuner
from agent.workdir import Workdir

root, workdir, kill_at = sys.argv[1], Workdir(sys.argv[2]).make(), int(sys.argv[3])
writer, changed = SettingWriter(), []

def write(path, value):
    if len(changed) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    changed.append(path)
    return writer(path, value)

lane = sys.argv[4] or None
print(Tuner(workdir, root, write=write).hold(wire.TuneRequest(holder="me@here"), lane), flush=True)
signal.pause()
"""


@pytest.fixture
def root(tmp_path):
    """A machine with two frequency policies and Intel's turbo switch."""
    return machine(tmp_path / "root")


def machine(root: Path) -> Path:
    for policy, governor in (("policy0", "powersave"), ("policy4", "schedutil")):
        put(root, f"{CPU}/cpufreq/{policy}/scaling_governor", governor)
        put(root, f"{CPU}/cpufreq/{policy}/scaling_available_governors", "performance powersave schedutil")
    put(root, f"{CPU}/intel_pstate/no_turbo", "0")
    put(root, "proc/sys/kernel/random/boot_id", "first")
    return root


def put(root: Path, path: str, value: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(value + "\n")


def governors(root: Path) -> list[str]:
    return [
        (root / f"{CPU}/cpufreq/{policy}/scaling_governor").read_text().strip() for policy in ("policy0", "policy4")
    ]


def no_turbo(root: Path) -> str:
    return (root / f"{CPU}/intel_pstate/no_turbo").read_text().strip()


def tuning(tmp_path: Path, root: Path, **more: object) -> Tuner:
    return Tuner(Workdir(tmp_path / "work").make(), str(root), **{"write": SettingWriter(), **more})


def test_every_policy_is_set_and_put_back_as_it_was(tmp_path, root):
    here = tuning(tmp_path, root)

    answer = here.hold(ASK)

    assert governors(root) == ["performance", "performance"]
    assert [change["before"] for change in answer["set"]] == ["powersave", "schedutil"]
    assert answer["failed"] == []
    assert answer["tuned"]["holder"] == "me@here"
    assert here.restore()["tuned"] is None
    assert governors(root) == ["powersave", "schedutil"]
    assert not here.is_recorded()


def test_turbo_is_left_alone_unless_asked_for(tmp_path, root):
    here = tuning(tmp_path, root)

    here.hold(ASK)
    untouched = no_turbo(root)
    here.hold(wire.TuneRequest(holder="me@here", no_turbo=True))
    switched = no_turbo(root)
    here.restore()

    assert (untouched, switched, no_turbo(root)) == ("0", "1", "0")
    assert governors(root) == ["powersave", "schedutil"]


def test_boost_is_switched_off_where_that_is_the_switch(tmp_path, root):
    (root / f"{CPU}/intel_pstate/no_turbo").unlink()
    put(root, f"{CPU}/cpufreq/boost", "1")
    here = tuning(tmp_path, root)

    here.hold(wire.TuneRequest(holder="me@here", no_turbo=True))

    assert (root / f"{CPU}/cpufreq/boost").read_text() == "0"
    here.restore()
    assert (root / f"{CPU}/cpufreq/boost").read_text() == "1"


def test_what_is_right_already_is_neither_changed_nor_recorded(tmp_path, root):
    for policy in ("policy0", "policy4"):
        put(root, f"{CPU}/cpufreq/{policy}/scaling_governor", "performance")
    here = tuning(tmp_path, root)

    answer = here.hold(ASK)

    assert [kept["what"] for kept in answer["kept"]] == ["governor of policy0", "governor of policy4"]
    assert (answer["set"], answer["tuned"], here.is_recorded()) == ([], None, False)


def test_a_machine_without_frequency_scaling_is_a_failure_with_the_reason(tmp_path):
    answer = tuning(tmp_path, tmp_path / "empty").hold(wire.TuneRequest(holder="me", no_turbo=True))

    assert "no frequency scaling" in answer["failed"][0]["why"]
    assert "no switch" in answer["failed"][1]["why"]
    assert answer["tuned"] is None


def test_a_kernel_without_the_governor_lists_what_it_has(tmp_path, root):
    put(root, f"{CPU}/cpufreq/policy0/scaling_available_governors", "powersave schedutil")
    here = tuning(tmp_path, root)

    answer = here.hold(ASK)

    assert answer["failed"] == [
        {"what": "governor of policy0", "why": "its kernel offers powersave, schedutil, not performance"}
    ]
    assert governors(root) == ["powersave", "performance"]


def test_a_value_that_the_kernel_does_not_take_is_a_failure(tmp_path, root):
    here = tuning(tmp_path, root, write=lambda *_: None)

    answer = here.hold(ASK)

    assert answer["failed"][0]["why"] == "it took performance and reads powersave"
    assert (answer["tuned"], here.is_recorded()) == (None, False)


def test_nothing_is_changed_that_cannot_be_written_down(tmp_path, root):
    here = tuning(tmp_path, root)
    (tmp_path / "work").rename(tmp_path / "elsewhere")

    answer = here.hold(ASK)

    assert "can't be written down" in answer["failed"][0]["why"]
    assert governors(root) == ["powersave", "schedutil"]


@pytest.mark.parametrize(
    ("lane", "why"), [("a-lane", "lane a-lane is gone"), ("", "the process that set it was killed")]
)
@pytest.mark.parametrize("kill_at", [0, 1], ids=["after recording", "between two settings"])
def test_a_kill_while_setting_is_mended_at_the_next_contact(tmp_path, root, kill_at, lane, why):
    done = subprocess.run(
        [sys.executable, "-c", HOLD, str(root), str(tmp_path / "work"), str(kill_at), lane],
        stdout=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    assert governors(root)[kill_at:] == ["powersave", "schedutil"][kill_at:]

    mended = tuning(tmp_path, root).recover()

    assert mended is not None
    assert mended["why"] == why
    assert len(mended["restored"]) == kill_at
    assert governors(root) == ["powersave", "schedutil"]
    assert not tuning(tmp_path, root).is_recorded()


def test_a_kill_while_holding_is_mended_at_the_next_contact(tmp_path, root):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root), str(tmp_path / "work"), "99", "a-lane"], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert governors(root) == ["performance", "performance"]
        holder.kill()

    mended = tuning(tmp_path, root).recover()

    assert mended is not None
    assert len(mended["restored"]) == 2
    assert governors(root) == ["powersave", "schedutil"]


def test_what_a_person_holds_stays_until_its_time_is_over(tmp_path, root):
    now = [1000.0]
    here = tuning(tmp_path, root, clock=lambda: now[0])
    here.hold(wire.TuneRequest(holder="me", seconds=60))

    now[0] += 59
    assert here.recover() is None
    assert governors(root) == ["performance", "performance"]
    now[0] += 1
    mended = here.recover()

    assert mended is not None
    assert mended["why"] == "its time is over"
    assert governors(root) == ["powersave", "schedutil"]


def test_a_restart_undid_everything_so_that_only_the_record_goes(tmp_path, root):
    here = tuning(tmp_path, root)
    here.hold(ASK)
    put(root, "proc/sys/kernel/random/boot_id", "second")
    put(root, f"{CPU}/cpufreq/policy0/scaling_governor", "ondemand")

    mended = here.recover()

    assert mended is not None
    assert (mended["restored"], mended["why"]) == ([], "the device restarted, which undid it")
    assert governors(root) == ["ondemand", "performance"]
    assert not here.is_recorded()


def test_a_recovery_is_reported_for_an_hour(tmp_path, root):
    here = tuning(tmp_path, root)
    assert here.last_recovery() is None
    here.hold(ASK, "a-lane")
    mended = here.recover()

    recovery = here.last_recovery()

    assert recovery == {"at_ns": recovery["at_ns"], **mended}
    path = tmp_path / "work" / "tuning.mended.json"
    path.write_text(json.dumps({**recovery, "at_ns": recovery["at_ns"] - 3600 * 10**9}))
    assert here.last_recovery() is None
    path.write_text("torn")
    assert here.last_recovery() is None


def test_what_another_program_set_since_is_left_alone(tmp_path, root):
    here = tuning(tmp_path, root)
    here.hold(ASK)
    put(root, f"{CPU}/cpufreq/policy4/scaling_governor", "ondemand")

    answer = here.restore()

    assert governors(root) == ["powersave", "ondemand"]
    assert answer["failed"][0]["why"] == "it has been set to ondemand since: left alone"
    assert not here.is_recorded()


def test_what_cannot_be_put_back_now_stays_on_record(tmp_path, root):
    write = SettingWriter()
    tuning(tmp_path, root).hold(ASK, "a-lane")
    broken = tuning(tmp_path, root, write=lambda path, value: "no right" if "policy4" in path else write(path, value))

    answer = broken.restore()

    assert answer["failed"] == [{"what": "governor of policy4", "why": "no right"}]
    assert [left["what"] for left in answer["tuned"]["settings"]] == ["governor of policy4"]
    assert tuning(tmp_path, root).recover() is not None
    assert governors(root) == ["powersave", "schedutil"]


def test_a_second_person_extends_the_time_and_keeps_what_was(tmp_path, root):
    here = tuning(tmp_path, root, clock=lambda: 0.0)
    here.hold(wire.TuneRequest(holder="first", seconds=60))

    answer = here.hold(wire.TuneRequest(holder="second", seconds=600))

    assert answer["tuned"]["holder"] == "second"
    assert answer["tuned"]["until_ns"] - answer["tuned"]["since_ns"] > 590e9
    here.restore()
    assert governors(root) == ["powersave", "schedutil"]


def test_a_lane_uses_what_a_person_holds_and_leaves_it(tmp_path, root):
    here = tuning(tmp_path, root)
    here.hold(ASK)

    answer = here.hold(ASK, "a-lane")

    assert (answer["set"], answer["tuned"]["lane"]) == ([], None)
    assert here.release("a-lane") is None
    assert governors(root) == ["performance", "performance"]


def test_a_record_that_names_other_files_is_put_aside_and_nothing_is_written(tmp_path, root):
    here = tuning(tmp_path, root)
    here.hold(ASK, "a-lane")
    record = tmp_path / "work" / "tuning.json"
    payload = json.loads(record.read_text())
    payload["settings"][0]["path"] = f"{CPU}/../../../../etc/passwd"
    put(root, "etc/passwd", "performance")
    record.write_text(json.dumps(payload))

    mended = here.recover()

    assert mended is not None
    assert "can't be read" in mended["why"]
    assert (root / "etc/passwd").read_text() == "performance\n"
    assert (tmp_path / "work" / "tuning.json.damaged").exists()
    assert here.recover() is None


def test_a_record_of_this_farm_is_put_back_by_every_later_one(tmp_path, root):
    here = tuning(tmp_path, root)
    put(root, f"{CPU}/cpufreq/policy0/scaling_governor", "performance")
    (tmp_path / "work" / "tuning.json").write_text(
        """{"holder": "me@here", "lane": "a-lane", "since_ns": 1, "until_ns": 2, "until_boottime_s": 3.5, "boot_id": "first",
        "settings": [{"what": "governor of policy0", "path": "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
        "before": "powersave", "wanted": "performance"}], "what a later one adds": true}"""
    )

    assert here.recover() is not None
    assert governors(root) == ["powersave", "schedutil"]


def test_settings_are_held_for_a_day_at_most(tmp_path, root):
    with pytest.raises(Refused, match="24 hours at most"):
        tuning(tmp_path, root).hold(wire.TuneRequest(holder="me", seconds=86401))


@pytest.fixture
def of_another_user():
    """A file that the user ``user`` may read and not write, and a folder beside it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "scaling_governor"
        file.write_text("powersave\n")
        file.chmod(0o444)
        yield file, 65534 if os.geteuid() == 0 else None


def written_by(user: int | None, file: Path, sudo: str | None) -> list[str]:
    """Return what `SettingWriter` of a user without rights says of writing ``file``, twice."""
    script = (
        "import os, sys; from agent.setting_writer import SettingWriter; user, file, *sudo = sys.argv[1:]\n"
        "if int(user): os.setuid(int(user))\n"
        "write = SettingWriter(*sudo)\n"
        "for _ in 'ab': print(write(file, 'performance'))"
    )
    words = [sys.executable, "-c", script, str(user or 0), str(file), *([sudo] if sudo else [])]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    return done.stdout.splitlines()


def test_without_rights_and_sudo_the_reason_is_given(of_another_user):
    file, user = of_another_user

    assert written_by(user, file, None)[0].startswith("this user may not write it, and there is no sudo")


def test_sudo_is_called_without_a_shell_and_never_to_ask(of_another_user):
    file, user = of_another_user
    sudo = file.with_name("sudo")
    sudo.write_text(f'#!/bin/sh\n[ "$*" = "-n tee {file}" ] && [ "$(cat)" = performance ]\n')
    sudo.chmod(0o755)

    assert written_by(user, file, str(sudo)) == ["None", "None"]


def test_a_refusal_of_sudo_is_passed_on_and_not_asked_for_again(of_another_user):
    file, user = of_another_user
    sudo = file.with_name("sudo")
    sudo.write_text('#!/bin/sh\necho "sudo: a password is required $$" >&2\nexit 1\n')
    sudo.chmod(0o755)

    answer = written_by(user, file, str(sudo))

    assert "`sudo -n` says: sudo: a password is required" in answer[0]
    assert answer[0] == answer[1]


def test_a_lane_records_what_could_not_be_set_and_goes_on(device):
    lane = wire.LaneRequest(lane="tuned", run="r", holder="me", steps=(), tune=ASK)

    device.ask("start", stdin=wire.to_json(lane))
    records = device.records("tuned")

    assert records[-1] == wire.LaneDone(at_ns=records[-1].at_ns)
    (tuned,) = [record for record in records if isinstance(record, wire.Tuned) and "kept" in record.answer]
    assert {"set", "kept", "failed", "tuned"} == set(tuned.answer)
