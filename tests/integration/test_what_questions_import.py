"""Commands that only read start quickly: they leave alone what only others need, and create nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from orchestrator.store.store import Store
from tests.lab.project import Project

#: Runs commands of farm one after the other in a process of its own; prints what each of them was the first to import.
ASK = """
import contextlib, io, json, sys
from edge_farm.__main__ import main
heavy = ("alembic", "fabric", "invoke", "matplotlib", "numpy", "pandas", "paramiko", "scipy", "sqlalchemy", "tensorflow", "zeroconf")
before, found = set(), {}
for line in json.loads(sys.argv[1]):
    sys.argv = ["farm", *line.split()]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as ended:
            found[line] = [ended.code or 0, sorted(name for name in heavy if name in sys.modules and name not in before)]
    before |= set(sys.modules)
print(json.dumps(found))
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


def asked(project, *lines):
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(lines)],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_without_a_database_questions_import_none_and_create_none(project):
    lines = ["--help", "run --help", "--version", "devices list", "results", "results list"]

    found = asked(project, *lines)

    assert found == {line: [0, []] for line in lines}
    assert [path.name for path in project.folder.iterdir()] == ["home"]


def test_with_a_database_questions_import_what_reads_it_and_no_alembic(project):
    Store.open(f"sqlite:///{project.folder / 'farm.db'}").close()

    found = asked(project, "devices list", "results", "results list", "runs", "devices show local")

    assert found["devices list"] == [0, ["sqlalchemy"]]
    assert all(others == [] for _, others in list(found.values())[1:])
