from __future__ import annotations

import itertools
import json
import os
from dataclasses import asdict

import pytest

from agent import wire
from agent.clean_request import WANTED, CleanRequest
from orchestrator.devices.remote import upkeep
from orchestrator.devices.remote.bundle import pack_agent
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device
from orchestrator.errors import AgentFailed, AnswerRefused, ConnectionLost, DeviceUnfit, FarmError, NoAnswer
from orchestrator.transports.base import Completed
from tests.lab import dialogues

LOCATED = {"workdir": "/w", "agent": "/w/agents/x.zip", "runs": "/w/agents/x.zip", "present": True}
ROOM = {"missing": {}, "damaged": [], "used_bytes": 1, "free_bytes": 2}


class Scripted:
    """A device that prints what the test says, whatever it is asked; the last answer repeats."""

    def __init__(self, *answers, status=0):
        self.answers = [answer if isinstance(answer, bytes) else json.dumps(answer).encode() for answer in answers]
        self.status = status  # of the last answer
        self.located = 0

    def run(self, argv, *, stdin=b"", timeout_s=60.0, progress=None):
        self.located += argv[1] == "-c"
        if len(self.answers) > 1:
            return Completed(status=0, out=self.answers.pop(0), err=b"")
        return Completed(status=self.status, out=self.answers[0], err=b"")

    def dialogue(self, argv):
        return dialogues.Scripted(self.run, argv)

    def close(self):
        pass


def remote(*answers, **settings):
    return AgentClient(Scripted(*answers, **settings), Device(name="pi", address="pi"))


class Silent(Scripted):
    """A device that answers nothing from the n-th question on."""

    def run(self, argv, *, stdin=b"", timeout_s=60.0, progress=None):
        self.limit_s = timeout_s
        if not self.answers:
            raise NoAnswer("pi: python3 gave no answer")
        return Completed(status=0, out=self.answers.pop(0), err=b"")


@pytest.mark.parametrize(
    ("command", "ask"),
    [
        ("locate", lambda client: client.ensure_agent()),
        ("probe", lambda client: client.probe(["litert"])),
        ("have", lambda client: client.missing({"a" * 64: 9})),
        ("stop", lambda client: client.stop("lane")),
    ],
    ids=lambda it: it if isinstance(it, str) else "",
)
def test_a_device_that_answers_nothing_is_named_with_the_command(command, ask):
    silent = Silent(*() if command == "locate" else (LOCATED,))

    with pytest.raises(NoAnswer, match=f"^pi: no answer to `{command}` within {120 if command == 'probe' else 60} s"):
        ask(AgentClient(silent, Device(name="pi", address="pi")))


def test_a_push_may_take_as_long_as_it_makes_progress(tmp_path):
    (tmp_path / "blob").write_bytes(b"")
    os.truncate(tmp_path / "blob", 100_000_000)
    silent = Silent(LOCATED)

    with pytest.raises(NoAnswer, match=r"^pi: no answer to `receive`"):
        AgentClient(silent, Device(name="pi", address="pi")).send(tmp_path / "blob", "a" * 64)

    assert silent.limit_s == 160


def test_the_agent_is_packed_to_the_same_bytes_each_time():
    first = pack_agent()
    pack_agent.cache_clear()

    assert pack_agent() == first
    assert len(first) < 135_000


@pytest.mark.parametrize("answer", [b"", b"hello", b"[1, 2]", b"17", b"null", b'"x"'], ids=repr)
def test_an_agent_that_answers_nonsense_is_an_error_in_words(answer):
    with pytest.raises(AgentFailed, match="pi: the agent's answer to probe"):
        remote(LOCATED, answer).probe(["litert"])


@pytest.mark.parametrize("missing", [{"../../etc": 0}, {"f" * 64: 0}], ids=repr)
def test_a_device_may_speak_only_of_blobs_it_was_asked_for(missing):
    with pytest.raises(AnswerRefused, match="not asked for"):
        remote(LOCATED, ROOM | {"missing": missing}).missing({"a" * 64: 9})


@pytest.mark.parametrize("arrived", [-1, "many", None, 1.5, True, 10, 10**30], ids=repr)
def test_more_bytes_of_a_file_than_it_has_are_refused(arrived):
    with pytest.raises(AnswerRefused, match="pi: the agent's answer to have"):
        remote(LOCATED, ROOM | {"missing": {"a" * 64: arrived}}).missing({"a" * 64: 9})


