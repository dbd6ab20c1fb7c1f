"""`farm results check`, as a person or a job asks it."""

from __future__ import annotations

import json
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
import typer

from orchestrator.cli.results.check import check as command
from orchestrator.domain.result import Verdict
from orchestrator.errors import UnknownName, UsageError
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case
from tests.integration.test_compare import LABELS, NEW, OLD, tell
from tests.lab.scorings import labelled

FLOAT32, INT8 = make_case(), make_case(scheme="int8")


@pytest.fixture
def folder(tmp_path):
    """A project: int8 is a third of float32's time and a quarter of its size; a month later it is 15 % slower."""
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
        tell(store, NEW, {FLOAT32: 3e6, INT8: 1.15e6}, at=MIDNIGHT + timedelta(days=31))
    return labelled(tmp_path, LABELS)


def ask(folder, capsys, *claims, **options):
    """Return (exit status, claims with answers) as JSON."""
    path = folder / "claims.yaml"
    path.write_text(f"claims:\n{''.join(f'- {each}' + chr(10) for each in claims)}", encoding="utf-8")
    status = 0
    try:
        command(path, inventory=folder / "inventory.yaml", json=True, **options)
    except typer.Exit as exit_:
        status = exit_.exit_code
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("claim", "status", "answer"),
    [
        ("{claim: fast, scheme: int8, speedup: {at_least: 2}}", 0, "holds"),
        ("{claim: faster, scheme: int8, speedup: {at_least: 5}}", 1, "refuted"),
        ("{claim: just as fast, scheme: int8, speedup: {at_least: 2.6}}", 3, "not enough evidence"),
        ("{claim: small, scheme: int8, size_ratio: {at_least: 2, at_most: 4}}", 0, "holds"),
        ("{claim: smaller, scheme: int8, size_ratio: {at_least: 5}}", 1, "refuted"),
        ("{claim: no loss, scheme: int8, auc_change: {at_least: -1}}", 0, "holds"),
        ("{claim: a gain, scheme: int8, auc_change: {at_least: 0.9}}", 1, "refuted"),
        ("{claim: no loss that shows, scheme: int8, auc_change: {at_least: -0.0001}}", 3, "not enough evidence"),
        ("{claim: light, size: {at_most: 10kB}}", 0, "holds"),
        ("{claim: every is light, size: {at_most: 5kB}}", 1, "refuted"),
        ("{claim: some is light, holds_for: some, size: {at_most: 5kB}}", 0, "holds"),
        ("{claim: none is light, holds_for: some, size: {at_most: 1kB}}", 1, "refuted"),
        (
            "{claim: on a GPU, runtime: litert-gpu, against: {runtime: litert}, speedup: {at_most: 1}}",
            3,
            "not enough evidence",
        ),
        ("{claim: on a Pi, devices: 'tag:pi', scheme: int8, speedup: {at_least: 1}}", 3, "not enough evidence"),
        ("{claim: no interval, p50: {at_most: 1s}}", 3, "not enough evidence"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
def test_a_claim_holds_is_refuted_or_lacks_evidence(folder, capsys, claim, status, answer):
    found, (answered,) = ask(folder, capsys, claim)

    assert (found, answered["answer"]) == (status, answer)


def test_a_value_that_no_result_has_is_named_with_the_nearest_one(folder, capsys):
    status, (answered,) = ask(folder, capsys, "{claim: light, scheme: [int8, flaot32], size: {at_most: 10kB}}")

    assert (status, answered["notes"]) == (0, ["no scheme with a result called 'flaot32'; did you mean 'float32'?"])


def test_results_may_be_held_against_another_run(folder, capsys):
    claim = f"{{claim: not slower, against: {{run: {OLD}}}, speedup: {{at_least: 0.95}}}}"

    status, (answered,) = ask(folder, capsys, claim)

    assert status == 1
    by_case = {each["case"]: each["answer"] for each in answered["evidence"]}
    assert by_case == {str(FLOAT32): "holds", str(INT8): "refuted"}


def test_a_run_that_does_not_exist_is_refused(folder, capsys):
    with pytest.raises(UnknownName, match="no run called"):
        ask(folder, capsys, "{claim: x, against: {run: nothing}, speedup: {at_least: 1}}")


def test_what_is_invalid_is_no_evidence(tmp_path, capsys):
    (tmp_path / "inventory.yaml").write_text("devices: {}\n", encoding="utf-8")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6}, verdict=Verdict.INVALID)

    status, (answered,) = ask(tmp_path, capsys, "{claim: fast, scheme: int8, speedup: {at_least: 1}}")

    assert status == 3
    assert "is INVALID in run" in answered["evidence"][0]["note"]


def test_one_refuted_claim_outweighs_open_ones(folder, capsys):
    status, answered = ask(
        folder,
        capsys,
        "{claim: open, devices: 'tag:pi', scheme: int8, speedup: {at_least: 1}}",
        "{claim: wrong, scheme: int8, speedup: {at_least: 9}}",
    )

    assert status == 1
    assert [each["answer"] for each in answered] == ["not enough evidence", "refuted"]


def test_summaries_for_a_pull_request_and_a_test_runner_are_written(folder, capsys):
    page, xml = folder / "summary.md", folder / "claims.xml"
    ask(
        folder,
        capsys,
        "{claim: 'a | b < c', scheme: int8, speedup: {at_least: 2}}",
        "{claim: wrong, scheme: int8, speedup: {at_least: 9}}",
        "{claim: open, devices: 'tag:pi', auc: {at_least: 0.5}}",
        markdown=page,
        junit=xml,
    )

    assert page.read_text(encoding="utf-8").startswith("### farm results check\n\n| answer |")
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[4].startswith("| ✅ holds | a \\| b &lt; c | ")
    assert all(line.replace("\\|", "").count("|") == 4 for line in lines[2:7])
    assert lines[-1] == "1 holds, 1 refuted, 1 not enough evidence"
    suite = ET.parse(xml).getroot()  # noqa: S314  written right above
    assert {key: suite.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
    }


def test_control_characters_of_a_claim_are_in_no_summary(folder, capsys):
    page, xml = folder / "summary.md", folder / "claims.xml"

    ask(folder, capsys, r'{claim: "a\e[2Jb\u202E\uFFFE", size: {at_most: 1GB}}', markdown=page, junit=xml)

    assert ET.parse(xml).find("testcase").get("name") == "a\ufffd[2Jb\ufffd\ufffd"  # noqa: S314  written right above
    assert "a\ufffd[2Jb" in page.read_text(encoding="utf-8")


def test_a_summary_that_can_not_be_written_is_said(folder, capsys):
    with pytest.raises(UsageError, match="No such file or directory"):
        ask(folder, capsys, "{claim: x, size: {at_most: 1GB}}", markdown=folder / "nowhere" / "x.md")


def test_the_screen_shows_each_claim_with_what_decided_it(folder, capsys):
    path = folder / "claims.yaml"
    path.write_text("claims:\n- {claim: int8 is fast, scheme: int8, speedup: {at_least: 2}}\n", encoding="utf-8")

    command(path, inventory=folder / "inventory.yaml")

    out = capsys.readouterr().out
    assert "holds                int8 is fast" in out
    assert f"{INT8}  2." in out
    assert "× faster (2." in out
    assert out.rstrip().endswith("1 holds")
