"""Sensors over trees of files as real machines have them; formats by the kernel's documentation, docs/sensors.md names it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.facts.system_files import Root
from agent.sensors import ENERGY_EVERY_NS, POWER_EVERY_NS, Sensors
from agent.sensors.energy import Energy, Power, idle_power_w
from agent.sensors.heat import parse_bits, parse_clock_hz, parse_milli, parse_throttled
from agent.sensors.kernel_file import KernelFile
from agent.sensors.load import parse_cpuinfo_hz, parse_last_cpu, parse_stat
from agent.sensors.memory import parse_pressure
from tests.agent.test_facts import PC, PI4, put

BOARDS = Path(__file__).parent.parent / "data" / "sensors"
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: What this process knows of itself, whatever root is read.
OWN = {"at_ns", "mono_ns", "cpu_own_ns", "cpus_allowed", "major_faults"}
RAPL = "sys/class/powercap/intel-rapl:0/"
PACKAGE = {
    RAPL + "name": "package-0\n",
    RAPL + "energy_uj": "65532000000\n",
    RAPL + "max_energy_range_uj": "65532610987\n",
}
INA226 = {"sys/class/hwmon/hwmon1/name": "ina226\n", "sys/class/hwmon/hwmon1/power1_input": "3250000\n"}


class Clock:
    """Nanoseconds that pass when they are told to."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += round(seconds * 1e9)


def of_the_machine(reading):
    return {name: value for name, value in reading.items() if name not in OWN}


def vcgencmd_of(board, scratch):
    """A program that prints what the board's own printed, or none."""
    if not (board / "vcgencmd").is_dir():
        return None
    program = scratch / "vcgencmd"
    program.write_text(f'#!/bin/sh\nexec cat "{board}/vcgencmd/$(echo "$*" | tr \' \' -).txt"\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("board", sorted(BOARDS.iterdir()), ids=lambda it: it.name)
def test_the_readings_of_a_board(board, tmp_path):
    sensors = Sensors(str(board / "root"), vcgencmd_of(board, tmp_path))

    quick, slow = of_the_machine(sensors.read()), of_the_machine(sensors.read(slow=True))

    expected = json.loads((board / "expected.json").read_text())
    if "swapped_pages" in expected["slow"]:
        expected["slow"]["swapped_bytes"] = expected["slow"].pop("swapped_pages") * os.sysconf("SC_PAGE_SIZE")
    assert quick == {name: pytest.approx(value) for name, value in expected["quick"].items()}
    assert slow == {
        name: pytest.approx(value) if isinstance(value, float) else value for name, value in expected["slow"].items()
    }


@linux
def test_the_readings_of_this_machine_have_the_time_of_this_process():
    sensors = Sensors.of_this_device()
    before = sensors.read(slow=True)
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass

    after = sensors.read(slow=True)

    assert after["cpu_own_ns"] - before["cpu_own_ns"] >= 50_000_000
    assert after["mono_ns"] - before["mono_ns"] >= 50_000_000
    assert after["cpu_busy_ns"] > before["cpu_busy_ns"]
    assert set(after["cpus_used"]) <= set(after["cpus_allowed"]) == os.sched_getaffinity(0)
    assert after["memory_available_bytes"] > 10_000_000
    assert after["major_faults"] >= before["major_faults"] >= 0
    assert json.loads(json.dumps(after)) == after


def test_sensors_follow_what_changes(tmp_path):
    root = put(
        tmp_path, {"sys/class/thermal/thermal_zone0/type": "cpu", "sys/class/thermal/thermal_zone0/temp": "1000"}
    )
    sensors = Sensors(root)
    assert sensors.read()["temperature_c"] == 1.0

    put(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "2500"})

    assert sensors.read()["temperature_c"] == 2.5


def test_a_sensor_that_can_not_be_read_is_absent(tmp_path):
    root = put(tmp_path, {"sys/class/thermal/thermal_zone0/type": "cpu"})
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").mkdir()

    assert of_the_machine(Sensors(root, str(tmp_path / "no-vcgencmd")).read(slow=True)) == {}


def test_a_vcgencmd_that_may_not_ask_leaves_it_to_the_kernels_file(tmp_path):
    root = put(tmp_path, {"sys/devices/platform/soc/soc:firmware/get_throttled": "e0000\n"})
    program = tmp_path / "vcgencmd"
    program.write_text("#!/bin/sh\necho 'VCHI initialization failed' >&2\nexit 255\n")
    program.chmod(0o755)

    assert of_the_machine(Sensors(root, str(program)).read(slow=True)) == {"throttled": "0xe0000"}


def test_a_counter_whose_core_is_switched_off_leaves_the_sum_out(tmp_path):
    cpu = "sys/devices/system/cpu/cpu{}/thermal_throttle/core_throttle_count"
    root = put(tmp_path, {cpu.format(0): "3\n", cpu.format(1): "4\n"})
    sensors = Sensors(root)
    assert sensors.read()["throttled"] == 7

    put(tmp_path, {cpu.format(1): ""})

    assert "throttled" not in sensors.read()


