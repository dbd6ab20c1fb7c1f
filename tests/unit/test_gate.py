"""What a hostile device sends: a value that fits, or one error of ours, within little memory."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from dataclasses import asdict, fields, replace
from itertools import repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import packing, wire
from agent.clean_request import CleanRequest
from orchestrator.devices.remote import gate, upkeep
from orchestrator.devices.remote.client import AgentClient
from orchestrator.devices.remote.journal import JournalReader
from orchestrator.devices.remote.journal_lines import NOISE_BYTES, Recorded, records
from orchestrator.devices.remote.orders import MOST_SAMPLES, longest_line_bytes
from orchestrator.domain.artifact import Shard
from orchestrator.domain.device import Device
from orchestrator.domain.event import Event
from orchestrator.errors import AgentFailed, AnswerRefused, DeviceBusy, DeviceUnfit, FarmError
from orchestrator.store.store import Store
from orchestrator.testing import make_golden
from orchestrator.transports.base import Completed
from tests.lab import dialogues
from tests.lab.lanes import honest, make_inputs, make_steps
from tests.lab.telling import RUN, ready, started

DEEP = b'{"a":' * 100_000
CLEANED = {
    "removed_bytes": 1,
    "removed": {"blobs": 1},
    "bytes": {"blobs": 1},
    "kept_bytes": 0,
    "wanted": 0,
    "wanted_bytes": 0,
    "left": [],
}
FOUND = {"lane": "r-pi-1", "run": "r", "began_at_ns": 1, "size_bytes": 9, "state": "done", "read": False}
#: What a terminal obeys: clear the screen, write from right to left, end a line, and start another.
ORDERS_TO_A_TERMINAL = "\x1b[2J\x9b31m\u202e\u2066\x07\x00\r"


def line(body):
    """Return a journal line whose checksum is right, whatever is in it."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def is_harmless(text):
    """Say whether a terminal shows ``text`` as it is."""
    return all(part.isprintable() for part in text.split("\n"))


def clean(pi):
    return upkeep.clean(pi, CleanRequest())


def client(*answers, status=0, err=b""):
    """Return a client of a device that prints these, one after the other; the last one repeats."""
    printed = [answer if isinstance(answer, bytes) else json.dumps(answer).encode() for answer in answers]

    class Scripted:
        def run(self, argv, *, stdin=b"", timeout_s=60.0, progress=None):
            last = len(printed) == 1
            return Completed(status=status if last else 0, out=printed[0] if last else printed.pop(0), err=err)

        def dialogue(self, argv):
            return dialogues.Scripted(self.run, argv)

        def close(self):
            pass

    return AgentClient(Scripted(), Device(name="pi", address="pi"))


LOCATED = {"workdir": "/w", "agent": "/w/agents/x.zip", "runs": "/w/agents/x.zip", "present": True}
HAVE = {"missing": {"a" * 64: 0}, "damaged": [], "used_bytes": 1, "free_bytes": 2}


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b"[" * 100_000,
        b"",
        b"[1]",
        b"17",
        b"null",
        b"\xff",
        {},
        {"record": None},
        {"record": ["LaneDone"]},
        {"record": {"LaneDone": 1}},
        {"record": "LaneUndone"},
        {"record": "LaneDone"},
        {"record": "LaneDone", "at_ns": 1, "more": 1},
        {"record": "LaneDone", "at_ns": 1, "error": {"no": "words"}},
        {"record": "LaneDone", "at_ns": 1, "error": 3},
        {"record": "LaneDone", "at_ns": -1},
        {"record": "LaneDone", "at_ns": 10**400},
        {"record": "LaneDone", "at_ns": 1.5},
        {"record": "StepBegan", "at_ns": 1, "id": "\ud800"},
        b'{"record":"LaneDone","at_ns":' + b"9" * 10_000 + b"}",
        b'{"record":"ScoringDone","id":"a","began_at_ns":1,"ended_at_ns":1,"wall_ns":1,"auc":[NaN]}',
    ],
    ids=lambda body: str(body)[:60],
)
def test_a_line_that_is_no_record_of_ours_is_refused(body):
    with pytest.raises(AnswerRefused):
        gate.read_record(line(body), "pi: its journal")


