"""How often a block is drawn while hundreds of devices report."""

from __future__ import annotations

import threading

from orchestrator.cli.screen.pace import Pace


class Drawing:
    """Draws that take as long as they are told, on a clock of their own."""

    def __init__(self, *, seconds, share):
        self.now, self.count, self._seconds = 0.0, 0, seconds
        self.drawn = threading.Event()
        self.pace = Pace(self.draw, threading.RLock(), share=share, clock=lambda: self.now)

    def draw(self):
        self.now += self._seconds
        self.count += 1
        if self.count > 1:
            self.drawn.set()


def test_drawing_takes_no_more_than_its_share_however_much_happens():
    it = Drawing(seconds=0.1, share=0.1)

    for _ in range(1000):
        it.pace.ask()
    it.pace.stop()

    assert it.count == 1


def test_what_happened_meanwhile_is_drawn_once_without_another_event():
    it = Drawing(seconds=0.001, share=0.1)

    for _ in range(1000):
        it.pace.ask()

    assert it.drawn.wait(30)
    assert it.count == 2


def test_nothing_is_drawn_once_the_screen_is_gone():
    it = Drawing(seconds=0.001, share=0.01)
    it.pace.ask()
    it.pace.ask()

    it.pace.stop()
    it.now += 10

    assert not it.drawn.wait(0.3)
    assert it.count == 1


def test_a_screen_that_has_time_draws_at_once():
    it = Drawing(seconds=0.1, share=0.1)
    it.pace.ask()
    it.now += 2

    it.pace.ask()

    assert it.count == 2