def test_a_file_that_arrived_in_part_is_known_by_its_bytes():
    assert remote(LOCATED, ROOM | {"missing": {"a" * 64: 7}}).missing({"a" * 64: 9}).arrived == {"a" * 64: 7}


def test_a_blob_can_not_be_damaged_that_is_not_missing():
    with pytest.raises(AnswerRefused, match="damaged"):
        remote(LOCATED, ROOM | {"damaged": ["a" * 64]}).missing({"a" * 64: 9})


def test_noise_of_a_login_shell_before_the_answer_is_passed_over():
    noisy = b"Welcome!\n{not json}\n" + json.dumps(ROOM).encode()

    assert remote(LOCATED, noisy).missing({"a" * 64: 9}).arrived == {}


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (LOCATED | {"present": None}, "no Python"),
        ({"present": True}, "no Python"),
        (b"Python was not found", "no Python"),
        (b"", "no Python"),
    ],
    ids=repr,
)
def test_a_program_that_is_no_python_is_refused_with_what_to_do(answer, word):
    with pytest.raises(DeviceUnfit, match=word) as caught:
        remote(answer).ensure_agent()

    assert "python:" in caught.value.hint


def test_a_device_without_python_is_told_what_it_needs():
    with pytest.raises(FarmError, match="python3 does not run there"):
        remote(b"sh: python3: not found", status=127).ensure_agent()


def test_what_garbage_was_collected_is_told_as_the_agent_tells_it():
    answer = {"removed_bytes": 7, "removed": {"blobs": 1}, "bytes": {"blobs": 7}, "kept_bytes": 0}
    answer |= {"wanted": 1, "wanted_bytes": 3, "left": ["mine"]}

    assert asdict(upkeep.clean(remote(LOCATED, answer), CleanRequest())) == answer


def test_journals_that_are_wanted_are_refused_with_the_next_command():
    refusal = {"error": WANTED, "message": "2 journals were never collected, such as r-pi-1"}
    device = remote(LOCATED, refusal, status=wire.REFUSED)

    with pytest.raises(AgentFailed, match="2 journals were never collected") as caught:
        upkeep.clean(device, CleanRequest(everything=True))

    assert "farm collect" in caught.value.hint
    assert "--uncollected" in caught.value.hint


def test_a_device_tells_how_much_room_there_is():
    answer = {"missing": {}, "damaged": [], "used_bytes": 5, "free_bytes": 7}

    lacking = remote(LOCATED, answer).missing({})

    assert (lacking.used_bytes, lacking.free_bytes) == (5, 7)


@pytest.mark.parametrize(
    "answer", [{"missing": {}}, ROOM | {"used_bytes": None}, ROOM | {"free_bytes": 1 << 70}], ids=repr
)
def test_a_device_that_does_not_tell_its_room_is_an_error_in_words(answer):
    with pytest.raises(AnswerRefused, match="answer to have does not fit"):
        remote(LOCATED, answer).missing({})


@pytest.mark.parametrize("chunk", [b"", b"x"], ids=["silence", "a byte now and then"])
def test_a_journal_without_records_is_followed_no_longer_than_its_follower_allows(chunk):
    class Endless(Scripted):
        def stream(self, argv, *, stdin, tick_s):
            return itertools.repeat(chunk)

    looks = itertools.count()

    def check():
        if next(looks) == 100:
            raise NoAnswer("pi: too long")

    with pytest.raises(NoAnswer, match="too long"):
        list(AgentClient(Endless(LOCATED), Device(name="pi", address="pi")).follow("lane", 0, check=check))


def test_an_agent_that_was_deleted_is_looked_for_again_by_the_next_command():
    class Wiped(Scripted):
        def run(self, argv, **options):
            if argv[1] == "-c":
                return super().run(argv, **options)
            err = b"python3: can't open file '/w/agents/x.zip': [Errno 2] No such file or directory"
            return Completed(status=2, out=b"", err=err)

    device = Wiped(LOCATED, LOCATED)
    client = AgentClient(device, Device(name="pi", address="pi"))

    for _ in range(2):
        with pytest.raises(ConnectionLost, match="pi: the agent was deleted"):
            client.stop("lane")

    assert device.located == 2
