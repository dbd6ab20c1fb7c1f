"""`farm results gate`, as a person or a job asks it."""

from __future__ import annotations

import json
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
import typer

from orchestrator.cli.results.gate import gate as command
from orchestrator.domain.result import Verdict
from orchestrator.errors import ClaimsError, UnknownName, UsageError
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case
from tests.integration.test_compare import LABELS, NEW, OLD, calibrated, tell
from tests.lab.scorings import labelled

FLOAT32, INT8 = make_case(), make_case(scheme="int8")
BASE = {FLOAT32: 3e6, INT8: 1e6}
LATER = MIDNIGHT + timedelta(days=31)
HOLDS, REFUTED, OPEN = "holds", "refuted", "not enough evidence"


@pytest.fixture
def gated(tmp_path, capsys):
    """Return what stores a second run beside the baseline, then asks for the exit status and the answers."""
    labelled(tmp_path, LABELS)

    def ask(times, before=BASE, *, options=None, floor=None, **other):
        with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
            tell(store, OLD, before)
            store.name_run(OLD, "release-1")
            tell(store, NEW, times, at=LATER, **other)
            if floor is not None:
                calibrated(store, floor)
        status = 0
        try:
            command(
                **({"baseline": "release-1", "inventory": tmp_path / "inventory.yaml", "json": True} | (options or {}))
            )
        except typer.Exit as exit_:
            status = exit_.exit_code
        out = capsys.readouterr().out
        return status, json.loads(out) if out.startswith("[") else out

    return ask


def answers(answered):
    return [each["answer"] for each in answered]


def by_case(answered):
    return {each["case"]: each for each in answered["evidence"]}


def test_a_run_that_is_no_worse_passes(gated):
    status, answered = gated({FLOAT32: 3.01e6, INT8: 0.99e6})

    assert (status, answers(answered)) == (0, [HOLDS, HOLDS, HOLDS])
    assert [each["claim"] for each in answered] == [
        "no case is more than 5 % slower than in release-1",
        "no file is more than 5 % larger than in release-1",
        "no case loses more than 0.01 of mean AUC against release-1",
    ]
    assert all(each["value"] is not None for each in by_case(answered[0]).values())


def test_a_case_that_got_slower_is_refuted_with_its_figures(gated):
    status, (times, *_) = gated({FLOAT32: 3e6, INT8: 1.2e6})

    assert (status, times["answer"]) == (1, REFUTED)
    found = by_case(times)[str(INT8)]
    assert found["answer"] == REFUTED
    assert found["value"] == pytest.approx(1 / 1.2, rel=0.02)
    assert found["low"] < found["value"] < found["high"] < 1 / 1.05
    assert by_case(times)[str(FLOAT32)]["answer"] == HOLDS


def test_the_bounds_can_be_given(gated):
    status, answered = gated(
        {FLOAT32: 3e6, INT8: 1.2e6}, growth=1.5, options={"slower": "30%", "larger": "60%", "max_auc_drop": "0.02"}
    )

    assert (status, answers(answered)) == (0, [HOLDS, HOLDS, HOLDS])
    assert "30 %" in answered[0]["claim"]


def test_a_larger_file_and_a_loss_of_accuracy_are_refuted(gated):
    status, answered = gated(BASE, growth=1.5, blur=5)

    assert (status, answers(answered)) == (1, [HOLDS, REFUTED, REFUTED])


def test_a_device_that_got_slower_as_a_whole_is_refuted(gated):
    many = {make_case(threads=threads, batch=batch): 1e6 * threads * batch for threads in (1, 2, 4) for batch in (1, 2)}

    status, (times, *_) = gated({case: 1.2 * time for case, time in many.items()}, many)

    assert (status, times["answer"]) == (1, REFUTED)
    assert all(each["answer"] == REFUTED for each in times["evidence"])
    assert f"local as a whole is 20.0 % slower than in run {OLD}" in times["evidence"][0]["note"]


def test_a_shift_of_the_device_as_its_runs_usually_differ_refutes_nothing(gated, tmp_path):
    many = {make_case(threads=threads, batch=batch): 1e6 * threads * batch for threads in (1, 2, 4) for batch in (1, 2)}
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        for number, factor in enumerate((1.0, 1.2, 0.9, 1.15, 0.95), 1):
            times = {case: factor * time for case, time in many.items()}
            tell(store, f"20251{number}01-000000-ear1", times, at=MIDNIGHT - timedelta(days=60 - number))

    status, (times, *_) = gated({case: 1.15 * time for case, time in many.items()}, many)

    assert (status, times["answer"]) == (3, OPEN)
    assert f"15.0 % slower than in run {OLD}, as its runs usually differ" in times["evidence"][0]["note"]


