"""A device that answers what it likes, beside a good one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

#: Three hundred answers with FARM_TEST_SLOW.
ROUNDS, DEVICES = (6, 50) if os.environ.get("FARM_TEST_SLOW") else (2, 25)
SEED = 20261127
ROOT = Path(__file__).parents[2]
SUITE = "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32]\neffort: smoke\nprofile: true\n"


def is_harmless(screen):
    """Say whether ``screen`` has no byte that a terminal obeys, but for ends of lines."""
    return all(letter.isprintable() or letter == "\n" for letter in screen)


def test_mutated_answers_cost_the_good_device_nothing(project):
    hostile = "".join(f"  bad-{number:03}: {{transport: hostile}}\n" for number in range(DEVICES))
    (project.folder / "inventory.yaml").write_text(f"devices:\n{hostile}")
    (project.folder / "suite.yaml").write_text(SUITE)

    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.hostile", str(SEED), str(ROUNDS), "run", "suite.yaml", "--patience", "1"],
        cwd=project.folder,
        # no wheel is fetched for a device that says it has none
        env=project.environment | {"PYTHONPATH": str(ROOT), "HTTPS_PROXY": "http://127.0.0.1:9"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=900,
        check=False,
    )

    screen, errors = done.stdout.decode(), done.stderr.decode()
    *_, told = errors.splitlines()
    assert done.returncode in (0, 1), screen + errors
    assert "Traceback" not in screen + errors
    assert sum(json.loads(told)["mutations"].values()) >= ROUNDS * DEVICES
    assert json.loads(told)["peak_rss_bytes"] < 300_000_000
    assert is_harmless(screen + errors)
    assert "[red]owned[/red]" in errors, "markup is shown, not obeyed"
    good = "SELECT run, error FROM attempts JOIN cases ON cases.id = case_id WHERE device = 'local'"
    assert [error for _, error in project.rows(good)] == [None] * ROUNDS
    judged = "SELECT verdict FROM run_cases JOIN cases ON cases.id = case_id WHERE device = 'local'"
    assert [verdict for (verdict,) in project.rows(judged)] == ["WARN"] * ROUNDS
    rejudged = project.farm("results", "judge")
    assert rejudged.returncode == 0, rejudged.stderr
    for row in project.json("results", "list")[:3]:
        shown = project.farm("results", "show", row["case"])
        assert is_harmless(shown.stdout), shown.stdout
