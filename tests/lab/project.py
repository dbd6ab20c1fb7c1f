"""A project folder in which a test uses `farm` as a person would, with a home directory of its own."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lab.same_process import call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.lab.laboratory import Lab

FARM = [sys.executable, "-m", "orchestrator.cli.main"]


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with an inventory, a database and farm's own files."""

    folder: Path
    #: Where farm's commands can reach a lab's hosts, in its network.
    lab: Lab | None = None
    #: What a run without a suite measures; ``None`` leaves that to farm.
    model: str | None = "tiny-cxr"

    @property
    def prefix(self) -> list[str]:
        """The command that takes `farm` as its words, to run it in the lab's network."""
        return self.lab.command() if self.lab else []

    @property
    def workdir(self) -> Path:
        """Where the agent of the device `local` keeps its files."""
        return self.folder / "home" / ".farm-agent"

    def processes_of_the_agent(self) -> list[int]:
        """Return those that run for the device `local`: they have its directory among their words, or its name and this home."""
        directory, home = os.fsencode(self.workdir), b"HOME=%s\0" % os.fsencode(self.workdir.parent)
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes()
                is_named = b"\0%s\0" % os.fsencode(self.workdir.name) in words
                if directory in words or (is_named and home in (entry / "environ").read_bytes()):
                    found.append(int(entry.name))
        return [process for process in found if process != os.getpid()]

    @property
    def environment(self) -> dict[str, str]:
        """What `farm` runs with: nothing of the person who runs the tests."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("FARM_")}
        return kept | {"HOME": str(self.folder / "home"), "NO_COLOR": "1", "COLUMNS": "120"}

    def words(self, argv: Sequence[str]) -> list[str]:
        """Return the words of a command, with the model of this project where it is a run without a suite or a model."""
        others = {"--models", "--resume", "--help"}
        is_bare = argv[:1] == ("run",) and not others & {*argv} and not any(word.endswith(".yaml") for word in argv)
        return [*argv, "--models", self.model] if is_bare and self.model else [*argv]

    def farm(self, *argv: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run `farm` to its end in this process, for queries, edits and errors of usage.

        A command that measures, or one whose process is the point, takes `process`.
        """
        with self.lab.entered() if self.lab else nullcontext():
            return call(self.words(argv), folder=self.folder, environment=self.environment | extra)

    def process(self, *argv: str, timeout: float = 1000, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run `farm` to its end in a process of its own."""
        return subprocess.run(
            [*self.prefix, *FARM, *self.words(argv)],
            cwd=self.folder,
            env=self.environment | extra,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def start(self, *argv: str) -> subprocess.Popen[str]:
        """Start `farm` and return at once."""
        return subprocess.Popen(
            [*self.prefix, *FARM, *self.words(argv)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def json(self, *argv: str) -> Any:
        """Run a query with ``--json`` and return its answer."""
        done = self.farm(*argv, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Ask the SQLite database directly; nothing where it does not exist yet."""
        import sqlite3

        path = self.folder / "farm.db"
        if not path.exists():
            return []
        store = sqlite3.connect(path, timeout=10)
        try:
            return store.execute(query, parameters).fetchall()
        except sqlite3.OperationalError:
            return []
        finally:
            store.close()

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the details of the stored events of one kind, in order."""
        return [
            json.loads(detail) for (detail,) in self.rows("SELECT detail FROM events WHERE kind = ? ORDER BY id", kind)
        ]


def wait_for(condition: Callable[[], Any], *, seconds: float = 300, every: float = 0.05) -> Any:
    """Return the first true value of ``condition``; fail when the time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(every)
    pytest.fail("waited in vain")


@pytest.fixture(scope="session")
def built(tmp_path_factory, worker_id) -> Path:
    """A folder of farm's own files with the built-in suite's artifacts in it: TensorFlow runs once for all tests and workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "built"
    with (folder.parent / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "home").mkdir(parents=True)
            done = Project(folder=folder).process("run", "--effort", "smoke")
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "printed.json").write_text(json.dumps({"out": done.stdout, "err": done.stderr}))
            (folder / "done").touch()
    return folder / ".farm"


@pytest.fixture
def short_quick(monkeypatch) -> None:
    """Have `quick` take a fraction of its time in this process, where how long it measures is not the point."""
    from orchestrator.domain.effort import EFFORTS

    monkeypatch.setitem(EFFORTS, "quick", replace(EFFORTS["quick"], seconds=0.3, warmup_max_s=0.5))


@pytest.fixture
def project(tmp_path, built) -> Project:
    """A fresh project whose artifacts are built already; its device has seen nothing yet."""
    folder = tmp_path / "project"
    (folder / "home").mkdir(parents=True)
    shutil.copytree(built, folder / ".farm")
    return Project(folder=folder)
