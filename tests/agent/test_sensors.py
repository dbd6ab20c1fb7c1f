"""Sensors over trees of files as real machines have them; formats by the kernel's documentation, docs/sensors.md names it."""

from __future__ import annotations

import os
import sys
import time

import pytest

from agent.sensors import Sensors
from agent.sensors.energy import Energy
from agent.sensors.heat import parse_clock_hz, parse_cpuinfo_hz, parse_milli, parse_throttled
from agent.sensors.load import parse_processor, parse_stat
from agent.sensors.memory import parse_pressure
from tests.agent.test_facts import PC, PI4, put

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: What this process knows of itself, whatever root is read.
OWN = {"at_ns", "mono_ns", "cpu_own_ns", "cpus_allowed", "cpus_used", "major_faults"}
#: Two CPUs of a virtual machine; proc_stat(5).
STAT = """cpu  1000 200 300 40000 500 60 70 800 900 0
cpu0 500 100 150 20000 250 30 35 400 450 0
ctxt 12345
"""
RAPL = {
    "sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "262143000000\n",
    "sys/class/powercap/intel-rapl:0/max_energy_range_uj": "262143328850\n",
    "sys/class/powercap/intel-rapl:0:0/name": "core\n",
    "sys/class/powercap/intel-rapl:0:0/energy_uj": "999\n",
    "sys/class/powercap/intel-rapl:1/name": "psys\n",
    "sys/class/powercap/intel-rapl:1/energy_uj": "777\n",
}


def machine(reading):
    return {name: value for name, value in reading.items() if name not in OWN}


def test_the_sensors_of_a_raspberry_pi(tmp_path):
    root = put(
        tmp_path,
        {
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "48312\n",
            "sys/class/thermal/thermal_zone1/type": "battery\n",
            "sys/class/thermal/thermal_zone1/temp": "99000\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "600000\n",
        },
    )
    vcgencmd = tmp_path / "vcgencmd"
    vcgencmd.write_text(
        "#!/bin/sh\n"
        '[ "$1" = get_throttled ] && echo throttled=0x50005\n'
        '[ "$*" = "measure_clock arm" ] && echo "frequency(0)=600117184"\n'
    )
    vcgencmd.chmod(0o755)
    sensors = Sensors(root, str(vcgencmd))

    reading, slow = sensors.read(), sensors.read(slow=True)

    assert machine(reading) == {"temperature_c": 48.312, "frequency_hz": 1_500_000_000}
    assert slow["throttled"] == "0x50005"
    assert slow["frequency_hz"] == 600_117_184, "the firmware's word: what the kernel says hides throttling"


def test_sensors_follow_what_changes(tmp_path):
    root = put(
        tmp_path, {"sys/class/thermal/thermal_zone0/type": "cpu", "sys/class/thermal/thermal_zone0/temp": "1000"}
    )
    sensors = Sensors(root)
    assert sensors.read()["temperature_c"] == 1.0

    put(tmp_path, {"sys/class/thermal/thermal_zone0/temp": "2500"})

    assert sensors.read()["temperature_c"] == 2.5


def test_the_sensors_of_a_pc(tmp_path):
    root = put(
        tmp_path,
        {
            "proc/cpuinfo": PC,
            "sys/class/hwmon/hwmon0/name": "nvme\n",
            "sys/class/hwmon/hwmon0/temp1_input": "70000\n",
            "sys/class/hwmon/hwmon1/name": "coretemp\n",
            "sys/class/hwmon/hwmon1/temp1_input": "51000\n",
            "sys/class/hwmon/hwmon1/temp2_input": "53000\n",
            "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
            "sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4\n",
        },
    )

    reading = Sensors(root).read()

    assert (reading["temperature_c"], reading["frequency_hz"], reading["throttled"]) == (53.0, 3_000_500_000, 7)


def test_a_device_without_sensors_tells_the_time(tmp_path):
    assert machine(Sensors(str(tmp_path)).read(slow=True)) == {}


def test_a_sensor_that_can_not_be_read_is_absent(tmp_path):
    root = put(tmp_path, {"sys/class/thermal/thermal_zone0/type": "cpu"})
    (tmp_path / "sys/class/thermal/thermal_zone0/temp").mkdir()

    assert machine(Sensors(root, str(tmp_path / "no-vcgencmd")).read(slow=True)) == {}


