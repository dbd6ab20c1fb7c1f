from __future__ import annotations

import platform
import time

from agent import facts, wire

PI4 = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3

Hardware\t: BCM2835
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""
PC = """processor\t: 0
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
cpu MHz\t\t: 2199.998
flags\t\t: fpu vme hypervisor lahf_lm

processor\t: 1
model name\t: Intel(R) Xeon(R) CPU @ 2.20GHz
cpu MHz\t\t: 3000.5
flags\t\t: fpu vme hypervisor lahf_lm
"""


def put(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def test_the_facts_of_a_raspberry_pi(tmp_path):
    root = put(
        tmp_path,
        {
            "proc/cpuinfo": PI4,
            "proc/meminfo": "MemTotal:        3884360 kB\nMemFree: 1 kB\n",
            "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
            "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        },
    )

    found = facts.gather(root, root)

    assert found["board"] == "Raspberry Pi 4 Model B Rev 1.4"
    assert found["cpu_model"] == "Cortex-A72"
    assert found["memory_bytes"] == 3884360 * 1024
    assert found["os"] == "Debian GNU/Linux 12 (bookworm)"
    assert found["governor"] == "ondemand"
    assert "virtual" not in found


def test_a_board_is_known_by_its_device_tree_where_proc_does_not_link_to_it(tmp_path):
    root = put(tmp_path, {"sys/firmware/devicetree/base/model": "Radxa ROCK 5B\0"})

    assert facts.gather(root, root)["board"] == "Radxa ROCK 5B"


def test_the_facts_of_this_machine_match_those_of_python(tmp_path):
    found = facts.gather(str(tmp_path))

    assert found["machine"] == platform.machine()
    assert found["python"] == platform.python_version()
    assert found["hostname"] == platform.node()
    assert found["cores"] >= 1
    assert found["disk_free_bytes"] > 0
    assert abs(found["clock_ns"] - time.time_ns()) < 60e9
    if platform.libc_ver()[0] == "glibc":
        assert found["libc"] == " ".join(platform.libc_ver())


def test_facts_that_are_not_there_are_absent(tmp_path):
    found = facts.gather(str(tmp_path / "not-there"), str(tmp_path))

    absent = {"board", "cpu_model", "memory_bytes", "os", "governor", "virtual", "disk_free_bytes"}
    assert not absent & set(found)


def test_facts_take_no_second_of_a_processor(tmp_path):
    began = time.process_time()
    facts.gather(str(tmp_path))

    assert time.process_time() - began < 1


def test_a_virtual_machine_is_recognised():
    assert facts.parse_virtual(PC) is True
    assert facts.parse_virtual(PC.replace("hypervisor", "")) is False
    assert facts.parse_virtual(PI4) is None


def test_processors_are_named():
    assert facts.parse_cpu_model(PC) == "Intel(R) Xeon(R) CPU @ 2.20GHz"
    assert facts.parse_cpu_model(PI4.replace("0xd08", "0xfff")) == "ARM implementer 0x41 part 0xfff"
    assert facts.parse_cpu_model("") is None


def test_a_probe_answers_with_facts_and_runtimes(device):
    answer = device.ask("probe", stdin=wire.to_json(wire.ProbeRequest(("litert", "null", "abacus"))))

    assert answer["machine"] == platform.machine()
    assert answer["runtimes"]["litert"]["works"] is True
    assert answer["runtimes"]["null"]["works"] is True
    assert "this agent has delegate, litert, " in answer["runtimes"]["abacus"]["error"]