def test_what_takes_long_to_read_is_read_less_often(tmp_path):
    put(tmp_path, {"proc/cpuinfo": PC})
    clock = Clock()

    def slower():
        clock.now += 2_000_000
        return clock.now

    sensors = Sensors(str(tmp_path), clock=slower)
    assert "frequency_hz" in sensors.read()
    assert "frequency_hz" not in sensors.read()
    assert "frequency_hz" in sensors.read(slow=True), "a slow reading waits for no turn"

    clock.now += 2_000_000_000

    assert "frequency_hz" in sensors.read()


def test_power_and_energy_come_with_slow_readings_and_now_and_then_between(tmp_path):
    clock = Clock()
    sensors = Sensors(put(tmp_path, PACKAGE | INA226), clock=clock)
    sensors.read(slow=True)
    keys_read = []
    for _ in range(45):
        clock.now += 250_000_000
        keys_read.append(set(sensors.read()) & {"power_w", "energy_uj"})

    assert (POWER_EVERY_NS, ENERGY_EVERY_NS) == (10**9, 10**10)
    assert [index for index, keys in enumerate(keys_read, 1) if "power_w" in keys] == list(range(4, 45, 4))
    assert [index for index, keys in enumerate(keys_read, 1) if "energy_uj" in keys] == [40]


def test_energy_goes_on_where_its_counter_begins_again(tmp_path):
    energy = Energy(Root(put(tmp_path, PACKAGE)))
    assert energy.energy_uj() == 65_532_000_000

    put(tmp_path, {RAPL + "energy_uj": "389013\n"})
    assert energy.energy_uj() == 65_532_000_000 + 1_000_000
    put(tmp_path, {RAPL + "energy_uj": "389113\n"})

    assert energy.energy_uj() == 65_532_000_000 + 1_000_100


def test_energy_that_was_unreadable_for_a_moment_is_no_longer_read(tmp_path):
    energy = Energy(Root(put(tmp_path, PACKAGE)))

    put(tmp_path, {RAPL + "energy_uj": ""})
    assert energy.energy_uj() is None
    put(tmp_path, {RAPL + "energy_uj": "1\n"})

    assert energy.energy_uj() is None, "nobody knows what it counted meanwhile"


def test_energy_whose_counter_does_not_say_where_it_ends_is_absent(tmp_path):
    assert Energy(Root(put(tmp_path, PACKAGE | {RAPL + "max_energy_range_uj": "0\n"}))).energy_uj() is None


@linux
def test_energy_that_only_root_may_read_is_absent_never_zero(tmp_path):
    root = put(tmp_path, PACKAGE)
    (tmp_path / RAPL / "energy_uj").unlink()
    (tmp_path / RAPL / "energy_uj").symlink_to("/proc/self/mem")  # opens, and can't be read at 0: not by root either

    assert "energy_uj" not in Sensors(root).read(slow=True)


def test_what_a_device_takes_while_idle_is_by_its_counters(tmp_path):
    root, clock = Root(put(tmp_path, PACKAGE)), Clock()

    def sleep(seconds):
        clock.sleep(seconds)
        put(tmp_path, {RAPL + "energy_uj": "4389013\n"})  # 5 J later, wrapped around

    assert idle_power_w(Energy(root), Power(root), 2.0, clock, sleep) == pytest.approx(2.5)


def test_what_a_device_takes_while_idle_is_the_mean_of_its_meters(tmp_path):
    root, clock = Root(put(tmp_path, INA226)), Clock()

    def sleep(seconds):
        clock.sleep(seconds)
        put(tmp_path, {"sys/class/hwmon/hwmon1/power1_input": f"{3_250_000 + clock.now // 1000}\n"})

    assert idle_power_w(Energy(root), Power(root), 1.0, clock, sleep) == pytest.approx(3.25 + 0.45)
    assert clock.now == 10**9


def test_a_device_without_meters_is_not_waited_for(tmp_path):
    root = Root(str(tmp_path))

    assert idle_power_w(Energy(root), Power(root), 1.0, sleep=lambda _: pytest.fail("it waited")) is None
    assert Sensors(str(tmp_path)).idle_power_w() is None


def test_meters_of_graphics_cards_and_batteries_are_not_the_machines(tmp_path):
    hwmon = "sys/class/hwmon/hwmon{}/{}"
    others = {
        hwmon.format(0, "name"): "amdgpu\n",
        hwmon.format(0, "power1_average"): "90000000\n",
        hwmon.format(2, "name"): "BAT0\n",
        hwmon.format(2, "power1_input"): "12000000\n",
        hwmon.format(3, "name"): "ucsi_source_psy_USBC000:001\n",
        hwmon.format(3, "in1_input"): "20000\n",
        hwmon.format(3, "curr1_input"): "3000\n",
        hwmon.format(4, "name"): "qcom_battmgr_bat\n",
        hwmon.format(4, "device/capacity"): "70\n",
        hwmon.format(4, "power1_input"): "9000000\n",
    }

    assert Power(Root(put(tmp_path, others))).power_w() == (None, None)
    assert Power(Root(put(tmp_path, INA226))).power_w() == (3.25, "ina226")


