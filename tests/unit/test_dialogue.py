"""Questions to an agent that stays, in frames; answers of whatever a device sends."""

from __future__ import annotations

import io
import json

import pytest

from agent.bootstrap import KEPT_BYTES, MARK, answer
from orchestrator.devices.remote.client import AgentClient
from orchestrator.devices.remote.dialogue import NOISE_BYTES, Answer, question
from orchestrator.domain.device import Device
from orchestrator.errors import AnswerRefused, ConnectionLost
from orchestrator.transports.base import Completed
from tests.lab import dialogues

SENT = answer(3, b"out" * 50, b"err")


def head(**changes):
    return MARK + json.dumps({"status": 0, "out_bytes": 0, "err_bytes": 0} | changes).encode() + b"\n"


@pytest.mark.parametrize("noise", [b"", b"Welcome!\n", b"$ ", b"farm-", MARK[:-1] + b"x"], ids=repr)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_an_answer_is_the_same_in_whatever_pieces_it_comes_behind_whatever_noise(noise, size):
    taken = Answer("pi")
    sent = noise + SENT + b"more"

    ends = [taken.take(sent[start : start + size]) for start in range(0, len(sent), size)]

    assert taken.completed == Completed(status=3, out=b"out" * 50, err=b"err")
    assert taken.noise == noise
    assert ends.index(True) == (len(noise + SENT) - 1) // size


@pytest.mark.parametrize(
    "sent",
    [
        MARK + b"x" * 1_000,
        MARK + b"\n",
        MARK + b"[1]\n",
        head(status=-1),
        head(status=256),
        head(status=True),
        head(out_bytes=-1),
        head(out_bytes=KEPT_BYTES + 1),
        head(err_bytes=10**400),
        head(err_bytes=1.5),
        head(more=1),
        MARK + b'{"status": 0}\n',
        MARK + b"\xff\n",
    ],
    ids=lambda sent: str(sent)[:60],
)
def test_an_answer_of_another_form_is_refused(sent):
    with pytest.raises(AnswerRefused, match=r"^pi: the agent's answer to have"):
        Answer("pi: the agent's answer to have").take(sent)


def test_noise_without_end_is_refused_and_little_of_it_kept():
    taken = Answer("pi")
    for _ in range(NOISE_BYTES // 1000):
        assert not taken.take(b"x" * 1000)

    with pytest.raises(AnswerRefused, match="bytes came before it"):
        taken.take(b"x" * 2000)
    assert len(taken.noise) < 10_000


@pytest.mark.parametrize("stdin", [b"", b"x", b"y" * 600_000], ids=len)
@pytest.mark.parametrize("as_file", [False, True])
def test_a_question_is_words_then_input_then_an_empty_frame(stdin, as_file):
    asked = question(["receive", "a b"], io.BytesIO(stdin) if as_file else stdin)
    content = asked if isinstance(asked, bytes) else b"".join(iter(lambda: asked.read(4_000), b""))

    words, *parts, end = dialogues.frames(content)

    assert (json.loads(words), b"".join(parts), end) == (["receive", "a b"], stdin, b"")


class Kept:
    """A device whose dialogues are counted, and end as a test says."""

    def __init__(self, *ends):
        self.ends, self.open, self.made = list(ends), 0, 0

    def dialogue(self, argv):
        self.open += 1
        self.made += 1
        device = self
        place = {"workdir": "/w", "agent": "/w/a.zip", "runs": "/w/a.zip", "present": True}

        class Counted(dialogues.Scripted):
            def close(self):
                device.open -= 1

        def run(words, **_):
            if words[1] == "-c":
                return Completed(status=0, out=json.dumps(place).encode(), err=b"")
            end = device.ends.pop(0)
            if isinstance(end, Exception):
                raise end
            return end

        return Counted(run, argv)

    def close(self):
        pass


GOOD = Completed(
    status=0, out=json.dumps({"missing": {}, "damaged": [], "used_bytes": 1, "free_bytes": 2}).encode(), err=b""
)


@pytest.mark.parametrize(
    "bad",
    [
        ConnectionLost("pi: the link died"),
        Completed(status=1, out=b"", err=b"Traceback"),
        Completed(status=137, out=b"", err=b""),
    ],
    ids=["link", "failed", "killed"],
)
def test_a_question_that_fails_ends_its_dialogue_and_the_next_one_begins_another(bad):
    device = Kept(GOOD, bad, GOOD)
    client = AgentClient(device, Device(name="pi", address="pi"))
    client.missing({})

    with pytest.raises(Exception, match="pi: "):
        client.missing({})
    assert device.open == 0

    client.missing({})
    assert (device.open, device.made) == (1, 2)
    client.close()
    assert device.open == 0


def test_a_lane_that_is_stopped_by_another_thread_has_a_dialogue_of_its_own():
    device = Kept(GOOD, Completed(status=0, out=b'{"stopped": true}', err=b""), GOOD)
    client = AgentClient(device, Device(name="pi", address="pi"))
    client.missing({})

    assert client.stop("lane")

    client.missing({})
    assert (device.open, device.made) == (1, 2)


def test_nothing_stays_beside_a_lane_that_is_followed():
    class Silent(Kept):
        def stream(self, argv, *, stdin, tick_s):
            return iter([b"farm-journal\n"])

    device = Silent(GOOD)
    client = AgentClient(device, Device(name="pi", address="pi"))

    client.missing({})
    assert device.open == 1
    list(client.follow("l", 0))

    assert device.open == 0


@pytest.mark.parametrize("printed", [b"", b"Bu", b"BusyBox v1.36\n", b"x" * 3_000], ids=len)
def test_what_a_program_printed_in_place_of_an_answer_is_kept_to_its_end(printed):
    taken = Answer("pi")

    assert not taken.take(printed)

    assert taken.noise == printed
