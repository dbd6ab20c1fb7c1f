"""What every transport keeps to, over a real sshd and on this machine."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import time
from contextlib import closing

import pytest

from orchestrator.domain.device import LOCAL
from orchestrator.errors import AgentFailed, AnswerRefused, ConnectionLost, NoAnswer
from orchestrator.transports.connector import Connector
from orchestrator.transports.local import LocalTransport
from orchestrator.transports.pipes import MOST_BYTES
from orchestrator.transports.ssh import SshTransport

BIG = 30_000_000

HOSTILE = [
    "it's",
    'a "quoted" word',
    "two\nlines",
    "$HOME `id` $(id)",
    "*",
    "~",
    "back\\slash",
    "",
    " padded ",
    "Lungenödem 肺",
    "!x",
    "a;b&c|d>e<f",
]


@pytest.fixture(params=["local", pytest.param("ssh", marks=pytest.mark.sshd)])
def transport(request, tmp_path, monkeypatch):
    if request.param == "local":
        made = LocalTransport(LOCAL)
    else:
        (tmp_path / "home").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path / "home"))  # no ~/.ssh/config of whoever runs the tests
        server = request.getfixturevalue("sshd")()
        made = SshTransport(server.device, Connector(known_hosts=server.known_hosts))
    yield made
    made.close()


def test_a_program_that_fails_is_a_result_with_both_its_outputs(transport):
    done = transport.run(["sh", "-c", "echo said; echo complained >&2; exit 3"])

    assert (done.status, done.out, done.err) == (3, b"said\n", b"complained\n")


def test_words_arrive_as_they_are(transport):
    show = "import sys; sys.stdout.buffer.write(b'\\0'.join(map(__import__('os').fsencode, sys.argv[1:])))"

    done = transport.run(["python3", "-c", show, *HOSTILE])

    assert done.out.decode().split("\0") == HOSTILE


def test_a_program_that_does_not_exist_is_status_127(transport):
    done = transport.run(["no-such-program-here"])

    assert done.status == 127
    assert b"no-such-program-here" in done.err


def test_30_mb_go_there_whole_and_quickly(transport):
    data = os.urandom(1 << 20) * (BIG // (1 << 20))
    began = time.monotonic()

    done = transport.run(["sha256sum"], stdin=data)

    assert done.out.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert time.monotonic() - began < 120  # 0.5 s on an idle machine; fabric's own stdin would need days


def test_30_mb_come_back_whole_in_a_stream_and_with_their_end_as_an_answer(transport):
    count = f"seq {BIG // 9}"
    whole = subprocess.run(["sh", "-c", count], capture_output=True, check=True).stdout

    streamed = b"".join(transport.stream(["sh", "-c", count]))
    kept = transport.run(["sh", "-c", count]).out

    assert streamed == whole
    assert whole.endswith(kept)
    assert MOST_BYTES <= len(kept) <= 2 * MOST_BYTES


@pytest.mark.parametrize("where", ["", " >&2"], ids=["output", "errors"])
def test_a_program_that_prints_without_end_is_ended(transport, where):
    began = time.monotonic()
    try:
        done = transport.run(["sh", "-c", f"exec yes{where}"], timeout_s=120)
        kept = len(done.out) + len(done.err)
    except ConnectionLost:  # over SSH the program's status is gone with its channel
        kept = 0

    assert kept <= 2 * MOST_BYTES
    assert time.monotonic() - began < 110
    assert transport.run(["echo", "back"]).out == b"back\n"


def test_a_file_is_sent_from_where_it_stands_and_progress_counts_up_to_its_end(transport):
    file = io.BytesIO(b"skipped" + b"x" * 1_000_000)
    file.seek(7)
    told = []

    done = transport.run(["wc", "-c"], stdin=file, progress=told.append)

    assert int(done.out) == 1_000_000
    assert told == sorted(told)
    assert told[-1] == 1_000_000


def test_a_program_that_ends_without_reading_its_input_gives_its_status(transport):
    done = transport.run(["sh", "-c", "echo enough >&2; exit 5"], stdin=b"x" * BIG)

    assert (done.status, done.err) == (5, b"enough\n")


def test_both_outputs_are_drained_while_much_comes_on_each(transport):
    fill = "import sys\nfor _ in range(31): sys.stderr.write('e' * 65536); sys.stdout.write('o' * 65536)"

    done = transport.run(["python3", "-c", fill])

    # Together more than the window of a channel, and each less than what is kept, whatever a login shell prints before.
    assert done.out.endswith(b"o" * 31 * 65536)
    assert done.err.endswith(b"e" * 31 * 65536)


def test_only_the_last_bytes_of_what_a_program_prints_are_kept(transport):
    fill = f"import sys\nsys.stdout.write('a' * {MOST_BYTES}); sys.stdout.write('b' * 70_000)"

    done = transport.run(["python3", "-c", fill])

    assert len(done.out) == MOST_BYTES
    assert done.out.endswith(b"a" + b"b" * 70_000)


def test_a_program_killed_by_a_signal_reports_what_a_shell_would(transport):
    done = transport.run(["sh", "-c", "kill -9 $$"])

    assert done.status == 128 + signal.SIGKILL


@pytest.mark.parametrize("stdin", [b"", b"x" * BIG], ids=["silent", "not reading"])
def test_a_program_that_takes_too_long_is_no_answer_in_time(transport, stdin):
    began = time.monotonic()

    with pytest.raises(NoAnswer, match="no answer within"):
        transport.run(["sleep", "300"], stdin=stdin, timeout_s=0.5)

    assert time.monotonic() - began < 250  # not the program's 300 s, however busy the machine


def test_a_program_that_takes_its_input_slowly_is_waited_for_as_long_as_it_takes_more(transport):
    slow = "import sys, time\nwhile sys.stdin.buffer.read(1 << 16): time.sleep(0.1)\nprint('all')"

    done = transport.run(["python3", "-c", slow], stdin=b"x" * (5 << 20), timeout_s=6)  # takes 8 s

    assert done.out == b"all\n"


def test_a_program_that_takes_a_byte_now_and_then_is_no_answer(transport):
    trickle = "import os, time\nwhile os.read(0, 1): time.sleep(0.01)"
    began = time.monotonic()

    with pytest.raises(NoAnswer):
        transport.run(["python3", "-c", trickle], stdin=b"x" * (5 << 20), timeout_s=0.8)

    assert time.monotonic() - began < 300  # not the 14 hours that all of it takes


def test_a_program_that_prints_a_byte_now_and_then_is_no_answer(transport):
    with pytest.raises(NoAnswer):
        transport.run(["sh", "-c", "while :; do echo; sleep 0.05; done"], timeout_s=0.5)


def test_a_silent_stream_ticks_and_goes_on(transport):
    chunks = transport.stream(["sh", "-c", "echo first; read line; echo $line"], tick_s=0.05)

    assert [next(chunk for chunk in chunks if chunk), next(chunks), next(chunks)] == [b"first\n", b"", b""]
    chunks.close()
    ended = transport.stream(["sh", "-c", "echo one; sleep 0.3; echo two >&2; exit 4"], tick_s=0.05)
    with pytest.raises(AgentFailed) as caught:
        list(ended)
    assert (caught.value.status, caught.value.stderr) == (4, b"two\n")


def test_after_a_timeout_the_next_call_works(transport):
    with pytest.raises(ConnectionLost):
        transport.run(["sleep", "30"], timeout_s=0.3)

    assert transport.run(["echo", "back"]).out == b"back\n"


def test_a_stream_gives_what_is_printed_while_the_program_goes_on(transport):
    chunks = transport.stream(["sh", "-c", "echo first; read line; echo never"])

    assert next(chunks) == b"first\n"  # the program waits for input that does not come: it is still there
    chunks.close()


def test_a_stream_ends_with_its_program(transport):
    assert b"".join(transport.stream(["sh", "-c", "echo one; echo two"])) == b"one\ntwo\n"


def test_a_stream_of_a_failing_program_raises_its_status_and_last_words(transport):
    chunks = transport.stream(["sh", "-c", 'echo out; echo \'{"error": "lane-died"}\' >&2; exit 3'])

    with pytest.raises(AgentFailed) as caught:
        list(chunks)

    assert caught.value.status == 3
    assert caught.value.stderr == b'{"error": "lane-died"}\n'


def test_closing_a_stream_closes_the_programs_input_and_so_ends_it(transport, tmp_path):
    ended = tmp_path / "ended"
    chunks = transport.stream(["sh", "-c", 'echo ready; cat; echo bye > "$0"', str(ended)])
    next(chunks)

    chunks.close()

    deadline = time.monotonic() + 5
    while not ended.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended.exists()


def test_programs_start_in_the_home_directory(transport):
    done = transport.run(["pwd"])

    assert done.out.decode().strip() in (os.path.expanduser("~"), __import__("pwd").getpwuid(os.getuid()).pw_dir)  # noqa: PTH111  as sshd sees it


def test_what_a_program_writes_to_a_missing_directory_is_its_own_failure(transport):
    done = transport.run(["sh", "-c", "cat > /no/such/directory/file"], stdin=b"x" * 100_000)

    assert done.status != 0
    assert done.err


#: Answers each line with its length, and one of "long" with much more before its end.
ANSWERING = """
import os, sys
print("Welcome!", flush=True)
for line in sys.stdin.buffer:
    os.write(1, b"x" * (1 << 20 if line == b"long\\n" else 0) + b"%d.\\n" % len(line))