def test_a_battery_counts_only_while_it_is_discharged(tmp_path):
    base = "sys/class/power_supply/"
    mouse = {base + "m/type": "Battery", base + "m/scope": "Device", base + "m/status": "Discharging"}
    battery = {base + "B/type": "Battery", base + "B/status": "Charging", base + "B/power_now": "9000000"}
    power = Power(Root(put(tmp_path, mouse | {base + "m/power_now": "1000"} | battery)))
    assert power.power_w() == (None, None)

    put(tmp_path, {base + "B/status": "Discharging\n"})

    assert power.power_w() == (9.0, "battery B")


def test_of_some_meters_one_that_fails_leaves_the_sum_out(tmp_path):
    second = {"sys/class/hwmon/hwmon2/name": "ina226\n", "sys/class/hwmon/hwmon2/power1_input": "1000000\n"}
    power = Power(Root(put(tmp_path, INA226 | second)))
    assert power.power_w() == (4.25, "ina226 + ina226")

    put(tmp_path, {"sys/class/hwmon/hwmon2/power1_input": "\n"})

    assert power.power_w() == (None, None)


def test_files_are_closed_with_their_last_user(tmp_path):
    before = len(list(Path("/dev/fd").iterdir()))
    root = put(tmp_path, PACKAGE | INA226)
    for _ in range(5):
        Sensors(root).read(slow=True)

    assert len(list(Path("/dev/fd").iterdir())) <= before + 1


def test_a_file_that_is_not_there_reads_as_nothing(tmp_path):
    assert KernelFile(str(tmp_path / "gone")).text() == ""
    assert KernelFile(str(tmp_path) + "\0").number() is None


NAMES = sorted({str(path.relative_to(board / "root")) for board in BOARDS.iterdir() for path in (board / "root").rglob("*")
                if path.is_file()})  # fmt: skip
#: Without these nothing else would be looked at.
KEPT = ("name", "type", "scope")


@pytest.mark.parametrize(
    "noise", ["", "x", "-", "-1", "9" * 40, "9" * 5000, "nan", "inf", "\0\0", "1 2 3", "\N{SUPERSCRIPT TWO}"]
)
def test_garbage_never_raises_and_is_no_reading_of_power(tmp_path, noise):
    board = BOARDS / "laptop-intel-throttled" / "root"
    files = {str(path.relative_to(board)): path.read_text() for path in board.rglob("*") if path.is_file()}
    put(tmp_path, {name: text if name.endswith(KEPT) else noise for name, text in files.items()})

    reading = Sensors(str(tmp_path)).read(slow=True)

    assert not {"memory_available_bytes", "cpu_busy_ns", "temperature_c", "frequency_hz"} & set(reading) - (
        {"temperature_c"} if noise == "-1" else set()
    )
    assert "energy_uj" not in reading or noise == "-1"
    json.dumps(reading)


@given(st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=80), max_size=30))
def test_no_bytes_make_reading_fail(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        sensors = Sensors(folder)

        json.dumps([sensors.read(), sensors.read(slow=True), sensors.idle_power_w(0.0)], allow_nan=False)


@pytest.mark.parametrize(
    ("text", "celsius"), [("48312\n", 48.312), ("-5000", -5.0), ("0", None), ("-274000", None), ("x", None), ("", None)]
)
def test_degrees(text, celsius):
    assert parse_milli(text) == celsius


def test_bits_of_throttling():
    assert parse_throttled("throttled=0x50005\n") == "0x50005"
    assert parse_throttled("throttled=0x0\n") == "0x0"
    assert parse_throttled('error=1 error_msg="Command not registered"') is None
    assert parse_bits("-1") is parse_bits("1" * 9) is parse_bits("throttled") is None


def test_the_clock_of_the_firmware():
    assert parse_clock_hz("frequency(0)=1500398464\n") == 1_500_398_464
    assert parse_clock_hz("frequency(48)=0") is None
    assert parse_clock_hz("error=1") is None


def test_megahertz():
    assert parse_cpuinfo_hz(PC) == 3_000_500_000
    assert parse_cpuinfo_hz(PI4) is None
    assert parse_cpuinfo_hz("cpu MHz : inf\ncpu MHz : nan\ncpu MHz : -5\n") is None


def test_ticks_of_an_old_kernel_know_nothing_of_stolen_time():
    assert parse_stat("cpu  1 2 3 4 5 6 7\n") == (1 + 2 + 3 + 6 + 7, None)
    assert parse_stat("cpu  1 2 3 4\n") == parse_stat("intr 5") == parse_stat("") == (None, None)


def test_where_a_thread_ran_is_found_behind_a_name_with_brackets():
    fields = " ".join(str(number) for number in range(4, 53))

    assert parse_last_cpu(f"123 (a ) b) S {fields}") == 39
    assert parse_last_cpu("123 (short) S 1 2") is None


def test_a_kernel_without_pressure_stalls_has_no_reading():
    assert parse_pressure("some avg10=1.5 avg60=0.0 avg300=0.0 total=1234\nfull avg10=0.0 total=9\n") == 1_234_000
    assert parse_pressure("") is None
