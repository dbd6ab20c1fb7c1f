"""`farm results best`, as a person asks it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
import typer
from rich.console import Console

from orchestrator.analysis.best import Limits, choose, for_fleet
from orchestrator.analysis.compare import compare, float32_of
from orchestrator.cli.results.best import best as command
from orchestrator.domain.result import Verdict
from orchestrator.errors import UsageError
from orchestrator.reports import best as report
from orchestrator.store.store import Store
from orchestrator.testing import make_case
from tests.integration.test_compare import LABELS, OLD, tell
from tests.lab.scorings import labelled

FLOAT32, INT8 = make_case(), make_case(scheme="int8")


@pytest.fixture
def folder(tmp_path):
    return labelled(tmp_path, LABELS)


@pytest.fixture
def store(folder):
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as opened:
        yield opened


def answer(store, folder, **limits):
    rows = store.results()
    pairs = [(base, row) for row in rows if (base := float32_of(store, row)) is not None]
    against = {pair.b.case: pair for pair in compare(store, pairs, folder / ".farm" / "blobs")}
    return choose(rows, against, Limits(**limits))


def intervals(rows, **ends):
    """Give rows the intervals that judging would have given them."""
    return [replace(row, p50_low_ns=row.p50_ns * 0.98, p50_high_ns=row.p50_ns * 1.02, **ends) for row in rows]


def test_the_fastest_within_the_limit_of_accuracy_is_chosen(store, folder):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})

    (anything,) = answer(store, folder, auc_drop=None)
    (strict,) = answer(store, folder, auc_drop=0.0)

    assert anything.chosen.row.scheme == "int8"
    assert strict.chosen.row.scheme == "float32"
    assert all("of mean AUC" in each.refusals[0] for each in strict.candidates if each.row.scheme != "float32")


def test_limits_hold_the_worse_end_of_the_interval(store, folder):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
    rows = intervals(store.results())

    (choice,) = choose(rows, {}, Limits(auc_drop=None, p50_ns=1.01e6))

    assert choice.chosen is None
    assert any("p50 may be 1.0" in refusal for each in choice.candidates for refusal in each.refusals)


def test_a_figure_that_was_not_measured_keeps_no_limit(store, folder):
    tell(store, OLD, {FLOAT32: 3e6})

    (choice,) = answer(store, folder, p90_ns=1e9, energy_j=1.0)

    assert choice.chosen is None
    assert set(choice.candidates[0].refusals) == {
        "p90 has no interval: it takes more invocations or attempts",
        "energy an inference is unknown: it was not measured",
    }


def test_what_is_invalid_never_wins(store, folder):
    tell(store, OLD, {INT8: 1e6}, verdict=Verdict.INVALID)
    (choice,) = answer(store, folder, auc_drop=None, p90_ns=1.0)

    assert choice.chosen is None
    assert choice.candidates[0].refusals == ("INVALID (drift)",)


def test_of_two_that_intervals_do_not_tell_apart_the_smaller_is_chosen(store, folder):
    tell(store, OLD, {FLOAT32: 1e6, INT8: 1.01e6})
    rows = intervals(store.results())

    (choice,) = choose(rows, {}, Limits(auc_drop=None))

    assert choice.chosen.row.scheme == "int8"
    assert choice.as_fast_as.row.scheme == "float32"
    assert "float32 (litert, 1 thread) is not faster beyond doubt, and larger" in report.sentence(choice)


def test_what_is_slower_larger_and_no_better_is_off_the_front(store, folder):
    slow = make_case(threads=4)
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6, slow: 5e6})

    (choice,) = answer(store, folder, auc_drop=None)

    assert {str(each.row.case) for each in choice.candidates if each.on_front} == {str(INT8)}


def test_batches_are_ranked_by_the_time_of_an_image(store, folder):
    batched = replace(INT8, batch=8)
    tell(store, OLD, {INT8: 1e6, batched: 4e6})

    (choice,) = answer(store, folder, auc_drop=None)

    assert choice.chosen.row.batch == 8
    assert "µs an image" in report.sentence(choice)


def test_one_artifact_for_all_devices_is_the_one_that_costs_least_where_it_costs_most(store, folder):
    devices = {"pi5": {"float32": 3e6, "int8": 1e6}, "laptop": {"float32": 1e6, "int8": 1.2e6}}
    times = {
        make_case(device=device, scheme=scheme): time
        for device, schemes in devices.items()
        for scheme, time in schemes.items()
    }
    tell(store, OLD, times)

    choices = answer(store, folder, auc_drop=None)
    (fleet,) = for_fleet(choices)

    assert {choice.device: choice.chosen.row.scheme for choice in choices} == {"pi5": "int8", "laptop": "float32"}
    assert (fleet.scheme, fleet.batch) == ("int8", 1)
    sentence = report.fleet_sentence(fleet)
    assert "one artifact for both devices: int8, at most 1.2" in sentence
    assert sentence.endswith("on laptop; one each: float32 on laptop, int8 on pi5")


def test_artifacts_of_other_batches_are_not_one_artifact_for_all(store, folder):
    tell(store, OLD, {make_case(device="pi5", batch=8): 4e6, make_case(device="laptop"): 1e6})

    (fleet,) = for_fleet(answer(store, folder, auc_drop=None))

    assert fleet.scheme is None
    assert report.fleet_sentence(fleet) == (
        "tiny-cxr: no artifact fits both devices; one each: float32 on laptop, float32 (batch 8) on pi5"
    )


def test_a_device_on_which_nothing_fits_has_no_part_in_one_artifact_for_all(store, folder):
    tell(store, OLD, {make_case(device="pi5"): 9e6, make_case(device="laptop", scheme="int8"): 1e6})

    (fleet,) = for_fleet(answer(store, folder, auc_drop=None, size_bytes=5000))

    assert report.fleet_sentence(fleet).endswith("one each: int8 on laptop, nothing on pi5")


def test_energy_is_held_against_the_worse_end_of_its_interval(store, folder):
    tell(store, OLD, {FLOAT32: 3e6})
    (row,) = store.results()

    def refusals(most, **figures):
        (choice,) = choose([replace(row, **figures)], {}, Limits(auc_drop=None, energy_j=most))
        return choice.candidates[0].refusals

    measured = {"energy_j": 0.9, "energy_low_j": 0.8, "energy_high_j": 1.1}
    assert refusals(1.2, **measured) == ()
    assert refusals(1.0, **measured) == ("energy an inference may be 1.1 J, above 1 J",)
    assert refusals(1.0, energy_j=0.1) == ("energy an inference has no interval: it takes more attempts",)


def test_the_answer_is_a_sentence_with_its_evidence(store, folder, capsys):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})

    command(inventory=folder / "inventory.yaml", max_auc_drop="any")

    shown = " ".join(capsys.readouterr().out.split())
    assert "tiny-cxr on local: deploy int8 (litert, 1 thread): p50" in shown
    assert re.search(r"\d× faster \([\d.]+–[\d.]+\) than float32, ", shown)
    assert "mean AUC 0.9000 (" in shown


def test_json_has_the_choice_each_candidate_and_why_not(store, folder, capsys):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})

    command(inventory=folder / "inventory.yaml", max_auc_drop="0", json=True)

    plain = json.loads(capsys.readouterr().out)
    assert plain["choices"][0]["best"] == str(FLOAT32)
    assert {each["case"] for each in plain["choices"][0]["candidates"] if each["refusals"]} == {str(INT8)}
    assert plain["fleet"] == []


def test_where_nothing_fits_the_exit_status_is_1_and_each_reason_is_shown(store, folder, capsys):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})

    with pytest.raises(typer.Exit) as status:
        command(inventory=folder / "inventory.yaml", max_size="1kB")

    assert status.value.exit_code == 1
    assert "nothing fits" in capsys.readouterr().out


def test_the_table_fits_80_columns(store, folder):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
    screen = Console(width=80, file=StringIO())

    report.show(answer(store, folder, auc_drop=0.0, p50_ns=5e6), (), screen)

    assert all(len(line) <= 80 for line in screen.file.getvalue().splitlines()[1:])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_p90": "soon"}, "--max-p90: 'soon' is not a duration"),
        ({"max_size": "big"}, "--max-size: 'big' is not a size"),
        ({"max_auc_drop": "little"}, "--max-auc-drop: 'little' is not a number"),
        ({"max_auc_drop": "nan"}, "--max-auc-drop nan: must be 0 or more"),
        ({"max_energy": "-1"}, "--max-energy: '-1' is not an energy; write it as 5mJ or 0.2J"),
        ({"max_energy": "5 mJs"}, "'5 mJs' is not an energy; did you mean '5mJ'"),
        ({"max_p90": "200 msec"}, "'200 msec' is not a duration; did you mean '200ms'"),
        ({"max_memory": "500 MBs"}, "'500 MBs' is not a size; did you mean '500MB'"),
        ({"devices": "nothere"}, "no result with device 'nothere'; there is local"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_limits_that_make_no_sense_are_refused(store, folder, options, words):
    tell(store, OLD, {FLOAT32: 3e6})

    with pytest.raises(UsageError, match=words):
        command(inventory=folder / "inventory.yaml", **options)