def test_a_torn_line_is_refused():
    with pytest.raises(AnswerRefused, match="torn or altered"):
        gate.read_record(line({"record": "LaneDone", "at_ns": 1})[:-3] + b"\n", "pi: its journal")


@pytest.mark.parametrize(
    "change",
    [
        {"agent": 7},
        {"agent": ""},
        {"agent": "/w/a\0b"},
        {"agent": "/w/\ud800"},
        {"agent": "/w/\x1b[2J"},
        {"agent": "/" + "w" * 5_000},
        {"workdir": ["/w"]},
        {"workdir": "/w\u202e"},
        {"present": 1},
        {"present": None},
    ],
    ids=str,
)
def test_a_device_whose_place_for_the_agent_does_not_fit_is_unfit(change):
    with pytest.raises(DeviceUnfit, match="is no Python") as caught:
        client(LOCATED | change).ensure_agent()

    assert "python:" in caught.value.hint


@pytest.mark.parametrize(
    ("act", "answer"),
    [
        (lambda pi: pi.probe(), DEEP),
        (lambda pi: pi.probe(), b"[1, 2]"),
        (lambda pi: pi.missing({"a" * 64: 9}), DEEP),
        (lambda pi: pi.missing({"a" * 64: 9}), HAVE | {"missing": {"a" * 64: 10**30}}),
        (lambda pi: pi.missing({"a" * 64: 9}), HAVE | {"missing": [["a" * 64, 0]]}),
        (lambda pi: pi.missing({}), HAVE | {"free_bytes": "much"}),
        (lambda pi: pi.start(wire.LaneRequest("l", "r", "h", ())), {"lane": 5}),
        (lambda pi: pi.start(wire.LaneRequest("l", "r", "h", ())), {}),
        (lambda pi: pi.ensure_environment("e", ()), {"environment": "e", "reused": "yes"}),
        (lambda pi: pi.tune(holder="h", no_turbo=False, seconds=1), {"set": [1]}),
        (lambda pi: pi.restore(), {"restored": 3}),
        (lambda pi: pi.restore(), DEEP),
        (lambda pi: pi.stop("l"), {"stopped": "yes"}),
        (clean, CLEANED | {"removed_bytes": -1}),
        (clean, CLEANED | {"removed": {"blobs": "all"}}),
        (upkeep.lanes_on, {"lanes": [FOUND | {"lane": "../../etc"}]}),
        (upkeep.lanes_on, {"lanes": [FOUND | {"size_bytes": -1}]}),
        (upkeep.lanes_on, {"lanes": [FOUND | {"state": "asleep"}]}),
    ],
    ids=lambda each: "" if callable(each) else str(each)[:60],
)
def test_an_answer_that_does_not_fit_is_refused_in_the_device_s_name(act, answer):
    with pytest.raises(AnswerRefused, match="pi: the agent's answer to"):
        act(client(LOCATED, answer))


def test_another_file_than_was_sent_is_refused(tmp_path):
    (tmp_path / "blob").write_bytes(b"12345")

    with pytest.raises(AnswerRefused, match="about another file"):
        client(LOCATED, {"sha256": "b" * 64, "size_bytes": 5}).send(tmp_path / "blob", "a" * 64)


def test_what_a_refusal_says_reaches_the_screen_as_one_harmless_line():
    message = f"held by {ORDERS_TO_A_TERMINAL}\nrun finished, exit status 0"
    refused = client(LOCATED, {"error": wire.BUSY, "message": message, "holder": "x"}, status=wire.REFUSED)

    with pytest.raises(DeviceBusy) as caught:
        refused.start(wire.LaneRequest("l", "r", "h", ()))

    assert caught.value.message.isprintable()
    assert caught.value.message.startswith("pi: held by \ufffd[2J")


@pytest.mark.parametrize("key", ["governor", "power_from", "throttled"])
def test_a_text_of_a_sensor_is_one_short_harmless_line(key):
    text = gate.expect_reading({key: f"{ORDERS_TO_A_TERMINAL}\nfarm: fine" + "x" * 1_000})[key]

    assert text.isprintable()
    assert len(text) <= 200


def test_the_last_words_of_a_program_reach_the_screen_as_one_harmless_line():
    failed = client(LOCATED, b"", status=1, err=ORDERS_TO_A_TERMINAL.encode() * 100_000)

    with pytest.raises(AgentFailed) as caught:
        failed.probe()

    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 3_000


