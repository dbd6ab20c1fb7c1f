"""What commands of results answer to a case, a scheme or a database that is not there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.lab.project import Project
from tests.lab.reported import FLEET, fill

CASE = "pi5/tiny-cxr/int8/litert/t1/b1"
#: What a reading command needs no part of where there is no database.
UNREAD = "import sys; sys.argv = ['farm', {words}]\nfrom orchestrator.cli.main import app\ntry:\n    app()\nexcept SystemExit:\n    print('sqlalchemy' in sys.modules)"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "home").mkdir()
    fleet = {"pi5": {"float32": FLEET["pi5"]["float32"], "int8": FLEET["pi5"]["int8"]}}
    fill(folder, fleet)
    return Project(folder=folder)


@pytest.mark.parametrize("command", ["accuracy", "history", "profile", "show", "explain"])
def test_a_case_that_is_not_whole_is_answered_with_the_whole_ones(project, command):
    done = project.farm("results", command, "pi5/tiny-cxr/int8")

    assert done.returncode == 2
    assert f"write it whole: {CASE}" in done.stderr


def test_a_scheme_without_results_is_answered_with_the_nearest_that_has_some(project):
    done = project.farm("results", "divergence", "--scheme", "int8-io")

    assert "no result with scheme 'int8-io'; did you mean 'int8'?" in done.stderr


@pytest.mark.parametrize("words", ["'runs'", "'runs', '--json'", "'results'"])
def test_a_question_without_a_database_loads_none(tmp_path, words):
    program = UNREAD.format(words=words)

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"
