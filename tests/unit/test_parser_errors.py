"""What the command line's parser refuses is named with command, option, value and the next command."""

from __future__ import annotations

import pytest
import typer

from orchestrator.cli.main import app
from orchestrator.errors import UsageError
from orchestrator.runs.farm import Farm
from tests.lab.project import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "home").mkdir()
    (folder / "wheels.zip").touch()
    return Project(folder=folder)


def commands(group=None, path=()):
    """Yield every command with its words."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        yield (*path, name), command


WITH_WHEELHOUSE = [
    path for path, command in commands() if any("--wheelhouse" in parameter.opts for parameter in command.params)
]


def test_devices_are_set_up_by_six_commands():
    assert len(WITH_WHEELHOUSE) == 6


@pytest.mark.parametrize("path", WITH_WHEELHOUSE, ids=" ".join)
def test_a_wheelhouse_that_is_named_must_exist(project, path):
    by_option = project.farm(*path, "x", "--wheelhouse", "/nope")
    by_variable = project.farm(*path, "x", FARM_WHEELHOUSE="/nope")

    assert (by_option.returncode, by_variable.returncode) == (2, 2)
    assert by_option.stderr.startswith(f"farm: farm {' '.join(path)}: --wheelhouse /nope: no such folder\n")
    assert by_variable.stderr.startswith(f"farm: farm {' '.join(path)}: FARM_WHEELHOUSE /nope: no such folder\n")


def test_a_program_gets_the_same_refusal(tmp_path):
    with pytest.raises(UsageError, match="wheelhouse /nope: no such folder"):
        Farm(tmp_path, wheelhouse=tmp_path.__class__("/nope"))


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("run --site-pushes 0", "farm run: --site-pushes 0: expected 1 or more", "farm run --help"),
        ("run --patience -1", "farm run: --patience -1: expected 0 or more", "farm run --help"),
        ("bench --patience", "--patience requires a value", ""),
        ("run --seed x", "farm run: --seed x: expected a whole number", "farm run --help"),
        ("web --port 70000", "farm web: --port 70000: expected 65535 or less", "farm web --help"),
        ("run --run latest", "farm run: no such option: --run", "farm run --resume RUN"),
        ("run --wheelhouse wheels.zip", "--wheelhouse wheels.zip: a file, expected a folder", "farm run --help"),
        ("devices add pi --port 22", "farm devices add: no such option: --port", "--address USER@HOST:PORT"),
        ("completion foo", "farm completion: foo: expected one of bash, zsh, fish", "farm completion --help"),
        ("bench", "farm bench: MODEL... is required", "farm bench --help"),
        ("runs name a b c", "farm runs name: unexpected argument: c", "farm runs name --help"),
        ("results lst", "farm results: no such command: lst", "did you mean farm results list?"),
        ("list", "no such command: list", "did you mean farm devices list or farm results list"),
        ("--db x results", "no such option: --db", "it stands after its command: farm results --db"),
        ("run -x", "farm run: no such option: -x", "farm run --help"),
        ("run list", "list: no such suite file", "farm results shows results, farm runs the runs"),
    ],
)
def test_what_is_refused_is_named_with_what_is_expected(project, line, message, hint):
    refused = project.farm(*line.split())

    assert refused.returncode == 2
    assert message in refused.stderr.splitlines()[0]
    assert hint in refused.stderr
    assert "Usage:" not in refused.stderr


@pytest.mark.parametrize("words", [(), ("devices",)])
def test_a_group_alone_shows_its_commands(project, words):
    shown = project.farm(*words)

    assert "Commands:" in shown.stdout + shown.stderr
