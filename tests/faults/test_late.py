"""Devices that answer late, or never, beside one that answers at once."""

from __future__ import annotations

import socket
import sys

import pytest

from tests.faults.suites import QUICK, attempts
from tests.lab.project import wait_for

pytestmark = pytest.mark.tensorflow

ATTEMPTS = 3
WAITS = "#!/bin/sh\nwhile [ ! -e {release} ]; do sleep 0.05; done\n{then}\n"


def test_a_device_that_answers_late_or_never_delays_no_other(project, tmp_path):
    release, entries = tmp_path / "release", ["local: {transport: local}"]
    for name, then in (("late", f'exec {sys.executable} "$@"'), ("dead", "exit 1")):
        script = tmp_path / name
        script.write_text(WAITS.format(release=release, then=then))
        script.chmod(0o755)
        entries.append(f"{name}: {{transport: local, python: {script}, workdir: {tmp_path / name}-work}}")
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=ATTEMPTS))

    with socket.create_server(("127.0.0.1", 0)) as half_open:  # takes connections, says nothing
        entries.append(f"mute: {{address: 127.0.0.1, port: {half_open.getsockname()[1]}, user: pi}}")
        (project.folder / "inventory.yaml").write_text("devices:\n  " + "\n  ".join(entries) + "\n")
        run = project.start("run", "suite.yaml", "--devices", "all")
        wait_for(lambda: attempts(project))
        release.touch()
        out, err = run.communicate(timeout=300)

    order = project.rows("SELECT kind, device FROM events ORDER BY id")
    first = order.index(("AttemptEnded", "local"))
    assert first < order.index(("LaneSkipped", "dead"))
    assert first < order.index(("DeviceProbed", "late")) < order.index(("LaneStarted", "late"))
    assert order.count(("AttemptEnded", "local")) == order.count(("AttemptEnded", "late")) == ATTEMPTS
    assert len(project.events("Planned")) > 1
    assert run.returncode == 1, out + err
    assert "mute  skipped: mute (pi@127.0.0.1:" in err
