"""What boards of many kinds say of themselves, from files in the formats that they document."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import facts
from agent.facts import gpus, identity, power, processor, system, virtualization
from agent.facts.system_files import Root, run_all

BOARDS = Path(__file__).parent.parent / "data" / "facts"
#: What Python says of the machine the test runs on, whatever the root; and what the tests' own environment decides.
OF_THIS_MACHINE = {
    *("hostname", "machine", "bits", "userland", "system", "kernel", "libc", "python", "python_executable", "pythons"),
    *("has_ctypes", "disk_free_bytes", "cores", "clock_ns", "emulated", "container"),
}


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def facts_of(board, scratch):
    """The facts of a board's captured files, with programs that print what its own printed."""
    for printed in (board / "commands").glob("*.txt"):
        program = scratch / printed.stem
        program.write_text(f"#!/bin/sh\nexec /bin/cat '{printed}'\n")
        program.chmod(0o755)
    found = facts.gather(str(scratch), str(board / "root"), path=str(scratch))
    return {name: value for name, value in found.items() if name not in OF_THIS_MACHINE}


@pytest.mark.parametrize(
    "board", sorted(path.parent for path in BOARDS.glob("*/expected.json")), ids=lambda it: it.name
)
def test_the_facts_of_a_board(board, tmp_path):
    assert facts_of(board, tmp_path) == json.loads((board / "expected.json").read_text())


def test_this_machine_answers_in_json_and_soon(tmp_path):
    began = time.process_time()

    assert json.loads(json.dumps(facts.gather(str(tmp_path))))["has_ctypes"] is True

    assert time.process_time() - began < 1


def test_a_program_that_fails_leaves_its_fact_out(tmp_path):
    for name in ("vcgencmd", "nvidia-smi"):
        (tmp_path / name).write_text("#!/bin/sh\necho throttled=0x1, 1, 1, 1\nexit 1\n")
        (tmp_path / name).chmod(0o755)

    assert not {"throttled", "gpus"} & set(facts.gather(str(tmp_path), str(tmp_path), path=str(tmp_path)))