@given(st.text())
def test_every_error_of_ours_is_printable(text):
    assert is_harmless(str(FarmError(text, hint=text)))


def test_an_answer_of_a_hundred_megabytes_is_refused_for_its_length():
    with pytest.raises(AnswerRefused, match="longer than"):
        gate.read_facts(b'{"a": "' + b"x" * 100_000_000 + b'"}', "pi")


def test_more_values_than_any_record_has_are_refused_before_they_are_made():
    with pytest.raises(AnswerRefused, match="more than 250000 values"):
        gate.read_record(line(b'{"record": "AttemptDone", "readings": [' + b"{}," * 300_000 + b"{}]}"), "pi")


@pytest.mark.parametrize("before", [b"", b"Welcome!\nfarm-journal\n"], ids=["before the journal", "in it"])
def test_a_line_without_end_is_given_up_when_it_is_too_long(before):
    chunks = [before, *repeat(b"x" * 65_536, 4_000)]  # 256 MB
    tracemalloc.start()

    with pytest.raises(AnswerRefused, match="longer than"):
        list(records(chunks, 0, line_bytes=1 << 20, source="pi"))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_login_shell_that_never_ends_is_given_up():
    with pytest.raises(AnswerRefused, match=f"{NOISE_BYTES} bytes came before it"):
        list(records(repeat(b"Welcome!\n" * 7_000, 1_000), 0, line_bytes=1 << 20, source="pi"))


def test_records_are_whole_however_they_are_cut_into_chunks():
    journal = b"noise\nfarm-journal\n" + line({"record": "LaneDone", "at_ns": 1}) * 2

    found = list(records([journal[n : n + 1] for n in range(len(journal))], 0, line_bytes=1 << 20, source="pi"))

    assert [each.record for each in found] == [wire.LaneDone(at_ns=1)] * 2
    assert found[-1].offset == len(journal) - len(b"noise\nfarm-journal\n")


def test_a_small_text_that_unpacks_without_end_is_cut_off_by_what_was_asked_for():
    bomb = packing.pack_bytes(bytes(200_000_000))
    tracemalloc.start()

    with pytest.raises(AnswerRefused, match="more than the 8000 bytes"):
        gate.unpack(bomb, 8_000, "pi")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_no_honest_worker_brings_back_more_than_the_gate_takes():
    from agent import timing

    assert MOST_SAMPLES == timing.MAX_SAMPLES


@pytest.fixture(scope="module")
def ordered(tmp_path_factory):
    """The steps of a lane and what they refer to."""
    steps = make_steps(schemes=("float32",), profile=True)
    return steps, make_inputs(tmp_path_factory.mktemp("blobs"), schemes=("float32",), golden=make_golden())


def test_an_honest_journal_passes_as_it_is(ordered):
    steps, inputs = ordered
    reader = JournalReader("r", "pi", "l", steps, inputs)

    written = list(honest(steps))
    passed = [gate.read_record(wire.encode_line(record), "pi") for record in written]
    events = [reader.event(Recorded(record=record, offset=0)) for record in passed]

    assert passed == written
    assert sum(event is not None for event in events) == len(written) - 1
    assert max(len(wire.encode_line(record)) for record in written) < longest_line_bytes(steps, inputs)


def attempt_of(steps, size):
    """Return an attempt all of whose counts are ``size``."""
    done = next(record for record in honest(steps) if isinstance(record, wire.AttemptDone))
    names = [field.name for field in fields(done) if field.name.endswith(("_ns", "_bytes"))]
    counts = {name: size for name in names if not isinstance(getattr(done, name), str | tuple)}
    return replace(done, **counts, preparations_ns=(size,), latency_ns=packing.pack_ints([size] * 3))


def test_the_largest_counts_that_a_device_may_send_fit_a_database(ordered):
    steps, inputs = ordered
    record = gate.read_record(wire.encode_line(attempt_of(steps, gate.LARGEST)), "pi")
    event = replace(JournalReader(RUN, "pi", "l", steps, inputs).event(Recorded(record=record, offset=9)), cursor=None)

    with Store.open("sqlite://") as store:
        store.record(started(RUN))
        store.record(*(replace(ready(RUN), artifact=artifact) for artifact in inputs.artifacts.values()), event)
        (stored,) = store.measurements(RUN, event.measurement.case)

    assert stored.pre_ns == gate.LARGEST + 1, "a median is a float, which rounds"