@pytest.mark.parametrize(
    ("text", "celsius"), [("48312\n", 48.312), ("-5000", -5.0), ("0", None), ("-274000", None), ("x", None), ("", None)]
)
def test_degrees(text, celsius):
    assert parse_milli(text) == celsius


def test_bits_of_throttling():
    assert parse_throttled("throttled=0x50005\n") == "0x50005"
    assert parse_throttled('error=1 error_msg="Command not registered"') is None


def test_megahertz():
    assert parse_cpuinfo_hz(PC) == 3_000_500_000
    assert parse_cpuinfo_hz(PI4) is None


def test_the_clock_that_the_firmware_tells():
    assert parse_clock_hz("frequency(0)=1500398464\n") == 1_500_398_464
    assert parse_clock_hz("frequency(48)=0") is None
    assert parse_clock_hz("error=1") is None


def test_cooling_devices_that_slow_the_machine_tell_how_much(tmp_path):
    base = "sys/class/thermal/cooling_device"
    root = put(
        tmp_path,
        {
            f"{base}0/type": "pwm-fan\n",
            f"{base}0/cur_state": "4\n",
            f"{base}1/type": "thermal-cpufreq-0\n",
            f"{base}1/cur_state": "0\n",
        },
    )
    sensors = Sensors(root)
    assert sensors.read(slow=True)["cooling"] == 0
    assert "cooling" not in sensors.read()

    put(tmp_path, {f"{base}1/cur_state": "3\n"})

    assert sensors.read(slow=True)["cooling"] == 3


def test_who_had_the_processor(tmp_path):
    reading = Sensors(put(tmp_path, {"proc/stat": STAT})).read()

    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    assert reading["cpu_busy_ns"] == (1000 + 200 + 300 + 60 + 70) * tick, "neither idle, nor waiting, nor another guest"
    assert reading["cpu_steal_ns"] == 800 * tick


def test_an_old_kernel_tells_no_steal_time():
    assert parse_stat("cpu  1 2 3 4\n") == {"user": 1, "nice": 2, "system": 3, "idle": 4}
    assert parse_stat("intr 5") == parse_stat("") == {}


def test_where_a_thread_ran_is_found_behind_a_name_with_brackets():
    fields = " ".join(str(number) for number in range(4, 53))

    assert parse_processor(f"123 (a ) b) S {fields}") == 39
    assert parse_processor("123 (short) S 1 2") is None


@linux
def test_what_this_process_worked_is_told():
    sensors = Sensors.of_this_device()
    before = sensors.read(slow=True)
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass

    after = sensors.read(slow=True)

    assert after["cpu_own_ns"] - before["cpu_own_ns"] >= 50_000_000
    assert after["mono_ns"] - before["mono_ns"] >= 50_000_000
    assert set(after["cpus_used"]) <= set(range(os.cpu_count() or 1))
    assert set(after["cpus_allowed"]) == os.sched_getaffinity(0)
    assert after["memory_available_bytes"] > 10_000_000
    assert after["major_faults"] >= 0


def test_memory_that_is_short(tmp_path):
    root = put(
        tmp_path,
        {
            "proc/meminfo": "MemTotal:  1000000 kB\nMemFree:  2000 kB\nMemAvailable:  30000 kB\n",
            "proc/vmstat": "pswpin 10\npswpout 20\npgfault 7\n",
            "proc/pressure/memory": "some avg10=1.5 avg60=0.0 avg300=0.0 total=1234\nfull avg10=0.0 total=9\n",
        },
    )

    reading = Sensors(root).read(slow=True)

    assert reading["memory_available_bytes"] == 30_000 * 1024
    assert reading["swapped_bytes"] == 30 * os.sysconf("SC_PAGE_SIZE")
    assert reading["memory_stalled_ns"] == 1_234_000
    assert parse_pressure("") is None


