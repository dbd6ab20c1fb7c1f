"""The lab's devices are what they say they are, seen as farm sees them: by a login over a real cable."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.lab import dress
from tests.lab.hosts import HostSpec, wait_for
from tests.lab.laboratory import Lab

pytestmark = pytest.mark.sshd

WHO = """python3 -c '
import platform, struct, sys
print(platform.node(), platform.machine(), struct.calcsize("P") * 8, sys.version_info >= (3, 8))'"""


@pytest.fixture(scope="module")
def fleet(lab) -> Lab:
    """One host of every kind."""
    return lab(
        HostSpec(name="pc-a"),
        HostSpec(name="pc-b", server="dropbear"),
        HostSpec(name="pc-c", behind="pc-a"),
        HostSpec(name="board-a", arm=True),
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "machine"), [("pc-a", "x86_64"), ("pc-b", "x86_64"), ("pc-c", "x86_64"), ("board-a", "aarch64")]
)
def test_a_login_shows_a_machine_of_its_own(fleet, name, machine):
    told = said(fleet.ssh(name, f"hostname; uname -m; {WHO}; cat /proc/1/comm")).split("\n")

    # a PC's machine is the one this runs on
    machine = os.uname().machine if machine == "x86_64" else machine
    assert told[:3] == [name, machine, f"{name} {machine} 64 True"]
    assert told[3] in {"sshd", "dropbear"}


def test_the_board_has_nothing_but_python_and_a_raspberry_pi_s_processor(fleet):
    script = """
    import importlib.util, pathlib
    print([name for name in ("numpy", "ai_edge_litert", "tflite_runtime", "pip") if importlib.util.find_spec(name)])
    print("Raspberry Pi 4" in pathlib.Path("/proc/cpuinfo").read_text())
    print(pathlib.Path("/sys/devices/system/cpu/present").exists())
    """
    done = fleet.ssh("board-a", "python3", "-c", f"'{textwrap.dedent(script)}'")

    assert said(done).split("\n")[:3] == ["[]", "True", "True"]


def test_a_32_bit_board_has_an_old_userland_and_numpy(lab):
    fleet = lab(HostSpec(name="board-o", arm=True, bits=32))
    script = "import numpy, platform, struct; print(platform.machine(), struct.calcsize(chr(80)), numpy.eye(2).sum())"

    assert said(fleet.ssh("board-o", f"uname -m; python3 -c '{script}'")).split("\n")[:2] == ["armv7l", "armv7l 4 2.0"]


def test_a_pc_has_nothing_but_python_either(fleet):
    done = fleet.ssh("pc-a", "python3", "-c", "'import numpy'")

    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_every_home_is_its_own_and_the_machine_is_out_of_reach(fleet):
    said(fleet.ssh("pc-a", "touch ~/mine /tmp/mine"))

    assert said(fleet.ssh("pc-b", "ls ~ /tmp")).split() == ["/root:", "/tmp:"]
    assert "mine" in said(fleet.ssh("pc-a", "ls ~"))
    assert not Path("/tmp/mine").exists()
    assert "Read-only file system" in fleet.ssh("pc-a", "touch /etc/mine").stderr


