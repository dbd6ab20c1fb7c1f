"""Words reach a program unharmed, whichever shell reads the line they are sent in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from orchestrator.transports.quoting import command_line

#: Each was mangled, or ended in an error, in at least one of the shells when it stood in plain quotes, but the first.
WORDS = ["a b", "a\nb", "\n", "a\\\\b", "end\\", "\\'", "!!", "a\\!b", "tab\tx", "-n", "%s", "é!", "$(id)!"]


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "tcsh", "fish"])
def test_words_reach_a_program_unharmed(shell, tmp_path, monkeypatch):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here (Debian: apt install {shell})")
    monkeypatch.setenv("HOME", str(tmp_path))
    argv = [sys.executable, "-c", "import sys, json; print(json.dumps(sys.argv[1:]))", *WORDS]

    done = subprocess.run([shell, "-c", command_line(argv)], capture_output=True, text=True, check=False)

    assert json.loads(done.stdout or "null") == WORDS, done.stderr


def test_plain_words_are_sent_as_they_are_read_best():
    assert command_line(["ls", "-l", "a b"]) == "ls -l 'a b'"
