"""`farm web` in a process of its own, over a store that tests fill."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPMessage
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.domain import run_event
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case
from tests.integration.test_compare import LABELS, NEW, OLD, tell
from tests.lab.scorings import labelled

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Markup in every place where a device or a person may put text.
HOSTILE = "<script>alert(1)</script>\"'&"
INT8 = make_case(scheme="int8")


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str

    def get(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str, HTTPMessage]:
        """Return (status, body, headers)."""
        request = urllib.request.Request(self.url + path.lstrip("/"), method=method, headers=headers)  # noqa: S310  ours
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """Start `farm web` in ``folder``; it is ended at the end, if it still runs."""
    command = [sys.executable, "-m", "orchestrator.cli.main", "web", "--port", "0", *options]
    with (folder / "stderr.txt").open("w") as errors:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + (folder / "stderr.txt").read_text()
        yield Served(process=process, url=found[0])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fill(folder: Path) -> str:
    """Fill a store with two runs on two devices, the first called release-1, and one that goes on; return its URL."""
    labelled(folder, LABELS)
    times = {
        make_case(device=device, scheme=scheme): 3e6 for device in ("local", "pi5") for scheme in ("float32", "int8")
    }
    url = f"sqlite:///{folder / 'farm.db'}"
    with Store.open(url) as store:
        tell(store, OLD, times)
        store.name_run(OLD, "release-1")
        tell(store, NEW, times | {INT8: 1.2 * times[INT8]}, at=MIDNIGHT + timedelta(days=31), version=HOSTILE)
        for run in (OLD, NEW):
            store.record(run_event.RunEnded(run=run, exit_status=0))
    return url
