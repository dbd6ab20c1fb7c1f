"""A device's Python for labs of hundreds of hosts on two cores: forks, rather than starts, what `python3` is asked to run.

Two hundred devices have two hundred processors; in the lab they share ours, where each start of Python costs 50 ms and a
run takes three for each device. Whatever runs is the real agent, but for one thing: **the worker is a stand-in**, which sleeps for
as long as ``/root/schedule`` says (seconds for each step, one a line, over and over) and returns samples that it drew.
It runs on the device as ``python3 -S quick_python.py AGENT_ZIP``, with the standard library alone.
"""

from __future__ import annotations

import array
import fcntl
import gc
import json
import os
import platform
import random
import runpy
import signal
import socket
import struct
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

SOCKET = "/run/python.sock"
SCHEDULE = "/root/schedule"
#: Gets a line for each step that begins.
BEGUN = "/root/begun"
#: What farm calls by its path; it is not what is running.
PYTHON = "/usr/local/bin/python3"


def main(agent: str) -> None:
    """Serve until the device is switched off."""
    sys.path.insert(0, agent)
    import agent.__main__
    import agent.bytecode
    import agent.dialogue
    import agent.environments
    import agent.facts
    import agent.lanes
    import agent.runtimes.check
    import agent.runtimes.null
    import agent.worker

    agent.bytecode.ready = lambda source: (source, False)  # what runs here is warm, not compiled
    sys.executable = PYTHON
    gc.freeze()  # what children share with this process, they need not copy to look through it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the dead away
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(SOCKET)
        listening.listen(64)
        while True:
            asking, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _serve(asking)
            asking.close()


def _serve(asking: socket.socket) -> None:
    """Run one program in this process, which ends with it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size = array.array("i").itemsize
    head, ancillary, _, _ = asking.recvmsg(4, socket.CMSG_SPACE(3 * size))
    files = array.array("i", ancillary[0][2])
    words = b""
    (length,) = struct.unpack("I", head)
    while len(words) < length:
        words += asking.recv(length - len(words))
    for number, descriptor in enumerate(files):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # whoever kills its `python3` means this one, too
    fcntl.fcntl(asking, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(asking, fcntl.F_SETFL, fcntl.fcntl(asking, fcntl.F_GETFL) | os.O_ASYNC)
    os.chdir("/root")
    ours = os.getpid()
    status = _run([os.fsdecode(word) for word in words.split(b"\0")[:-1]])
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        if os.getpid() == ours:  # a program may fork, and its children end as it does
            asking.sendall(struct.pack("i", status))
    finally:
        os._exit(0)


def _run(words: list[str]) -> int:
    """Do what `python3` does with these words; return its exit status."""
    try:
        return _program(words)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(end.code + "\n")
        return 1 if isinstance(end.code, str) else int(end.code or 0)
    except BaseException:  # noqa: BLE001  as Python ends
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _program(words: list[str]) -> int:
    first = words[0] if words else "-"
    code, sys.argv = "", words or ["-"]
    if first == "-c":
        code, sys.argv = words[1], ["-c", *words[2:]]
        if "agent.worker" in words[:4]:
            return _stand_in()
        if "from importlib import import_module" in code:  # the agent starts a part of itself
            return int(import_module(words[3]).main(words[4:]) or 0)
    elif first == "-":  # a program on standard input, as Ansible's pipelining has it
        code = sys.stdin.read()
    elif not Path(first).exists():
        sys.stderr.write(f"python3: can't open file {first!r}: [Errno 2] No such file or directory\n")
        return 2
    elif first.endswith(".zip") and first.startswith("/root/.farm-agent"):
        return int(import_module("agent.__main__").main(words[1:]))
    else:
        runpy.run_path(first, run_name="__main__")
        return 0
    exec(compile(code, first, "exec"), {"__name__": "__main__"})  # noqa: S102  as `python3` does
    return 0


def _stand_in() -> int:
    """Sleep, then answer as a worker does."""
    from agent import packing, wire

    step = wire.from_json(wire.Step, json.load(sys.stdin))
    lasts_s = [float(line) for line in Path(SCHEDULE).read_text().split()]
    with Path(BEGUN).open("a") as begun:
        begun.write("x\n")
    drawn = random.Random(step.id)  # noqa: S311  a simulation
    middle_ns = 1e6 * drawn.uniform(4, 6)
    time.sleep(lasts_s[drawn.randrange(len(lasts_s))])
    latency_ns = [round(middle_ns * drawn.lognormvariate(0, 0.02)) for _ in range(max(11, step.min_invocations))]
    answer: dict[str, Any] = {
        "import_ns": 1_000_000,
        "load_ns": 1_000_000,
        "first_ns": latency_ns[0],
        "warmup_ns": packing.pack_ints(latency_ns[:2]),
        "latency_ns": packing.pack_ints(latency_ns),
        "span_ns": sum(latency_ns),
        "clock_ns": 50,
        "loop_ns": 100,
        "peak_rss_bytes": 20_000_000,
        "requested": {"threads": step.threads, "delegate": None},
        "effective": {"threads": step.threads, "delegate": None, "nodes": 0, "delegated_nodes": 0, "warmed_up": True},
        "versions": {"python": platform.python_version(), "null": "1"},
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
