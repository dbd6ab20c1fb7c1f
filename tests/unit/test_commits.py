"""A device knows that its journal is stored once it is committed, and no sooner."""

from __future__ import annotations

import threading

from orchestrator.domain.event import Cursor, LaneEnded
from orchestrator.errors import ConnectionLost
from orchestrator.runs.commits import Commits, acknowledged

ENDED = LaneEnded(run="r", device="pi", lane="r-pi-1", cursor=Cursor(lane="r-pi-1", offset=10))


class Client:
    def __init__(self, error=None):
        self.asked, self._error = [], error

    def answer(self, kind, argv, *, timeout_s):
        del timeout_s
        self.asked.append(argv)
        if self._error is not None:
            raise self._error
        return kind(stored=True)


def lane(*events):
    yield from events
    return "over"


def drained(events):
    returned = []

    def keep():
        returned.append((yield from events))

    return list(keep()), *returned


def test_a_device_is_not_told_before_the_end_of_its_lane_is_committed():
    commits, client = Commits(), Client()
    events = acknowledged(lane(ENDED), client, commits)
    assert next(events) == ENDED
    going_on = threading.Thread(target=drained, args=(events,))
    going_on.start()
    before = list(client.asked)

    commits.note((ENDED,))

    going_on.join(timeout=120)
    assert (before, client.asked) == ([], [["stored", "r-pi-1"]])


def test_a_store_that_takes_too_long_leaves_the_device_its_journal():
    client = Client()

    assert drained(acknowledged(lane(ENDED), client, Commits(), patience_s=0)) == ([ENDED], "over")

    assert client.asked == []


def test_a_lane_that_died_is_not_asked_again():
    commits, client = Commits(), Client()
    died = LaneEnded(run="r", device="pi", lane="r-pi-1", error="its process died there")
    commits.note((died,))

    drained(acknowledged(lane(died), client, commits))

    assert client.asked == []


def test_a_link_that_breaks_behind_the_journal_fails_nothing():
    commits, client = Commits(), Client(ConnectionLost("pi: gone"))
    commits.note((ENDED,))

    assert drained(acknowledged(lane(ENDED), client, commits)) == ([ENDED], "over")
