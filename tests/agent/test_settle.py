from __future__ import annotations

import pytest

from agent.sensors import Sensors
from agent.settle import settle


class Cooling:
    """A device whose temperature falls by a degree with every second that is slept."""

    def __init__(self, folder, celsius):
        self.zone = folder / "sys/class/thermal/thermal_zone0"
        self.zone.mkdir(parents=True)
        (self.zone / "type").write_text("cpu-thermal\n")
        self.now, self.celsius, self.by = 0.0, celsius, 1.0
        self.sensors = Sensors(str(folder))
        self.sleep(0)
        self.sensors = Sensors(str(folder))

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.celsius -= self.by * seconds
        (self.zone / "temp").write_text(f"{int(self.celsius * 1000)}\n")

    def settle(self, below, stopped=lambda: False):
        settle(self.sensors, below, 300.0, stopped, clock=self.clock, sleep=self.sleep)
        return self.now


def test_an_attempt_waits_until_the_device_is_cooler(tmp_path):
    device = Cooling(tmp_path, 70.0)

    assert device.settle(55.0) == pytest.approx(16.0)
    assert device.celsius < 55.0


def test_a_cool_device_is_not_waited_for(tmp_path):
    assert Cooling(tmp_path, 40.0).settle(55.0) == 0.0


def test_a_device_that_never_cools_is_waited_for_so_long_and_no_longer(tmp_path):
    device = Cooling(tmp_path, 70.0)
    device.by = 0.0

    assert device.settle(55.0) == pytest.approx(300.0)


def test_a_device_that_does_not_say_how_warm_it_is_is_not_waited_for(tmp_path):
    settle(Sensors(str(tmp_path)), 10.0, 300.0, lambda: False, sleep=lambda _: pytest.fail("it waited"))


def test_settling_returns_the_time_it_took_and_the_temperature(tmp_path):
    device = Cooling(tmp_path, 60.0)

    assert settle(device.sensors, 55.0, 300.0, lambda: False, clock=device.clock, sleep=device.sleep) == (6.0, 54.0)


def test_a_stopped_lane_waits_no_more(tmp_path):
    device = Cooling(tmp_path, 70.0)

    assert device.settle(55.0, stopped=lambda: device.now >= 3) == pytest.approx(3.0)
