"""What the tests of faults have in common: a suite of short attempts, a real SSH server as a device, a power cut."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from contextlib import suppress

#: Six attempts of a moment each: time enough to break things in between.
SUITE = "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32, int8]\neffort: smoke\nattempts: 3\n"
ATTEMPTS = 6
#: One case that measures nothing, by attempts of a second: for what breaks around an attempt.
QUICK = (
    "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32]\nruntimes: ['null']\neffort: smoke\naccuracy: none\n"
    "attempts: {attempts}\n"
)


def attempts(project):
    return project.rows("SELECT id, error FROM attempts")


def lanes(project):
    return project.rows("SELECT id FROM lanes")


def add_device(project, server, name="pi", others=""):
    """Write an inventory with one real sshd in it, trusted, and the entries of ``others``."""
    device = server.device
    text = f"devices:\n{others}  {name}:\n    address: {device.address}\n    port: {device.port}\n    user: {device.user}\n"
    text += f"    identity_file: {device.identity_file}\n    workdir: {device.workdir}\n    python: {device.python}\n"
    (project.folder / "inventory.yaml").write_text(text)
    (project.folder / ".farm" / "known_hosts").write_text(server.known_hosts.read_text())


def records(workdir, kind):
    """Return the records of one kind that the journals on a device have."""
    lines = [line for path in workdir.glob("lanes/*/journal") for line in path.read_bytes().splitlines()]
    every = [json.loads(line.partition(b" ")[2]) for line in lines if line.endswith(b"}")]
    return [record for record in every if record["record"] == kind]


def measured(workdir):
    """Return how often each attempt was measured on a device, by its journals."""
    return Counter(record["id"] for record in records(workdir, "AttemptDone"))


def has_finished(workdir):
    """Say whether a lane came to its end on a device."""
    return bool(records(workdir, "LaneDone"))


def stored(project):
    """Return how often each attempt is stored, by the events."""
    return Counter(event["attempt"] for event in project.events("AttemptEnded"))


def killed(process, moment, lines):
    """Kill a command at a moment that is no matter of the machine's speed: after so many of its ``lines``, and a part of a second more.

    Return what it printed.
    """
    read = [line for line, _ in zip(process.stderr, range(moment.randrange(lines)), strict=False)]
    time.sleep(moment.random() * 0.4)
    process.kill()
    out, err = process.communicate()
    return "".join(read) + out + err


def power_cut(project):
    """Kill every process of the agent, as a power cut would."""
    for process in project.processes_of_the_agent():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