def test_governor_and_supply_are_told(tmp_path):
    root = put(
        tmp_path,
        {
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "sys/class/power_supply/AC/type": "Mains\n",
            "sys/class/power_supply/AC/online": "0\n",
            "sys/class/power_supply/BAT0/type": "Battery\n",
            "sys/class/power_supply/BAT0/status": "Discharging\n",
            "sys/class/power_supply/BAT0/voltage_now": "11500000\n",
            "sys/class/power_supply/BAT0/current_now": "1000000\n",
        },
    )

    reading = Sensors(root).read(slow=True)

    assert (reading["governor"], reading["on_battery"], reading["power_w"]) == ("powersave", True, pytest.approx(11.5))


def test_energy_is_that_of_packages_and_goes_on_where_its_counter_begins_again(tmp_path):
    energy = Energy(put(tmp_path, RAPL))
    assert energy.read() == {"energy_uj": 262_143_000_000}

    put(tmp_path, {"sys/class/powercap/intel-rapl:0/energy_uj": "71150\n"})

    assert energy.read() == {"energy_uj": 262_143_000_000 + 400_000}


def test_energy_that_only_root_may_read_is_absent_never_zero(tmp_path):
    root = put(tmp_path, RAPL)
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").unlink()
    (tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj").mkdir()

    assert Energy(root).read() == {}
    assert Energy(root, sleep=lambda _: pytest.fail("it waited")).idle_power_w(1.0) is None


def test_what_a_device_takes_while_idle_is_the_mean_of_a_while(tmp_path):
    put(tmp_path, RAPL | {"sys/class/powercap/intel-rapl:0/energy_uj": "1000\n"})

    def pass_time(seconds):
        put(tmp_path, {"sys/class/powercap/intel-rapl:0/energy_uj": "5001000\n"})
        time.sleep(seconds)

    watt = Energy(str(tmp_path), sleep=pass_time).idle_power_w(0.01)

    assert 1 < watt <= 500, "5 J in 10 ms, or in longer where the machine is busy"


def test_of_a_jetsons_channels_the_one_that_carries_all_counts(tmp_path):
    base = "sys/class/hwmon/hwmon3/"
    root = put(
        tmp_path,
        {
            base + "name": "ina3221\n",
            base + "in1_label": "VDD_IN\n",
            base + "in1_input": "5000\n",
            base + "curr1_input": "1200\n",
            base + "in2_label": "VDD_CPU_GPU_CV\n",
            base + "in2_input": "5000\n",
            base + "curr2_input": "400\n",
        },
    )

    assert Energy(root).read() == {"power_w": pytest.approx(6.0)}


def test_an_older_jetsons_channels_are_read_too(tmp_path):
    base = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"
    root = put(tmp_path, {base + "rail_name_0": "POM_5V_IN\n", base + "in_power0_input": "2500\n"})

    assert Energy(root).read() == {"power_w": pytest.approx(2.5)}


def test_a_supply_sensor_is_read_and_a_graphics_card_is_none(tmp_path):
    root = put(
        tmp_path,
        {
            "sys/class/hwmon/hwmon0/name": "amdgpu\n",
            "sys/class/hwmon/hwmon0/power1_average": "90000000\n",
            "sys/class/hwmon/hwmon1/name": "ina226\n",
            "sys/class/hwmon/hwmon1/power1_input": "3250000\n",
        },
    )

    assert Energy(root).read() == {"power_w": pytest.approx(3.25)}


def test_a_mouses_battery_and_a_charging_one_say_nothing(tmp_path):
    base = "sys/class/power_supply/"
    mouse = {base + "m/type": "Battery", base + "m/scope": "Device", base + "m/status": "Discharging"}
    charging = {base + "B/type": "Battery", base + "B/status": "Charging", base + "B/power_now": "9"}

    assert Energy(put(tmp_path, mouse | charging)).read() == {}


@pytest.mark.parametrize("garbage", ["", "x", "-", "9" * 40, "\0\0", "1 2 3"])
def test_garbage_is_nothing(tmp_path, garbage):
    names = ["proc/stat", "proc/meminfo", "proc/vmstat", "proc/pressure/memory", "proc/cpuinfo", *RAPL]
    root = put(tmp_path, dict.fromkeys(names, garbage))

    assert machine(Sensors(root).read(slow=True)) == {}
