"""What a device is sent first: it finds the agent there, installs it where it is missing, becomes it."""

# A controller sends this file as it is, so nothing of the agent may be imported before that is there.
from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

#: What an answer begins with; all before it is a login shell's noise.
MARK = b"farm-answer "
#: Sent of what a command prints on either output: the end of it.
KEPT_BYTES = 1 << 20


def main(place: str, sha256: str, size: int) -> int:
    """Answer where the agent is, install the ``size`` bytes that are sent then if it is not, carry out commands until standard input ends."""
    workdir = os.path.join(os.path.expanduser("~"), place)
    agent = os.path.join(workdir, "agents", sha256 + ".zip")
    is_there, is_whole = os.path.exists(agent), _hash_of(agent) == sha256
    folders = [os.stat(folder) for folder in (workdir, os.path.dirname(agent)) if os.path.isdir(folder)]
    is_foreign = any(facts.st_uid not in (0, os.geteuid()) for facts in folders)
    found = {"workdir": workdir, "agent": agent, "present": is_whole, "foreign": is_foreign}
    if is_whole and not is_foreign:
        dialogue, runs, is_damaged = _loaded(agent)
        _answer({**found, "runs": runs, "damaged": is_damaged})
        return int(dialogue.main(workdir))
    _answer({**found, "runs": agent, "damaged": is_there and not is_whole})
    if is_foreign:
        return 0
    sys.excepthook = lambda _, error, __: sys.stderr.write("%s\n" % error)  # its message alone
    _install(agent, sha256, sys.stdin.buffer.read(size))
    dialogue, runs, _ = _loaded(agent)
    sys.excepthook = sys.__excepthook__
    _answer({"runs": runs})
    return int(dialogue.main(workdir))


def answer(status: int, out: bytes, err: bytes = b"") -> bytes:
    """Return what a command printed, as it is sent."""
    head = {"status": status, "out_bytes": len(out), "err_bytes": len(err)}
    return MARK + json.dumps(head).encode() + b"\n" + out + err


def send(content: bytes) -> None:
    """Write all of ``content`` to standard output."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(1, rest) :]


def _answer(fields: dict[str, object]) -> None:
    send(answer(0, json.dumps(fields).encode() + b"\n"))


def _hash_of(path: str) -> str:
    if not os.path.isfile(path):
        return ""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _loaded(agent: str) -> tuple[ModuleType, str, bool]:
    """Return the part of ``agent`` that carries out commands, what runs in its place, whether the disk had changed that."""
    sys.path.insert(0, agent)
    runs, is_damaged = import_module("agent.bytecode").ready(agent)
    if runs != agent:  # what was loaded of the one is forgotten for the other
        for name in [name for name in sys.modules if name.split(".")[0] == "agent"]:
            del sys.modules[name]
        sys.path[0] = runs
    return import_module("agent.dialogue"), runs, is_damaged


def _install(agent: str, sha256: str, content: bytes) -> None:
    """Write the agent, unless it arrived damaged."""
    os.umask(0o077)
    os.makedirs(os.path.dirname(agent), 0o700, exist_ok=True)
    if shutil.disk_usage(os.path.dirname(agent)).free < 2 * len(content):
        sys.exit("no space left on the device")
    if hashlib.sha256(content).hexdigest() != sha256:
        sys.exit("arrived damaged")
    temporary = "%s.%d" % (agent, os.getpid())
    if os.path.lexists(temporary):
        os.unlink(temporary)
    with open(temporary, "xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, agent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[2], sys.argv[3], int(sys.argv[4])))
