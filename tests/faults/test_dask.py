"""Lanes that the workers of a real Dask cluster walk, one of which is killed in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys

import pytest

from orchestrator.runs.cluster import cluster
from tests.faults.suites import QUICK, measured, stored
from tests.lab.project import wait_for
from tests.lab.sshd import free_port

pytestmark = [pytest.mark.tensorflow, pytest.mark.sshd]


def add_devices(project, servers, tags=()):
    """Write an inventory with real SSH servers in it, and a suite; return the keys that a worker has to trust."""
    entries = ["devices:\n"]
    for server, tag in zip(servers, [*tags, *[None] * len(servers)], strict=False):
        device = server.device
        entries.append(f"  {server.name}: {{address: {device.address}, port: {device.port}, user: {device.user}, ")
        entries.append(f"identity_file: {device.identity_file}, workdir: {device.workdir}, python: {device.python}")
        entries.append(f", tags: [{tag}]}}\n" if tag else "}\n")
    (project.folder / "inventory.yaml").write_text("".join(entries))
    known_hosts = "".join(server.known_hosts.read_text() for server in servers)
    (project.folder / ".farm" / "known_hosts").write_text(known_hosts)
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=3))
    return known_hosts


def on(dask_cluster):
    """Return the options that let a cluster walk the lanes."""
    return "--executor", "dask", "--scheduler", dask_cluster.address


def queues(dask_cluster):
    """Return the queues that a scheduler holds."""
    from distributed import Client

    with Client(dask_cluster.address, set_as_default=False) as client:
        return client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.extensions["queues"].queues))


def walked(project):
    """Return the workers that walked the lane of each device, in order."""
    found = {}
    for device, detail in project.rows(
        "SELECT device, detail FROM events WHERE kind = 'PreparationStarted' ORDER BY id"
    ):
        if " walks its lane" in detail:
            found.setdefault(device, []).append(detail.split("worker ")[1].split()[0])
    return found


def test_a_worker_that_is_killed_in_the_middle_costs_nothing(project, sshd, dask_cluster):
    servers = [sshd(name) for name in ("pi-a", "pi-b")]
    known_hosts = add_devices(project, servers)
    workers = {name: dask_cluster.worker(name, known_hosts) for name in ("one", "two")}

    run = project.start("run", "suite.yaml", *on(dask_cluster), "--devices", "pi-*", "--json")
    (victim,) = wait_for(lambda: walked(project).get("pi-a"))
    wait_for(lambda: project.rows("SELECT 1 FROM events WHERE kind = 'AttemptEnded' AND device = 'pi-a'"), every=0.01)
    workers[victim].send_signal(signal.SIGKILL)
    out, err = run.communicate(timeout=120)

    assert run.returncode == 0, out + err + dask_cluster.log("one") + dask_cluster.log("two")
    times = stored(project)
    assert times == measured(servers[0].folder / "work") + measured(servers[1].folder / "work")
    assert set(times.values()) == {1}
    assert len(times) == 6
    assert walked(project)["pi-a"] == [victim, {"one": "two", "two": "one"}[victim]]
    assert "is lost; another one goes on" in err
    wait_for(lambda: not queues(dask_cluster))


def test_a_lane_goes_to_a_worker_of_its_site_which_uses_its_own_keys(project, sshd, dask_scheduler):
    dask_cluster = dask_scheduler()
    servers = [sshd(name) for name in ("pi-a", "pi-b", "pi-c")]
    known_hosts = add_devices(project, servers, ["site-ward", "site-attic", "site-hall"])
    (project.folder / ".farm" / "known_hosts").write_text("")  # the controller reaches none of them
    dask_cluster.worker("near", known_hosts, "--resources", "site:ward=1")
    dask_cluster.worker("stranger", "", "--resources", "site:hall=1")
    dask_cluster.wait_for_workers()

    done = project.process("run", "suite.yaml", *on(dask_cluster), "--patience", "5")

    assert done.returncode == 1, done.stdout + done.stderr
    lanes = walked(project)
    assert lanes == {"pi-a": ["near"]}, "`local` is the controller, which no worker measures"
    count = "SELECT device, COUNT(*) FROM attempts JOIN cases ON cases.id = case_id GROUP BY device"
    assert dict(project.rows(count)) == {"local": 3, "pi-a": 3}
    assert f"no worker of site attic at {dask_cluster.address} within 5 s" in done.stderr, done.stderr
    assert f'dask worker {dask_cluster.address} --resources "site:attic=1"' in done.stderr
    assert "unknown host key" in done.stderr
    assert "worker stranger asks it: its own SSH keys count" in done.stderr
    assert str(dask_cluster.folder / "worker-stranger" / ".farm" / "known_hosts") in done.stderr


def ready_model(project):
    """Make what was built before a ready model's file, so that its build needs no TensorFlow; return the suite's words."""
    kept = [json.loads(path.read_text()) for path in (project.folder / ".farm" / "recipes").glob("*.json")]
    made = next(each for each in kept if each.get("scheme") == "float32")
    shutil.copy(project.folder / ".farm" / "blobs" / made["sha256"], project.folder / "mine.tflite")
    how = {key: made["preprocess"][key] for key in ("scale", "mean", "std")}
    suite = {
        "models": [{"name": "mine", "path": "mine.tflite", "preprocess": how}],
        "dataset": "phantom",
        "schemes": ["as-is"],
        "runtimes": ["null"],
        "effort": "smoke",
        "accuracy": "none",
        "attempts": 1,
    }
    (project.folder / "suite.yaml").write_text(json.dumps(suite))
    return made


def test_a_build_of_a_killed_worker_goes_on_at_another_one(project, dask_cluster):
    made = ready_model(project)
    victim = dask_cluster.worker("one", "", "--resources", "builds=1")
    dask_cluster.worker("two", "")
    dask_cluster.wait_for_workers()
    folder = dask_cluster.folder / "worker-one" / ".farm"
    os.mkfifo(folder / "build.log")  # nothing reads it: the worker waits there, its artifact built and not sent

    run = project.start("run", "suite.yaml", *on(dask_cluster), "--devices", "local")
    wait_for(lambda: list(folder.glob("building-*/0.npy")))
    victim.send_signal(signal.SIGKILL)
    out, err = run.communicate(timeout=120)

    assert run.returncode == 0, out + err + dask_cluster.log("one") + dask_cluster.log("two")
    placed = [event["what"] for event in project.events("BuildsPlaced")]
    assert placed == [
        "worker one builds mine (as-is)",
        "worker one is lost in the middle of building mine (as-is)",
        "worker two builds mine (as-is)",
    ]
    (ready,) = project.events("ArtifactReady")
    assert (ready["artifact"], ready["reused"]) == (made["sha256"], False)
    assert (project.folder / ".farm" / "blobs" / made["sha256"]).exists()
    kept = [json.loads(path.read_text()) for path in (project.folder / ".farm" / "recipes").glob("*.json")]
    assert [each["sha256"] for each in kept if each.get("model") == "mine"] == [made["sha256"]], "as if built here"


def test_no_scheduler_at_the_address_is_an_error_of_usage_that_names_the_command(project, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"

    done = project.farm("run", "--executor", "dask", "--scheduler", address)

    assert done.returncode == 2, done.stdout + done.stderr
    assert f"no Dask scheduler answers at {address}" in done.stderr
    assert f"dask scheduler --port {address.rpartition(':')[2]}" in done.stderr
    assert f"dask worker {address}" in done.stderr
    assert not (project.folder / "farm.db").exists()


def test_without_the_extra_the_message_names_it(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    done = project.farm("run", "--executor", "dask", "--scheduler", "tcp://127.0.0.1:1")

    assert done.returncode == 2
    assert "pip install 'edge-farm[dask]'" in done.stderr


def test_a_scheduler_without_dask_and_dask_without_a_scheduler_are_refused(project):
    alone = project.farm("run", "--scheduler", "tcp://127.0.0.1:1")
    nowhere = project.farm("run", "--executor", "dask")
    other = project.farm("run", "--executor", "dusk")

    assert (alone.returncode, nowhere.returncode, other.returncode) == (2, 2, 2)
    assert "--executor dask" in alone.stderr
    assert "--executor dask needs --scheduler" in nowhere.stderr
    assert "did you mean 'dask'?" in other.stderr
