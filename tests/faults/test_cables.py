"""One run on devices whose cables flap, lose packets, are slow, carry one way only or are cut, and on ports without SSH."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import pytest

from tests.faults.suites import QUICK, measured
from tests.lab.hosts import HostSpec
from tests.lab.project import Project, wait_for

pytestmark = [pytest.mark.tensorflow, pytest.mark.sshd]

ATTEMPTS = 3
CUT_AFTER_BYTES = 40_000
#: Of the whole run, however busy this machine is; it takes less than a minute on an idle one.
LIMIT_S = 700
SUITE = QUICK.format(attempts=ATTEMPTS)
CABLES = ("flapping", "lossy", "far", "half-open", "narrow", "behind")
PORTS = ("off", "http", "mute")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The run, at its end."""

    project: Project
    status: int
    screen: str

    def events(self, kind, device):
        query = "SELECT detail FROM events WHERE kind = ? AND device = ? ORDER BY id"
        return [json.loads(detail) for (detail,) in self.project.rows(query, kind, device)]

    def times(self, device):
        """Return how often each attempt of a device is stored."""
        return Counter(event["attempt"] for event in self.events("AttemptEnded", device))


class Faults:
    """What befalls each cable once the lane behind it has begun."""

    def __init__(self, project):
        self._project, self._lab = project, project.lab

    def every(self):
        return [self.flapping, self.lossy, self.half_open, self.narrow, self.behind]

    def flapping(self):
        self._wait("LaneStarted", "flapping")
        for _ in range(4):
            self._lab["flapping"].link_down()
            threading.Event().wait(0.7)
            self._lab["flapping"].link_up()
            threading.Event().wait(0.7)

    def lossy(self):
        self._wait("LaneStarted", "lossy")
        self._lab["lossy"].cable(loss_percent=30)

    def half_open(self):
        self._wait("LaneStarted", "half-open")
        self._lab["half-open"].cable(loss_back_percent=100)
        self._wait("LinkLost", "half-open")
        self._lab["half-open"].cable()

    def narrow(self):
        host = self._lab["narrow"]
        blobs = host.folder / "root" / ".farm-agent" / "blobs"
        self._wait("DeviceProbed", "narrow")
        host.cable(rate_mbit=0.064, queue_ms=2000)
        wait_for(lambda: any(size > CUT_AFTER_BYTES for size in sizes(blobs)), seconds=LIMIT_S)
        host.link_down()
        self._wait("LinkLost", "narrow")
        host.cable()
        host.link_up()

    def behind(self):
        self._wait("LaneStarted", "behind")
        self._lab["gate"].link_down()
        self._wait("LinkLost", "behind")
        self._lab["gate"].link_up()

    def _wait(self, kind, device):
        wait_for(
            lambda: self._project.rows("SELECT id FROM events WHERE kind = ? AND device = ?", kind, device),
            seconds=LIMIT_S,
        )


def sizes(blobs):
    """Return how much has arrived of each blob that is under way."""
    found = []
    for path in blobs.glob("*.partial"):
        with suppress(FileNotFoundError):  # it has arrived meanwhile
            found.append(path.stat().st_size)
    return found


@contextmanager
def listening(lab, greeting):
    """Have a port in the lab where something takes connections, greets each, and says no more."""
    with lab.entered(), socket.create_server(("127.0.0.1", 0)) as server:
        held = []

        def serve():
            while True:
                try:
                    held.append(server.accept()[0])
                    held[-1].sendall(greeting)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for each in held:
            each.close()


@pytest.fixture(scope="module")
def ended(tmp_path_factory, built, lab):
    specs = [HostSpec(name=name, packages=True) for name in (*CABLES[:-1], "gate")]
    hosts = lab(*specs, HostSpec(name="behind", behind="gate", packages=True))
    hosts["far"].cable(delay_ms=300)
    for name in ("lossy", "half-open", "narrow"):
        hosts[name].cable()  # as good as any, so far
    folder = tmp_path_factory.mktemp("cables")
    (folder / "home").mkdir()
    shutil.copytree(built, folder / ".farm")
    shutil.copy(hosts.known_hosts, folder / ".farm" / "known_hosts")
    (folder / "suite.yaml").write_text(SUITE)
    project = Project(folder=folder, lab=hosts)
    with ExitStack() as stack:
        devices = json.loads(hosts.inventory.read_text())["devices"]
        ports = {
            "off": 9,
            "http": stack.enter_context(listening(hosts, b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")),
            "mute": stack.enter_context(listening(hosts, b"")),
        }
        devices |= {name: {"address": "127.0.0.1", "port": port, "user": "pi"} for name, port in ports.items()}
        (folder / "inventory.yaml").write_text(json.dumps({"devices": devices}))
        run = project.start("run", "suite.yaml", "--devices", ",".join((*CABLES, *PORTS)), "--patience", "90")
        with ThreadPoolExecutor() as pool:
            faults = [pool.submit(fault) for fault in Faults(project).every()]
            try:
                out, err = run.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                run.kill()
                pytest.fail("".join(run.communicate()))
            for fault in faults:
                fault.result()
    return Ended(project=project, status=run.returncode, screen=err + out)


@pytest.mark.parametrize("device", CABLES)
def test_whatever_befalls_a_cable_each_attempt_is_stored_once_and_none_is_measured_again(ended, device):
    host = ended.project.lab[device]

    assert ended.times(device) == measured(host.folder / "root" / ".farm-agent")
    assert list(ended.times(device).values()) == [1] * ATTEMPTS
    assert len(ended.events("LaneStarted", device)) == 1


@pytest.mark.parametrize("device", ["half-open", "narrow", "behind"])
def test_a_link_that_is_gone_is_noticed_and_each_reason_is_printed_once(ended, device):
    reasons = {event["reason"].removeprefix(f"{device}: ") for event in ended.events("LinkLost", device)}
    lines = [line for line in ended.screen.splitlines() if line.startswith(f"{device}  link lost")]

    assert reasons
    assert sorted(line.rpartition("): ")[2] for line in lines) == sorted(reasons)


def test_delay_alone_breaks_no_link(ended):
    assert not ended.events("LinkLost", "far")


def test_a_push_that_was_cut_at_64_kbit_per_second_goes_on_where_it_stopped(ended):
    pushes = [event["total_bytes"] for event in ended.events("PushStarted", "narrow")]
    artifact = next(each for each in ended.events("BlobSent", "narrow") if each["what"].startswith("artifact"))

    assert len(pushes) == 2
    assert artifact["sent_bytes"] <= artifact["size_bytes"] - CUT_AFTER_BYTES
    assert pushes[0] - pushes[1] == artifact["size_bytes"] - artifact["sent_bytes"]


def test_ports_without_ssh_are_each_one_sentence_and_the_others_are_measured(ended):
    skipped = {name: ended.events("LaneSkipped", name) for name in PORTS}

    assert ended.status == 1
    assert [len(events) for events in skipped.values()] == [1, 1, 1]
    assert "no SSH server listens there" in skipped["off"][0]["reason"]
    for name in ("http", "mute"):
        assert "something takes connections there, and no SSH session begins" in skipped[name][0]["reason"]
    for name in PORTS:
        assert ended.screen.count(f"{name}  skipped: ") == 1
        assert not ended.events("LinkLost", name)


def test_the_last_lines_name_the_command_that_measures_what_was_lost(ended):
    ((run,),) = ended.project.rows("SELECT id FROM runs")

    assert "Traceback" not in ended.screen
    assert f"once they answer: farm run --resume {run}" in ended.screen
