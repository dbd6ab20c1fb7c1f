"""Options that mean the same are understood by every command, whatever it calls them itself."""

from __future__ import annotations

import pytest

from tests.lab.project import Project
from tests.lab.reported import fill

CASE = "pi5/tiny-cxr/int8/litert/t1/b1"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "home").mkdir()
    fill(folder)
    return Project(folder=folder)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("report", "--run", "latest", "--format", "csv"), "pi5"),
        (("report", "--format", "csv", "--run=latest"), "pi5"),
        (("results", "show", "--case", CASE), CASE),
        (("results", "list", "--device", "pi5", "--scheme=int8"), "int8"),
        (("devices", "show", "--device", "local"), "transport"),
        (("devices", "list", "--devices", "local"), "local"),
        (("stop", "--run", "latest"), "nothing of run"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else each,
)
def test_an_option_is_understood_by_the_name_that_it_has_elsewhere(project, argv, words):
    done = project.farm(*argv)

    assert done.returncode == 0, done.stderr
    assert words in done.stdout


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (("report", "--schemes", "int8"), "did you mean farm run --schemes or farm bench --schemes"),
        (("results", "accuracy", CASE, "--device", "pi5"), "did you mean farm results list --devices"),
        (("results", "list", "--runn", "latest"), "did you mean --run?"),
        (("devices", "show", "local", "--nonsense"), "farm devices show --help"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else each,
)
def test_an_option_that_a_command_lacks_is_refused_with_where_it_is(project, argv, hint):
    refused = project.farm(*argv)

    assert refused.returncode == 2
    assert "no such option: --" in refused.stderr
    assert hint in refused.stderr


def test_what_follows_two_dashes_is_no_option(project):
    refused = project.farm("results", "sql", "--", "--run")

    assert "no such option" not in refused.stderr


def test_an_option_that_switches_off_is_one_of_its_command(project):
    refused = project.farm("devices", "add", "pi", "--no-setup", "--address", "pi@127.0.0.1", "--port", "none")

    assert "--no-setup" not in refused.stderr
    assert "--port" in refused.stderr
