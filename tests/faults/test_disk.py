"""Real runs on a device whose disk changes what arrived there: bits flip, files are cut, as a dying SD card does it."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.tensorflow

HOW = ("a bit", "half", "empty")
WHATS = {
    "agent",
    "artifact tiny-cxr int8",
    "images for tiny-cxr, 1 of 1",
    "labels for tiny-cxr",
    "golden images for tiny-cxr",
}


def damage(path, how):
    content = path.read_bytes()
    middle = len(content) // 2
    path.write_bytes(
        {
            "a bit": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
            "half": content[:middle],
            "empty": b"",
        }[how]
    )


def test_what_the_disk_changed_is_found_and_installed_anew_before_it_is_measured(project):
    runs = [project.farm("run", "--schemes", "int8", "--effort", "smoke")]
    folder = project.workdir
    for turn in range(len(HOW)):
        for number, path in enumerate(sorted([*(folder / "blobs").iterdir(), *(folder / "agents").glob("*.zip")])):
            damage(path, HOW[(number + turn) % len(HOW)])
        runs.append(project.farm("run", "--schemes", "int8", "--effort", "smoke"))

    first, *mended = project.rows("SELECT id FROM runs ORDER BY started_at")
    assert [run.returncode for run in runs] == [0] * 4, runs[-1].stderr
    assert "Traceback" not in "".join(run.stderr for run in runs)
    assert whats(project, *first) == set()
    for (run,) in mended:
        assert whats(project, run) == WHATS
    assert "artifact tiny-cxr int8 had changed on its disk" in " ".join(runs[-1].stderr.split())
    aucs = {row["auc_mean"] for row in project.json("results", "list")}
    assert len(aucs) == 1


def whats(project, run):
    """Return what was mended in a run."""
    rows = project.rows("SELECT detail FROM events WHERE kind = 'DamageMended' AND run = ?", run)
    return {json.loads(detail)["what"] for (detail,) in rows}