"""


class Until:
    """Takes what a program prints until it ends in ``end``."""

    def __init__(self, end=b".\n"):
        self.end, self.content = end, b""

    def __call__(self, chunk):
        self.content += chunk
        return self.content.endswith(self.end)


def answered(dialogue, stdin, **options):
    taken = Until()
    assert dialogue.ask(stdin, taken, **options) is None
    return taken.content


def test_a_dialogue_is_one_question_after_another_to_one_program(transport):
    with closing(transport.dialogue(["python3", "-c", ANSWERING])) as dialogue:
        assert answered(dialogue, b"one\n").endswith(b"Welcome!\n4.\n")
        assert answered(dialogue, b"to be forgotten\n") == b"16.\n"
        assert answered(dialogue, io.BytesIO(b"y" * BIG + b"\n")) == b"%d.\n" % (BIG + 1)
        assert answered(dialogue, b"long\n") == b"x" * (1 << 20) + b"5.\n"


def test_other_programs_run_while_a_dialogue_goes_on(transport):
    with closing(transport.dialogue(["python3", "-c", ANSWERING])) as dialogue:
        answered(dialogue, b"one\n")
        assert transport.run(["echo", "beside"]).out == b"beside\n"
        assert answered(dialogue, b"two\n") == b"4.\n"


def test_a_program_that_ends_in_place_of_an_answer_gives_its_status_and_last_words(transport):
    dialogue = transport.dialogue(["sh", "-c", "echo so; echo far >&2; exit 5"])
    taken = Until()

    ended = dialogue.ask(b"x" * BIG, taken)

    assert (ended.status, ended.out, ended.err) == (5, b"", b"far\n")
    assert taken.content.endswith(b"so\n")
    dialogue.close()


def test_a_dialogue_with_a_program_that_does_not_exist_is_status_127(transport):
    with closing(transport.dialogue(["no-such-program-here"])) as dialogue:
        ended = dialogue.ask(b"", Until())

    assert ended.status == 127
    assert b"no-such-program-here" in ended.err


@pytest.mark.parametrize("stdin", [b"", b"x" * BIG], ids=["silent", "not reading"])
def test_a_dialogue_without_an_answer_in_time_is_no_answer_and_the_next_one_works(transport, stdin):
    began = time.monotonic()
    dialogue = transport.dialogue(["sleep", "300"])

    with pytest.raises(NoAnswer, match="no answer within"):
        dialogue.ask(stdin, Until(), timeout_s=0.5)
    dialogue.close()

    assert time.monotonic() - began < 250
    with closing(transport.dialogue(["python3", "-c", ANSWERING])) as again:
        assert answered(again, b"back\n").endswith(b"5.\n")


def test_a_dialogue_in_which_a_byte_comes_now_and_then_is_no_answer(transport):
    with (
        closing(transport.dialogue(["sh", "-c", "while :; do echo; sleep 0.05; done"])) as dialogue,
        pytest.raises(NoAnswer),
    ):
        dialogue.ask(b"", Until(b"never"), timeout_s=0.5)


def test_what_refuses_an_answer_ends_the_program(transport, tmp_path):
    def refuse(chunk):
        raise AnswerRefused("it is odd")

    dialogue = transport.dialogue(["sh", "-c", 'yes; echo bye > "$0"', str(tmp_path / "ended")])

    with pytest.raises(AnswerRefused, match="it is odd"):
        dialogue.ask(b"", refuse)

    dialogue.close()
    assert transport.run(["echo", "back"]).out == b"back\n"


def test_closing_a_dialogue_ends_its_programs_input(transport, tmp_path):
    ended = tmp_path / "ended"
    dialogue = transport.dialogue(["sh", "-c", 'cat; echo bye > "$0"', str(ended)])
    taken = Until()
    dialogue.ask(b"ready.\n", taken)

    dialogue.close()

    deadline = time.monotonic() + 60
    while not ended.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended.exists()
