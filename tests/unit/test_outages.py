"""Devices that are out of runs, as farm remembers them."""

from __future__ import annotations

import stat

import pytest

from orchestrator.devices.outages import MOST_FAILURES, Outages
from orchestrator.testing import MIDNIGHT


@pytest.fixture
def outages(tmp_path):
    return Outages(tmp_path / "state" / "outages")


def test_the_third_failure_in_a_row_takes_a_device_out_and_no_earlier_one(outages):
    answers = [outages.note_failure("pi4", f"why {number}", at=MIDNIGHT) for number in (1, 2, 3)]

    assert answers[:2] == [None, None]
    assert MOST_FAILURES == 3
    assert outages.of("pi4") == answers[2]
    assert answers[2].sentence == f"pi4 is out since {MIDNIGHT:%Y-%m-%d %H:%M} UTC: why 3"
    assert answers[2].command == "farm devices check pi4"
    assert outages.of("pi5") is None


def test_what_clears_a_device_ends_its_row(outages):
    for _ in range(2):
        outages.note_failure("pi4", "why", at=MIDNIGHT)

    assert outages.clear("pi4") is None
    assert outages.note_failure("pi4", "why", at=MIDNIGHT) is None


def test_a_device_that_is_taken_out_at_once_comes_back_when_it_is_cleared(outages):
    outage = outages.take_out("pi4", "its workers can't be started", at=MIDNIGHT)

    assert outages.of("pi4") == outage is not None
    assert outages.clear("pi4") == outage
    assert outages.of("pi4") is None


def test_since_when_a_device_is_out_stays_whatever_happens_later(outages):
    outages.take_out("pi4", "why", at=MIDNIGHT)

    outages.note_failure("pi4", "later", at=MIDNIGHT.replace(year=2040))

    assert outages.of("pi4").since == MIDNIGHT


def test_the_files_are_the_users_alone(outages, tmp_path):
    outages.take_out("pi4", "why", at=MIDNIGHT)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*")}
    assert modes == {"outages": 0o700, "pi4.json": 0o600}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "[" * 100_000,
        "\udcff\udcfe",
        '{"failures": 3, "out_since": 4}',
        '{"failures": [{}], "out_since": "x"}',
        '{"failures": [{"at": "x", "reason": "y"}], "out_since": "0001-01-01T00:00:00+14:00"}',
    ],
    ids=lambda content: ascii(content[:40]),
)
def test_a_file_that_cannot_be_read_takes_no_device_out_and_is_written_anew(outages, tmp_path, content):
    outages.take_out("pi4", "why", at=MIDNIGHT)
    (tmp_path / "state/outages/pi4.json").write_bytes(content.encode(errors="surrogateescape"))

    assert outages.of("pi4") is None
    assert outages.take_out("pi4", "again", at=MIDNIGHT).reason == "again"


def test_what_a_device_failed_at_follows_its_name_and_no_name_leads_out_of_the_folder(outages, tmp_path):
    outages.take_out("pi4", "why", at=MIDNIGHT)
    (tmp_path / "state" / "known_hosts.json").write_text("{}")

    outages.rename("pi4", "kitchen")
    outages.clear("../known_hosts")

    assert outages.of("pi4") is None
    assert outages.of("kitchen").reason == "why"
    assert (tmp_path / "state" / "known_hosts.json").exists()


def test_a_reason_is_one_short_line_that_no_terminal_obeys(outages):
    outage = outages.take_out("pi4", "\x1b[2Jbad" + "x" * 9000 + "\nmore", at=MIDNIGHT)

    assert "\x1b" not in outage.reason
    assert len(outage.reason) <= 500


def test_a_check_that_was_not_answered_is_remembered_and_takes_no_device_out(outages):
    before = outages.last_failure("pi4")
    for _ in range(2 * MOST_FAILURES):
        outages.note_unanswered("pi4", "connection refused", at=MIDNIGHT)
    first = outages.last_failure("pi4")

    assert before is None
    assert (first.at, first.reason) == (MIDNIGHT, "connection refused")
    assert outages.of("pi4") is None
    assert outages.note_failure("pi4", "its link broke", at=MIDNIGHT.replace(year=2040)) is None
    assert outages.last_failure("pi4").reason == "its link broke"

    outages.clear("pi4")

    assert outages.last_failure("pi4") is None