def test_larger_counts_are_refused(ordered):
    with pytest.raises(AnswerRefused, match="less than or equal"):
        gate.read_record(wire.encode_line(attempt_of(ordered[0], gate.LARGEST + 1)), "pi")


def test_a_longer_step_may_write_longer_lines(ordered):
    steps, inputs = ordered
    many = replace(inputs.images["tiny-cxr"], shards=(Shard(sha256="b" * 64, images=10_000_000, size_bytes=1),))

    more = longest_line_bytes(steps, replace(inputs, images={"tiny-cxr": many}))

    assert longest_line_bytes(steps, inputs) < 40_000_000 < more


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**63, -1, 10**400])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([packing.pack_bytes(bytes(10**7)), "\x1b[2J", "\u202e", "\0", "AAAA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw, value):
    """Draw ``value`` with something in it replaced, left out or added, at any depth."""
    if draw(st.integers(0, 3)) == 0 or not isinstance(value, dict | list) or not value:
        return draw(ANYTHING)
    place = draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    changed = dict(value) if isinstance(value, dict) else list(value)
    what = draw(st.sampled_from(["change", "change", "leave out", "add"]))
    if what == "change":
        changed[place] = draw(mutated(value[place]))
    elif what == "leave out":
        del changed[place]
    elif isinstance(changed, dict):
        changed[draw(st.text(max_size=9))] = draw(ANYTHING)
    else:
        changed.append(draw(ANYTHING))
    return changed


@st.composite
def printed(draw, value):
    """Draw ``value`` as JSON, mutated as a value or as bytes."""
    text = json.dumps(draw(mutated(value))).encode()
    if draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(max_size=5)) + text[at + draw(st.integers(0, 5)) :]
    return text


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_a_mutated_journal_becomes_events_or_one_error_of_ours(ordered, data):
    steps, inputs = ordered
    reader = JournalReader("r", "pi", "l", steps, inputs)
    written = [{"record": type(record).__name__, **asdict(record)} for record in honest(steps)]
    body = data.draw(printed(data.draw(st.sampled_from(written))))

    try:
        (recorded,) = records([b"farm-journal\n", line(body.replace(b"\n", b""))], 0, line_bytes=1 << 20, source="pi")
        event = reader.event(recorded)
    except AnswerRefused as refused:
        event, words = None, str(refused)
    else:
        words = ""

    assert is_harmless(words)
    assert event is None or isinstance(event, Event)
    assert "\x1b" not in repr(event)


ANSWERS = [
    (lambda pi: pi.probe(), {"cores": 4, "clock_ns": 5, "runtimes": {"litert": {"works": True, "version": "2"}}}),
    (lambda pi: pi.missing({"a" * 64: 9}), HAVE),
    (lambda pi: pi.missing({}), HAVE),
    (lambda pi: pi.start(wire.LaneRequest("l", "r", "h", ())), {"lane": "l"}),
    (lambda pi: pi.ensure_environment("e", ()), {"environment": "e", "reused": True}),
    (lambda pi: pi.tune(holder="h", no_turbo=True, seconds=1), {"set": [{"what": "a", "now": "b"}], "failed": []}),
    (lambda pi: pi.restore(), {"restored": [], "tuned": {"holder": "x", "since_ns": 1, "settings": []}}),
    (lambda pi: pi.stop("l"), {"stopped": True}),
    (clean, CLEANED),
    (upkeep.lanes_on, {"lanes": [FOUND]}),
    (lambda pi: pi.probe(), {"error": "busy", "message": "no"}),
]


@settings(max_examples=400, deadline=None)
@given(data=st.data(), status=st.sampled_from([0, 0, 1, 3, 127]), early=st.booleans())
def test_a_mutated_answer_becomes_a_value_or_one_error_of_ours(data, status, early):
    act, answer = data.draw(st.sampled_from(ANSWERS))
    printed_ = data.draw(printed(LOCATED if early else answer))
    pi = client(printed_, answer, status=status) if early else client(LOCATED, printed_, status=status, err=printed_)

    try:
        words = ""
        act(pi)
    except FarmError as refused:
        words = str(refused)

    assert is_harmless(words)
