"""`farm results prune`, as a person uses it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.domain import run_event
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT
from tests.lab.same_process import call
from tests.lab.telling import ended, judged, ready, started, tell


@pytest.fixture
def folder(tmp_path):
    """A project with a run of long ago and one of an hour ago."""
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, started("old"), ready("old"), ended(run="old"), judged(run="old"))
        tell(store, run_event.RunEnded(run="old", at=MIDNIGHT, exit_status=0))
        at = datetime.now(UTC) - timedelta(hours=1)
        tell(store, started("new", at=at), judged(run="new", at=at))
        tell(store, run_event.RunEnded(run="new", at=at, exit_status=0))
    return tmp_path


def prune(folder, *argv):
    return call(["results", "prune", *argv], folder=folder, environment={"HOME": str(folder), "NO_COLOR": "1"})


def runs(folder):
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        return [row.id for row in store.runs()]


def test_without_yes_it_shows_what_would_go_and_deletes_nothing(folder):
    done = prune(folder, "--before", "30d", "--samples")

    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "deletes  old, began 2026-01-01: 1 case, 1 attempt, 1.04 kB",
        "the samples of 1 run, 1.04 kB",
        "nothing is deleted; to delete it, add --yes",
    ]
    assert runs(folder) == ["new", "old"]


@pytest.mark.parametrize("before", ["30d", "2h", "2w", "2026-01-02"])
def test_with_yes_what_it_shows_is_gone(folder, before):
    done = prune(folder, "--before", before, "--yes")

    assert done.returncode == 0
    assert "deletes  old, began 2026-01-01" in done.stdout
    assert "deleted; the file had" in done.stdout
    assert runs(folder) == ["new"]


def test_a_named_run_stays_and_the_reason_is_shown(folder):
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        store.name_run("old", "baseline")

    done = prune(folder, "--before", "30d", "--yes")

    assert done.stdout.splitlines() == ["keeps    old: it has a name: baseline", "nothing to delete"]
    assert runs(folder) == ["new", "old"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--yes"], "nothing says what may go"),
        (["--before", "soon", "--yes"], "--before soon: neither a date nor an age"),
        (["--run", "nope", "--yes"], "no run called 'nope'"),
        (["--keep", "-1", "--yes"], "--keep -1: expected 0 or more"),
    ],
)
def test_what_it_can_not_do_deletes_nothing(folder, argv, words):
    done = prune(folder, *argv)

    assert done.returncode == 2
    assert words in done.stderr
    assert runs(folder) == ["new", "old"]
