"""`farm runs name` and `farm runs unname`, as a person types them."""

from __future__ import annotations

import pytest

from tests.integration.test_results import RUN, asked, measured, refused  # noqa: F401  fixtures

OTHER = "20260101-010000-ef01"


def test_a_named_run_is_usable_wherever_a_run_is_expected(measured):  # noqa: F811  a fixture
    done = measured.farm("runs", "name", RUN, "release-1")

    assert (done.returncode, done.stdout) == (0, f"run {RUN} is now called release-1\n")
    for argv in (
        ["results", "list", "--run", "release-1"],
        ["results", "show", "local/tiny-cxr/int8/litert/t1/b1", "--run", "release-1"],
        ["results", "breakeven", "--run", "release-1"],
        ["results", "judge", "--run", "release-1"],
        ["results", "compare", "--by", "scheme", "--run", "release-1"],
    ):
        assert "no run called" not in measured.farm(*argv).stderr, argv
    shown = measured.json("results", "list", "--run", "release-1")
    assert {row["run"] for row in shown} == {RUN}
    refused(measured.farm("run", "--resume", "release-0"), 2, "did you mean 'release-1'?")


def test_the_list_of_runs_shows_names(measured):  # noqa: F811
    measured.farm("runs", "name", "latest", "baseline")

    assert [row["name"] for row in measured.json("runs")] == ["baseline", None]
    done = measured.farm("runs", COLUMNS="80")
    assert f"{OTHER}" in done.stdout
    assert "baseline" in done.stdout.splitlines()[3]


def test_a_name_moves_only_where_that_is_asked_for(measured):  # noqa: F811
    measured.farm("runs", "name", RUN, "baseline")

    hint = f"farm runs name {OTHER} baseline --move"
    refused(measured.farm("runs", "name", OTHER, "baseline"), 2, f"the run {RUN} is called baseline already", hint)
    assert measured.farm("runs", "name", OTHER, "baseline", "--move").returncode == 0
    assert [row["name"] for row in measured.json("runs")] == ["baseline", None]


def test_a_name_is_taken_away_and_the_results_stay(measured):  # noqa: F811
    measured.farm("runs", "name", RUN, "first")
    assert measured.farm("runs", "name", "first", "second").stdout == (
        f"run {RUN} is now called second (before: first)\n"
    )

    assert measured.farm("runs", "unname", "second").stdout == f"run {RUN} is no longer called second\n"
    assert measured.farm("runs", "unname", RUN).stdout == f"run {RUN} has no name\n"
    refused(measured.farm("results", "list", "--run", "second"), 2, "no run called 'second'")
    assert measured.json("results", "list", "--run", RUN)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("latest", "stands for the newest run"),
        ("2026", "can't be the name of a run: a letter first"),
        ("a b", "can't be the name of a run"),
        ("a/b", "can't be the name of a run"),
        ("x" * 65, "64 characters at most"),
        ("", "can't be the name of a run"),
        ("-x", "no such option"),
        ("ein\nName", "can't be the name of a run"),
    ],
    ids=["latest", "digits", "blank", "slash", "long", "empty", "dash", "newline"],
)
def test_a_name_that_no_run_can_have_is_refused(measured, name, words):  # noqa: F811
    refused(measured.farm("runs", "name", RUN, name), 2, words)


def test_a_run_that_does_not_exist_gets_no_name_and_no_database(asked):  # noqa: F811
    refused(asked.farm("runs", "name", "latest", "first"), 2, "no run yet")
    assert not (asked.folder / "farm.db").exists()


def test_an_option_in_front_of_a_subcommand_is_refused(measured):  # noqa: F811
    refused(measured.farm("runs", "--json", "name", RUN, "x"), 2, "--json must follow name", "farm runs name --json")
