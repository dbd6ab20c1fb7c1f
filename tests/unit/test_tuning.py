"""What tuning is told as: words for people, JSON for programs, advice, an order to the agent."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from agent import wire
from orchestrator.devices import health
from orchestrator.devices.remote.journal import JournalReader
from orchestrator.devices.remote.journal_lines import Recorded
from orchestrator.devices.remote.orders import LaneInputs, order_of
from orchestrator.devices.tuning_text import sentences
from orchestrator.domain.effort import EFFORTS, effort
from orchestrator.domain.event import DeviceTuned
from orchestrator.domain.tuning import ActiveTuning, Change, Tuning
from orchestrator.domain.units import parse_seconds
from orchestrator.errors import AnswerRefused
from orchestrator.runs import planner
from orchestrator.testing import make_suite

GOVERNORS = [
    {"what": f"governor of {policy}", "before": "powersave", "now": "performance"} for policy in ("policy0", "policy4")
]
HELD = {"holder": "me@here", "lane": None, "since_ns": 0, "until_ns": 3600 * 10**9, "settings": GOVERNORS}


@pytest.fixture
def inputs(tmp_path):
    return LaneInputs(effort=EFFORTS["quick"], artifacts={}, images={}, environments={}, blobs=tmp_path, tune=True)


def test_settings_alike_are_told_in_one_breath():
    said = {"set": [*GOVERNORS, {"what": "no_turbo", "before": "0", "now": "1"}], "kept": [], "tuned": HELD}

    assert sentences(Tuning.from_json(said)) == (
        "set governor powersave → performance (policy0, policy4); no_turbo 0 → 1",
    )


def test_what_could_not_be_set_is_told_with_why():
    said = Tuning.from_json(
        {"failed": [{"what": "governor", "why": "no way"}], "kept": [{"what": "boost", "now": "0"}]}
    )

    assert sentences(said) == ("already boost 0", "governor is left as it is: no way")
    assert said.to_json() == {
        "set": [],
        "kept": [{"what": "boost", "now": "0"}],
        "restored": [],
        "failed": [{"what": "governor", "why": "no way"}],
        "mended": None,
        "tuned": None,
    }


def test_what_was_put_back_before_anything_else_is_told_first():
    mended = {
        "restored": [{"what": "boost", "before": "0", "now": "1"}],
        "failed": [],
        "holder": "me",
        "why": "its time is over",
    }
    said = Tuning.from_json({"set": GOVERNORS[:1], "mended": mended})

    assert sentences(said) == (
        "it was left tuned by me: its time is over",
        "put back boost 0 → 1",
        "set governor powersave → performance (policy0)",
    )
    assert said.to_json()["mended"]["why"] == "its time is over"


def test_who_holds_what_since_when_is_told():
    held = ActiveTuning.from_json(HELD)

    assert held == ActiveTuning(
        holder="me@here",
        lane=None,
        since=datetime(1970, 1, 1, tzinfo=UTC),
        until=datetime(1970, 1, 1, 1, tzinfo=UTC),
        settings=tuple(Change(**setting) for setting in GOVERNORS),
    )
    assert str(held).startswith(
        "tuned since 1970-01-01 00:00 UTC, at most until 1970-01-01 01:00, by me@here: governor"
    )


@pytest.mark.parametrize(
    "said", [None, "x", {}, {**HELD, "since_ns": "now"}, {**HELD, "until_ns": 10**40}, {**HELD, "settings": [1]}]
)
def test_what_a_device_says_of_tuning_may_make_no_sense(said):
    assert ActiveTuning.from_json(said) is None


def test_a_tuned_device_says_so_in_its_health():
    ((short, advice),) = health.complaints({"governor": "performance", "tuned": HELD})

    assert short == "tuned"
    assert "--restore" in advice


def test_what_was_put_back_unasked_is_told_too():
    mended = {
        "restored": [{"what": "boost", "before": "0", "now": "1"}],
        "failed": [],
        "holder": "me",
        "why": "its time is over",
    }

    assert health.complaints({"tuning_mended": mended}) == (
        ("untuned", "it was left tuned by me: its time is over; put back boost 0 → 1"),
    )
    assert health.complaints({"tuning_mended": {"restored": 3}}) == ()


def test_a_suite_that_tunes_orders_it_of_every_lane(inputs):
    plan = planner.plan("run-1", make_suite(tune=True), ["local"])
    order = order_of("run-1", "lane-1", plan.lanes[0].steps[:0], inputs)

    assert plan.tune
    assert order.tune == wire.TuneRequest(holder=order.holder)
    assert wire.from_json(wire.LaneRequest, json.loads(wire.to_json(order))) == order


def test_what_a_lane_tuned_becomes_an_event_and_nonsense_an_error(inputs):
    reader = JournalReader("run-1", "local", "lane-1", (), inputs)

    event = reader.event(Recorded(record=wire.Tuned(at_ns=0, answer={"set": GOVERNORS}), offset=10))

    assert isinstance(event, DeviceTuned)
    assert Tuning.from_json(event.answer).set == tuple(Change(**setting) for setting in GOVERNORS)
    with pytest.raises(AnswerRefused, match="Tuned does not fit"):
        reader.event(Recorded(record=wire.Tuned(at_ns=0, answer={"set": [1]}), offset=10))


def test_more_attempts_are_each_as_long_as_the_effort_s_own():
    longer = effort("quick", attempts=20)

    assert (longer.attempts, longer.seconds) == (20, 40.0)
    assert longer.invocations / 20 >= EFFORTS["quick"].invocations / 3
    assert effort("mobile", attempts=10).max_seconds == 1200.0
    assert effort("quick", attempts=None) == EFFORTS["quick"]


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30min", 1800), ("2h", 7200), (" 0.5 h ", 1800)])
def test_durations_are_read(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "3d", "-1s", "1e3s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="90s, 30min or 2h"):
        parse_seconds(text)