def test_a_program_that_hangs_is_ended_and_the_other_is_heard(tmp_path):
    for name, line in (("hangs", "exec /bin/sleep 600"), ("speaks", "echo hello")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    commands = {"hangs": ("hangs",), "speaks": ("speaks",), "absent": ("absent", "-v")}

    assert run_all(commands, str(tmp_path), patience_s=5) == {"speaks": "hello\n"}


def test_files_of_noise_are_no_facts_and_no_failure(tmp_path):
    for name in ("proc/cpuinfo", "proc/meminfo", "etc/os-release", "proc/device-tree/compatible", "proc/self/mounts"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(range(256)) * 9)

    json.dumps(facts.gather(str(tmp_path), str(tmp_path)))


PARSERS = (
    *(processor.parse_cores, processor.parse_cpu_model, processor.parse_features, processor.parse_bytes),
    *(
        power.parse_throttled_bits,
        power.parse_throttled_mask,
        gpus.parse_nvidia,
        virtualization.parse_virtual,
        virtualization.parse_hypervisor,
    ),
    *(virtualization.parse_container, identity.is_burnt_in, identity.meaningful),
    *(system.parse_os_release, system.parse_meminfo, lambda text: system.parse_noexec(text, "/home")),
)
LINES = st.lists(
    st.sampled_from(["processor\t: 0", "CPU part\t:", "flags:", "MemTotal: x kB", "throttled=", "a / b", "a,1,2,3"])
    | st.text(max_size=20)
).map("\n".join)


@given(LINES)
def test_no_text_makes_a_parser_fail(text):
    for parse in PARSERS:
        json.dumps(parse(text))


@given(st.binary(max_size=200))
def test_no_bytes_make_gather_fail(data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "proc").mkdir()
        for name in ("cpuinfo", "meminfo"):
            (Path(folder) / "proc" / name).write_bytes(data)
        assert facts.gather(folder, folder)["clock_ns"] > 0


def test_an_emulated_processor_is_known_by_any_one_trace():
    pc, pi = "vendor_id\t: GenuineIntel\n", "CPU part\t: 0xd08\n"
    assert virtualization.emulated("aarch64", pi, "/usr/libexec/qemu-aarch64-static", {})
    assert virtualization.emulated("aarch64", pi, "", {"QEMU_CPU": "cortex-a72"})
    assert virtualization.emulated("aarch64", pi, "/cache/aarch64-binfmt-P", {})
    assert virtualization.emulated("armv7l", pc, "", {})
    assert not virtualization.emulated("aarch64", pi, "/usr/bin/python3.11", {})
    assert not virtualization.emulated("x86_64", pc, "/usr/bin/python3.11", {"QEMU_CPU": "cortex-a72"})


def test_a_mount_that_forbids_programs_is_found_by_the_longest_path():
    mounts = "/dev/a / ext4 rw 0 0\n/dev/b /home ext4 rw,noexec 0 0\n/dev/c /home/my\\040pi ext4 rw 0 0\n"
    assert system.parse_noexec(mounts, "/homes") is False
    assert system.parse_noexec(mounts, "/home/pi") is True
    assert system.parse_noexec(mounts, "/home/my pi/farm") is False
    assert system.parse_noexec("", "/home") is None


def test_a_userland_of_32_bits_on_a_kernel_of_64_is_recognised():
    assert system.userland("aarch64", 32) == "armv7l"
    assert system.userland("aarch64", 64) == "aarch64"


@pytest.mark.parametrize("address", ["42:01:0a:80:00:02", "01:00:5e:00:00:01", "00:00:00:00:00:00", "zz", ""])
def test_an_address_that_software_chose_identifies_no_machine(address):
    assert not identity.is_burnt_in(address)


def test_a_pi_whose_user_may_not_ask_vcgencmd_is_asked_by_the_kernels_file(tmp_path):
    mask = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    mask.parent.mkdir(parents=True)
    mask.write_text("50004\n")

    throttled = facts.gather(str(tmp_path), str(tmp_path))["throttled"]

    assert [name for name, set_ in throttled.items() if set_] == [
        "throttled_now",
        "under_voltage_occurred",
        "throttled_occurred",
    ]


def test_an_nvidia_box_without_nvidia_smi_is_recognised_by_the_driver(tmp_path):
    found = facts.gather(str(tmp_path), str(BOARDS / "nvidia-box" / "root"))["gpus"]

    assert found == [
        {"kind": "nvidia", "name": "NVIDIA GeForce RTX 3060", "driver": "550.54.14"},
        {"kind": "nvidia", "name": "NVIDIA GeForce GT 1030", "driver": "550.54.14"},
    ]


X86, ARM = "flags\t\t: fpu hypervisor\n", "processor\t: 0\nCPU part\t: 0xd0c\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/cpuinfo": X86, "sys/class/dmi/id/sys_vendor": "QEMU\n"}, (True, "qemu")),
        ({"proc/cpuinfo": X86, "proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}, (True, "wsl")),
        ({"proc/cpuinfo": ARM, "proc/device-tree/hypervisor/compatible": "xen,xen-4.17\0xen,xen\0"}, (True, "xen")),
        ({"proc/cpuinfo": ARM, "proc/device-tree/compatible": "linux,dummy-virt\0"}, (True, "qemu")),
        ({"proc/cpuinfo": ARM, "sys/class/dmi/id/sys_vendor": "Amazon EC2\n"}, (True, "amazon")),
        (
            {
                "proc/cpuinfo": ARM,
                "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
                "sys/class/dmi/id/product_name": "c7g.metal\n",
            },
            (None, None),
        ),
        ({"proc/cpuinfo": "flags\t\t: fpu\n", "sys/class/dmi/id/sys_vendor": "Hetzner\n"}, (False, None)),
        ({"proc/cpuinfo": ARM}, (None, None)),
    ],
)
def test_a_virtual_machine_has_a_hypervisor_and_a_real_one_does_not(tmp_path, files, expected):
    write(tmp_path, files)

    found = virtualization.gather(Root(str(tmp_path)), files["proc/cpuinfo"], "aarch64", {})

    assert (found["virtual"], found["virtualisation"]) == expected


