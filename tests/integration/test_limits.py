"""What the inventory allows on a device is what farm takes there."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace

import pytest

from orchestrator.domain.device import Limits
from orchestrator.domain.event import BlobSent, LaneStarted
from orchestrator.models import image_sets
from orchestrator.runs.farm import Farm
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_suite
from orchestrator.transports.connector import Connector


def measured(project, limits, *argv):
    (project.folder / "inventory.yaml").write_text(f"devices:\n  local:\n    limits: {limits}\n")
    return project.process("run", "--schemes", "float32", "--effort", "smoke", "--json", *argv)


def test_a_device_that_may_hold_less_than_a_run_needs_is_left_alone(project):
    done = measured(project, "{disk: 1MB}")

    assert done.returncode == 1
    assert "the inventory allows 1.00 MB" in done.stderr
    assert "farm devices clean local" in done.stderr
    sent = [event["what"] for event in project.events("BlobSent")]
    assert sent in ([], ["agent"])
    assert measured(project, "{disk: 1GB}").returncode == 0


def test_an_attempt_that_wants_more_memory_than_allowed_fails_with_the_limit(project):
    done = measured(project, "{memory: 2MB}")

    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert row["verdict"] == "INVALID"
    assert "it may take 2 MB at most" in row["reasons"][0]["message"]
    assert measured(project, "{memory: 2GB}").returncode == 0


def test_an_attempt_that_takes_longer_than_allowed_is_ended(project):
    done = measured(project, "{attempt_timeout_s: 0.01}")

    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert "no answer within 0.01 s" in row["reasons"][0]["message"]


def test_a_runtime_that_is_not_allowed_is_a_skipped_case(project):
    (project.folder / "inventory.yaml").write_text("devices:\n  local:\n    runtimes: [tflite]\n")

    done = project.farm("run", "--schemes", "float32", "--effort", "smoke", "--dry-run")

    assert done.returncode == 3, done.stderr
    assert "the inventory allows only tflite on local" in done.stdout


def test_a_run_on_a_selection_by_facts_needs_no_names(project):
    assert project.farm("devices", "check").returncode == 0

    found = project.farm("run", "--devices", "cores>=1&memory>1MB", "--dry-run")
    none = project.farm("run", "--devices", "cores>=5000", "--dry-run")

    assert found.returncode == 0, found.stderr
    assert "local" in found.stdout
    assert "local  sends " in found.stdout
    assert "3.48 MB of it images" in found.stdout
    assert none.returncode == 2
    assert "selector 'cores>=5000' matches no device" in none.stderr


@pytest.mark.sshd
def test_a_device_whose_disk_can_not_hold_all_images_scores_them_part_by_part(project, sshd, monkeypatch):
    """Real images sets have shards of 32 MiB; here they are so small that 1,020 phantoms are 8 of them, of which 3 fit."""
    monkeypatch.setattr(image_sets, "SHARD_BYTES", 128 * 64 * 64)
    server = sshd()
    limits = Limits(memory_bytes=10**9, disk_bytes=2_000_000)
    device = replace(server.device, python=sys.executable, limits=limits)
    farm = Farm(project.folder / ".farm", connector=Connector(known_hosts=server.known_hosts))
    suite = make_suite(schemes=("float32",))

    with Store.open(f"sqlite:///{project.folder}/farm.db") as store:
        events = list(farm.run(suite, [device], store))
        (row,) = store.results()
        scores = store.scores(row.run, make_case(device=device.name))

    assert events[-1].exit_status == 0
    assert (scores.error, scores.shape) == (None, (1020, 14))
    assert round(row.auc_mean, 3) == 0.923
    lanes = [event for event in events if isinstance(event, LaneStarted)]
    assert len(lanes) > 3
    blobs = [path.stat().st_size for path in (server.folder / "work" / "blobs").iterdir()]
    assert sum(blobs) < 2_000_000
    sent = Counter(event.sha256 for event in events if isinstance(event, BlobSent))
    assert set(sent.values()) == {1}, "no image travels twice"
