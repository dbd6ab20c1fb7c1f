from __future__ import annotations

import os

import pytest

from agent import journal, packing, wire
from agent.refusals import Refused

RECORDS = (
    wire.LaneBegan(lane="l", run="r", at_ns=1),
    wire.StepBegan(id="a", at_ns=2),
    wire.AttemptDone(id="a", began_at_ns=2, ended_at_ns=3, wall_ns=1, latency_ns=packing.pack_ints([5, 6])),
    wire.LaneDone(at_ns=4),
)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "journal"
    writer = journal.Writer(str(path))
    for record in RECORDS:
        writer.append(record)
    writer.close()
    return path


def test_what_is_written_is_read_back(written):
    lines = written.read_bytes().splitlines(keepends=True)

    assert tuple(wire.decode_line(line) for line in lines) == RECORDS


def test_cut_anywhere_the_journal_ends_with_its_last_whole_record(written):
    content = written.read_bytes()
    ends = [0]
    for line in content.splitlines(keepends=True):
        ends.append(ends[-1] + len(line))

    for cut in range(len(content) + 1):
        assert len(journal.whole(content[:cut])) == max(end for end in ends if end <= cut)


def test_a_flipped_bit_ends_the_journal_before_its_record(written):
    content = bytearray(written.read_bytes())
    second = content.index(b"\n") + 1
    content[second + 20] ^= 1

    assert journal.whole(bytes(content)) == content[:second]


def test_garbage_that_a_power_cut_left_behind_is_dropped(written):
    content = written.read_bytes()

    assert journal.whole(content + b"\0" * 4096) == content
    assert journal.whole(content + b"deadbeef {}\n") == content


def test_only_ends_of_records_are_offsets(written):
    content = written.read_bytes()
    good = {0} | {index + 1 for index, byte in enumerate(content) if byte == ord("\n")}

    refused = set()
    for offset in range(-1, len(content) + 2):
        try:
            journal.check_offset(str(written), offset)
        except Refused:
            refused.add(offset)

    assert refused == set(range(-1, len(content) + 2)) - good


def test_what_was_read_of_a_journal_may_be_damaged_and_what_it_lost_is_the_end_of_its_lane(written):
    content = written.read_bytes()
    first = content.index(b"\n") + 1
    written.write_bytes(b"x" * (first - 1) + content[first - 1 :])

    journal.check_offset(str(written), first)

    with pytest.raises(Refused, match="the disk lost the end of the lane's journal") as lost:
        journal.check_offset(str(written), len(content) + 5)
    assert lost.value.code == wire.LANE_DIED


def test_a_follower_that_died_leaves_a_fifo_that_the_writer_removes(tmp_path):
    os.mkfifo(tmp_path / "follower.1.fifo")
    writer = journal.Writer(str(tmp_path / "journal"))

    writer.append(RECORDS[0])

    assert not (tmp_path / "follower.1.fifo").exists()
    writer.close()


def test_a_follower_that_stopped_reading_does_not_hold_up_the_writer(tmp_path):
    fifo = tmp_path / "follower.1.fifo"
    os.mkfifo(fifo)
    deaf = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    os.write(deaf, b"." * 65536)
    writer = journal.Writer(str(tmp_path / "journal"))

    writer.append(RECORDS[0])

    assert fifo.exists()
    writer.close()
    os.close(deaf)


def test_a_start_that_was_cut_short_has_not_begun_a_journal(tmp_path):
    path = tmp_path / "journal"
    assert not journal.begun(str(path))
    line = wire.encode_line(RECORDS[0])

    for cut in range(len(line)):
        path.write_bytes(line[:cut])
        assert not journal.begun(str(path))
    path.write_bytes(line)
    assert journal.begun(str(path))