@pytest.mark.parametrize(
    ("files", "environ", "kind"),
    [
        ({".dockerenv": ""}, {}, "docker"),
        ({"run/.containerenv": ""}, {}, "podman"),
        ({"run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({"proc/1/cgroup": "12:cpu:/docker/0a1b2c\n"}, {}, "docker"),
        ({"proc/1/cgroup": "0::/\n"}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"proc/1/cgroup": "0::/init.scope\n"}, {}, None),
    ],
)
def test_a_container_is_recognised_by_what_its_manager_leaves(tmp_path, files, environ, kind):
    write(tmp_path, files)

    assert virtualization.gather(Root(str(tmp_path)), "", "x86_64", environ)["container"] == kind


CARD = {
    "sys/class/net/eth0/address": "a8:a1:59:44:55:66\n",
    "sys/class/net/eth0/addr_assign_type": "0\n",
    "sys/class/net/eth0/device/uevent": "DRIVER=e1000e\n",
}
RADIO = {
    "sys/class/net/wlan0/address": "3c:21:9c:11:22:33\n",
    "sys/class/net/wlan0/addr_assign_type": "0\n",
    "sys/class/net/wlan0/phy80211/macaddress": "3c:21:9c:11:22:33\n",
    "sys/class/net/wlan0/device/uevent": "DRIVER=iwlwifi\n",
}


def key(root, files):
    write(root, files)
    return identity.gather(Root(str(root)), "AMD Ryzen 9 5950X")["hardware_key"]


@pytest.mark.parametrize(
    "change",
    [
        {"sys/class/net/wlan0/address": "7e:11:9c:aa:bb:cc\n", "sys/class/net/wlan0/addr_assign_type": "3\n"},
        {
            "sys/class/net/eth0/address": "3c:21:9c:11:22:33\n",
            "sys/class/net/eth0/addr_assign_type": "3\n",
            "sys/class/net/eth0/bonding_slave/perm_hwaddr": "a8:a1:59:44:55:66\n",
        },
        {
            "sys/class/net/dock0/address": "00:50:b6:01:02:03\n",
            "sys/class/net/dock0/device/removable": "removable\n",
        },
        {"sys/class/net/eth0v0/address": "a8:a1:59:44:55:67\n", "sys/class/net/eth0v0/device/physfn/uevent": "\n"},
        {"sys/class/net/br0/address": "a8:a1:59:44:55:68\n", "sys/class/net/br0/addr_assign_type": "0\n"},
    ],
    ids=["a random address", "a bond", "a dock", "a share of a card", "a bridge"],
)
def test_a_machine_keeps_its_key_whatever_is_done_without_a_screwdriver(tmp_path, change):
    assert key(tmp_path / "before", CARD | RADIO) == key(tmp_path / "after", CARD | RADIO | change)


def test_a_network_card_on_usb_makes_no_key(tmp_path):
    write(tmp_path, {"sys/devices/pci0/usb1/1-1/uevent": "", "sys/class/net/usb0/address": "00:50:b6:01:02:03\n"})
    (tmp_path / "sys/class/net/usb0/device").symlink_to(tmp_path / "sys/devices/pci0/usb1/1-1")

    assert key(tmp_path, {}) is None


def test_another_card_is_another_key(tmp_path):
    other = {"sys/class/net/eth0/address": "a8:a1:59:44:55:69\n"}

    assert key(tmp_path / "one", CARD) != key(tmp_path / "other", CARD | other)