def test_a_case_of_the_baseline_that_was_not_measured_is_not_enough_evidence(gated):
    status, (times, *_) = gated({FLOAT32: 3e6})

    assert (status, times["answer"]) == (3, OPEN)
    missing = by_case(times)[str(INT8)]
    assert (missing["answer"], missing["value"]) == (OPEN, None)
    assert f"run {OLD} measured it, and no result here is held against that" in missing["note"]


def test_other_devices_can_be_left_out(gated):
    elsewhere = make_case(device="pi5")
    run = BASE | {elsewhere: 9e6}

    status, answered = gated(BASE, run, options={"devices": "local"})

    assert (status, answers(answered)) == (0, [HOLDS, HOLDS, HOLDS])


def test_what_became_invalid_is_not_enough_evidence(gated):
    status, answered = gated(BASE, verdict=Verdict.INVALID)

    assert (status, answers(answered)) == (3, [OPEN, HOLDS, OPEN])
    assert f"{INT8} is INVALID" in by_case(answered[0])[str(INT8)]["note"]


def test_a_difference_that_is_noise_on_the_device_refutes_nothing(gated):
    status, (times, *_) = gated({FLOAT32: 3e6, INT8: 1.2e6}, floor=0.3)

    assert (status, times["answer"]) == (3, OPEN)
    assert "a difference below 30.0 % is noise on local" in by_case(times)[str(INT8)]["note"]


def test_one_of_many_cases_that_strays_by_chance_refutes_nothing(gated, monkeypatch):
    many = {make_case(threads=number): 1e6 for number in range(1, 21)}
    strayed, *_ = many

    status, (times, *_) = gated(many | {strayed: 1.067e6}, many)

    found = by_case(times)[str(strayed)]
    assert found["high"] < 1 / 1.05
    assert (status, found["answer"]) == (3, OPEN)
    assert "one of 20 results may stray as far by chance" in found["note"]


def test_claims_of_a_file_are_held_against_the_baseline(gated, tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(
        "claims:\n"
        "- {claim: int8 not slower, scheme: int8, speedup: {at_least: 0.95}}\n"
        "- {claim: int8 twice as fast, scheme: int8, against: {scheme: float32}, speedup: {at_least: 2}}\n",
        encoding="utf-8",
    )

    status, answered = gated({FLOAT32: 3e6, INT8: 1.2e6}, options={"claims": path})

    assert (status, answers(answered)) == (1, [REFUTED, HOLDS])
    assert list(by_case(answered[0])) == [str(INT8)]


def test_the_screen_names_both_runs_and_summaries_are_written(gated, tmp_path):
    page, xml = tmp_path / "gate.md", tmp_path / "gate.xml"

    status, out = gated(
        {FLOAT32: 3e6, INT8: 1.2e6}, options={"json": False, "markdown": page, "junit": xml, "baseline": OLD}
    )

    assert status == 1
    assert out.startswith(f"run {NEW} against release-1\n\nrefuted ")
    assert f"{INT8}  20 % slower (" in out
    assert f"{FLOAT32}  same (" in out
    assert out.rstrip().endswith("2 hold, 1 refuted")
    assert page.read_text(encoding="utf-8").startswith("### farm results gate\n")
    suite = ET.parse(xml).getroot()  # noqa: S314  written right above
    assert (suite.get("name"), suite.get("failures")) == ("farm results gate", "1")


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"slower": "5"}, UsageError, "--slower: '5' is not a percentage; write it as 5% or 2.5%"),
        ({"slower": "-5%"}, UsageError, "--slower: '-5%' is not a percentage"),
        ({"larger": "much"}, UsageError, "--larger: 'much' is not a percentage"),
        ({"max_auc_drop": "-1"}, UsageError, "--max-auc-drop -1: must be 0 or more"),
        ({"max_auc_drop": "none"}, UsageError, "'none' is not a number such as 0.01"),
        ({"baseline": "release-2"}, UnknownName, "no run called 'release-2'; did you mean 'release-1'?"),
        ({"baseline": "latest"}, UsageError, f"run {NEW} is the baseline itself"),
        ({"run": "release-1"}, UsageError, f"run {OLD} is the baseline itself"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_can_not_be_asked_is_refused(gated, options, kind, words):
    with pytest.raises(kind) as refused:
        gated(BASE, options=options)
    assert words in str(refused.value)


def test_a_file_of_claims_has_its_own_bounds_and_a_mistake_in_it_is_named(gated, tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text("claims:\n- claim: x\n  sped: {at_least: 1}\n", encoding="utf-8")

    with pytest.raises(ClaimsError, match=r"claims\.yaml:3: .*did you mean 'speedup'"):
        gated(BASE, options={"claims": path})
    for options in ({"slower": "5%"}, {"devices": "local"}):
        with pytest.raises(UsageError, match="--claims has its own"):
            command(baseline="release-1", claims=path, **options)
