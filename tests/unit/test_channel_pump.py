"""What goes to a program behind a channel, and what comes back, to the last word."""

from __future__ import annotations

import io

from paramiko.buffered_pipe import BufferedPipe

from orchestrator.transports.channel_pump import Pump


class Channel:
    """A channel that ends with ``words`` on standard error right after it was asked for those the first time."""

    closed = False

    def __init__(self, words):
        self.in_buffer, self.in_stderr_buffer = BufferedPipe(), BufferedPipe()
        self.eof_received = False
        self._words = words

    def recv_ready(self):
        return self.in_buffer.read_ready()

    def recv_stderr_ready(self):
        was_ready = self.in_stderr_buffer.read_ready()
        if not self.eof_received:
            self.in_stderr_buffer.feed(self._words)
            self.in_stderr_buffer.close()
            self.in_buffer.close()
            self.eof_received = True
        return was_ready

    def recv_stderr(self, count):
        return self.in_stderr_buffer.read(count)


def test_last_words_that_come_together_with_the_end_are_kept():
    pump = Pump(Channel(b"lane-died"))

    assert list(pump.chunks(1.0)) == []

    assert pump.err.content == b"lane-died"


class Taking(Channel):
    """A channel that takes all it is sent, a packet at a time, as paramiko's does."""

    out_max_packet_size, out_window_size = 32768, 1 << 21

    def __init__(self):
        super().__init__(b"")
        self.packets = []

    def settimeout(self, seconds):
        pass

    def send(self, data):
        self.packets.append(len(data[: self.out_max_packet_size - 64]))
        return self.packets[-1]

    def shutdown_write(self):
        self.recv_stderr_ready()


def test_a_file_is_sent_in_whole_packets_for_each_costs_the_same():
    channel = Taking()

    assert Pump(channel).run(io.BytesIO(bytes(1_000_000)), 60.0)

    assert channel.packets == [32704] * 30 + [1_000_000 - 30 * 32704]