def test_the_host_behind_a_jump_host_is_reached_only_through_it(fleet):
    direct = subprocess.run(
        fleet.command("ssh", "-F", fleet.ssh_config, "-o", "ProxyJump=none", "pc-c", "true"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert direct.returncode == 255
    assert "unreachable" in direct.stderr
    assert said(fleet.ssh("pc-c", "echo $SSH_CONNECTION")).startswith("10.77.2.1 ")
    assert fleet["pc-c"].device.via == fleet["pc-a"].device


@pytest.mark.parametrize(("name", "works"), [("pc-a", True), ("pc-b", False), ("board-a", True)])
def test_dropbear_alone_has_no_sftp(fleet, name, works):
    done = subprocess.run(
        fleet.command("sftp", "-F", fleet.ssh_config, "-b", "-", name),
        input="ls\n",
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) == works, done.stderr


def test_host_keys_are_the_ones_the_lab_tells(fleet):
    for name in ("pc-a", "pc-b", "board-a"):
        shown = subprocess.run(
            fleet.command("ssh-keyscan", "-t", "ed25519", fleet[name].address),
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout.strip() == fleet[name].known_hosts_line
        assert fleet[name].fingerprint.startswith("SHA256:")


def test_a_cable_is_pulled_out_and_put_back(fleet):
    host = fleet["pc-b"]
    host.link_down()
    with fleet.entered(), pytest.raises(OSError, match=r"timed out|unreachable|No route"):
        socket.create_connection((host.address, 22), timeout=0.5)
    host.link_up()

    assert said(fleet.ssh("pc-b", "hostname")).strip() == "pc-b"


def round_trip_ms(fleet: Lab, name: str) -> float:
    """Return the quickest of three answers to a SYN."""
    times = []
    with fleet.entered():
        for _ in range(3):
            begin = time.perf_counter()
            socket.create_connection((fleet[name].address, 22), timeout=30).close()
            times.append(1e3 * (time.perf_counter() - begin))
    return min(times)


def test_a_cable_may_be_slow_or_lossy(lab):
    fleet = lab(HostSpec(name="pc-s"))
    host = fleet["pc-s"]
    host.cable(delay_ms=60)
    # never less than both ways; how much more, a busy machine decides
    assert round_trip_ms(fleet, "pc-s") > 119
    assert said(fleet.ssh("pc-s", "hostname")).strip() == "pc-s"

    host.kill()
    host.boot()
    assert round_trip_ms(fleet, "pc-s") > 119

    def lost() -> bool:
        with fleet.entered(), suppress(OSError), socket.create_connection((host.address, 22), timeout=0.5):
            return False
        return True

    host.cable(loss_percent=100)
    wait_for(lost, "a cable that loses everything lets it through")
    host.cable(rate_mbit=100)
    wait_for(lambda: not lost(), "it stays lost")


@pytest.mark.parametrize("name", ["pc-a", "board-a"])
def test_a_power_cut_ends_every_process_and_keeps_the_files(fleet, name):
    host = fleet[name]
    said(fleet.ssh(name, "echo kept > ~/kept; sync; sleep 1234 >/dev/null 2>&1 </dev/null &"))
    wait_for(lambda: "sleep 1234" in host.run("ps", "-ef"), "no sleep")
    host.kill()
    assert fleet.ssh(name, "-o", "ConnectTimeout=1", "true").returncode == 255
    host.boot()

    assert said(fleet.ssh(name, "cat ~/kept")) == "kept\n"
    assert "sleep 1234" not in host.run("ps", "-ef")


def test_every_host_and_every_start_has_an_identity_of_its_own(fleet):
    def identity(name):
        return said(fleet.ssh(name, "cat /etc/machine-id /proc/sys/kernel/random/boot_id")).split()

    before = {name: identity(name) for name in ("pc-a", "pc-b", "board-a")}
    fleet["pc-b"].kill()
    fleet["pc-b"].boot()
    machine, start = identity("pc-b")

    assert len({word for words in before.values() for word in words}) == 6
    assert machine == before["pc-b"][0]
    assert start != before["pc-b"][1]


def test_a_host_is_dressed_as_a_raspberry_pi_whose_facts_change(lab):
    fleet = lab(
        HostSpec(name="pi-a", arm=True, dress=dress.RASPBERRY_PI_4), HostSpec(name="pi-b", dress=dress.RASPBERRY_PI_4)
    )
    look = (
        "tr -d '\\0' </sys/firmware/devicetree/base/model; echo; cat /sys/class/thermal/thermal_zone0/temp"
        " /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor; vcgencmd get_throttled; grep -c BCM2835 /proc/cpuinfo"
    )
    model = "Raspberry Pi 4 Model B Rev 1.4"
    for host in fleet:
        assert said(fleet.ssh(host.name, look)).splitlines() == [model, "48312", "ondemand", "throttled=0x0", "1"]
        dress.set_temperature(host, 81.5)
        dress.set_governor(host, "performance")
        dress.set_throttled(host, 0x50005)
        assert said(fleet.ssh(host.name, look)).splitlines()[1:4] == ["81500", "performance", "throttled=0x50005"]


def test_the_lab_has_no_way_out(fleet):
    routes = subprocess.run(fleet.command("ip", "route"), capture_output=True, text=True, check=True)

    assert [line.split()[0] for line in routes.stdout.splitlines()] == ["10.77.1.0/24"]
    assert "default" not in fleet["pc-a"].run("ip", "route")


def test_the_machine_s_own_network_is_untouched_and_two_labs_do_not_meet(fleet, lab):
    before = subprocess.run(["ip", "-brief", "address"], capture_output=True, text=True, check=True).stdout
    other = lab(HostSpec(name="pc-z"))

    assert other["pc-z"].address == fleet["pc-a"].address
    assert said(other.ssh("pc-z", "hostname")).strip() == "pc-z"
    assert said(fleet.ssh("pc-a", "hostname")).strip() == "pc-a"
    other.down()
    assert said(fleet.ssh("pc-a", "hostname")).strip() == "pc-a"
    assert subprocess.run(["ip", "-brief", "address"], capture_output=True, text=True, check=True).stdout == before


def test_a_lab_ends_with_the_process_that_started_it_even_by_a_kill(fleet, tmp_path):
    code = """
    import sys, time, pathlib
    from tests.lab.hosts import HostSpec
    from tests.lab.laboratory import Lab
    Lab.up(pathlib.Path(sys.argv[1]), [HostSpec(name="pc-x")])
    print("up", flush=True)
    time.sleep(600)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), tmp_path / "lab"], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout.readline() == "up\n"
        orphan = Lab.find(tmp_path / "lab")
        keeper, host = orphan.keeper, orphan["pc-x"].inhabitant
        assert keeper is not None
        assert host is not None
        child.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(Path(f"/proc/{process.pid}").exists() for process in (keeper, host)), "it lives on")


def test_the_command_line_keeps_a_lab_up_until_it_is_told_otherwise(fleet, tmp_path):
    folder = tmp_path / "lab"

    def tell(*argv: str) -> str:
        return said(
            subprocess.run(
                [sys.executable, "-m", "tests.lab", "--folder", folder, *argv],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        )

    tell("up", "1", "--behind", "1")
    try:
        hosts = Lab.find(folder)
        tell("kill", "pc-1")
        states = [line.split()[3] for line in tell("status").splitlines()]
        assert states == ["off", "on"]
        tell("boot", "pc-1")
        tell("link", "pc-1", "down")
        tell("link", "pc-1", "up")
        assert tell("exec", "ssh", "-F", str(hosts.ssh_config), "behind-1", "hostname") == "behind-1\n"
    finally:
        tell("down")
    assert not hosts.is_up
    assert not folder.exists()


def test_without_what_the_tests_need_it_names_the_command_that_installs_it():
    code = (
        "import importlib.util, runpy, sys\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'pytest' else find(name, *rest)\n"
        "runpy.run_module('tests.lab', run_name='__main__')\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "test devices need what the tests need: ./scripts/prepare installs it\n"
