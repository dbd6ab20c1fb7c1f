"""`farm results compare`, as a person types it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

from orchestrator.analysis import compare as analysis
from orchestrator.cli.results.compare import compare as command
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.calibration import Calibration
from orchestrator.domain.device import LOCAL
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.errors import UsageError
from orchestrator.reports import compare as report
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_artifact, make_case, make_measurement, make_scores, make_suite
from tests.lab.project import Project
from tests.lab.scorings import labelled

OLD, NEW = "20260101-000000-0ld0", "20260201-000000-new0"
FLOAT32, INT8 = make_case(), make_case(scheme="int8")
LABELS = np.array([[0], [1]] * 20, np.uint8)
KEYS = [
    "a",
    "a_run",
    "b",
    "b_run",
    "compared",
    "verdict",
    "speedup",
    "speedup_low",
    "speedup_high",
    "p_value",
    "p_adjusted",
    "smallest",
    "attempts_needed",
    "device_shift",
    "device_shift_unusual",
    "earlier_runs",
    "noise_floor",
    "threshold",
    "size_ratio",
    "auc_change",
    "auc_change_low",
    "auc_change_high",
    "blockers",
    "notes",
]


def tell(store, run, times, *, at=MIDNIGHT, hardware="one", **other):
    """Store a run; ``times`` are p50 in ns by case, around which attempts vary by 1 %."""
    events = [
        run_event.RunStarted(
            run=run,
            at=at,
            suite=make_suite().to_json(),
            seed=0,
            effort=other.get("effort", "standard"),
            dataset=other.get("dataset", "phantom"),
            synthetic=True,
            farm_version="0.1.0",
        ),
        *(
            happened.DeviceProbed(
                run=run, device=device, at=at, entry=LOCAL, facts={"cores": 4, "hardware_key": hardware}
            )
            for device in {case.device for case in times}
        ),
    ]
    random = np.random.default_rng(other.get("seed", 3))
    for case, p50 in times.items():
        own = {"run": run, "device": case.device, "at": at}
        events += judged(own, case, p50 * random.normal(1, 0.01, other.get("attempts", 7)), other)
    for event in events:
        store.record(event)


def judged(own, case, medians, other):
    """Yield what a lane tells of a case."""
    run, name, attempts = own["run"], f"{own['run']}-{case}", len(medians)
    growth = other.get("growth", 1)
    sha256 = ("1" if case.scheme == "float32" else "2") * 63 + str(growth)[-1]
    size_bytes = int(growth * (8000 if case.scheme == "float32" else 2000))
    artifact = make_artifact(sha256=sha256, scheme=case.scheme, batch=case.batch, size_bytes=size_bytes)
    yield run_event.ArtifactReady(run=run, artifact=artifact, reused=False, seconds=1)
    for number, median in enumerate(medians, 1):
        latency = (median + np.arange(60)).astype(int)
        measurement = make_measurement(
            latency.tolist(),
            attempt=f"{name}-{number}",
            number=number,
            case=case,
            artifact=sha256,
            span_ns=int(latency.sum()) // (case.interpreters or 1),
            readings=({"governor": other.get("governor", "performance"), "at_ns": 0, "mono_ns": 0},),
            versions={"ai-edge-litert": other.get("version", "2.3.0")},
        )
        yield happened.AttemptEnded(**own, measurement=measurement)
    scores = LABELS + np.random.default_rng(len(case.scheme)).normal(0, other.get("blur", 0.6), LABELS.shape)
    scored = make_scores(
        scoring=f"{run}-{case.device}-{case.scheme}-b{case.batch}",  # one for all threads
        scheme=case.scheme,
        device=case.device,
        runtime=case.runtime,
        batch=case.batch,
        artifact=sha256,
        scores=scores.astype("<f4").tobytes(),
        shape=LABELS.shape,
    )
    yield happened.Scored(**own, scores=scored)
    verdict = other.get("verdict", Verdict.VALID)
    reason = Reason(verdict=verdict, code="drift", message="it got slower", advice="cool it")
    result = CaseResult(
        run=run,
        case=case,
        artifact=sha256,
        size_bytes=None,
        attempts=attempts,
        samples=60 * attempts,
        p50_ns=float(np.median(medians)),
        auc_mean=0.9,
        verdict=verdict,
        reasons=() if verdict is Verdict.VALID else (reason,),
    )
    yield happened.CaseJudged(**own, result=result)


def calibrated(store, floor):
    store.record_calibration(
        Calibration(
            device="local",
            at=MIDNIGHT,
            run=OLD,
            case_name=str(INT8),
            effort="quick",
            attempts=20,
            group_size=3,
            noise_floor=floor,
            observed=floor / 2,
            p50_ns=1e6,
            loop_ns=None,
            clock_ns=None,
            governor=None,
            hardware_key="one",
            seed=0,
        )
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Project:
    """Int8 is three times as fast as float32; and a month later it is 15 % slower than it was, and float32 is as it was."""
    folder = labelled(tmp_path_factory.mktemp("measured"), LABELS)
    (folder / "home").mkdir()
    (folder / "inventory.yaml").write_text("devices:\n  local: {transport: local}\n")
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
        tell(store, NEW, {FLOAT32: 3e6, INT8: 1.15e6}, at=MIDNIGHT + timedelta(days=31), version="2.4.0")
    return Project(folder=folder)


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as opened:
        yield opened


@pytest.fixture
def said(measured, capsys):
    """What the command says as JSON to options."""

    def ask(**options):
        command(inventory=measured.folder / "inventory.yaml", json=True, **options)
        return json.loads(capsys.readouterr().out)

    return ask


def test_schemes_are_compared_with_float32(measured):
    (pair,) = measured.json("results", "compare", "--by", "scheme", "--run", OLD)

    assert list(pair) == KEYS
    assert (pair["a"], pair["b"], pair["verdict"]) == (str(FLOAT32), str(INT8), "faster")
    assert pair["speedup_low"] < pair["speedup"] < pair["speedup_high"]
    assert pair["speedup"] == pytest.approx(3, rel=0.03)
    assert pair["p_value"] < 1e-6
    assert pair["size_ratio"] == 4
    assert pair["auc_change_low"] < pair["auc_change"] < pair["auc_change_high"]
    assert (pair["blockers"], pair["notes"], pair["noise_floor"]) == ([], [], None)


def test_a_ratio_of_sizes_is_above_one_for_the_smaller_file_wherever_it_is_shown(measured):
    (pair,) = measured.json("results", "compare", "--by", "scheme", "--run", OLD)
    (listed,) = measured.json("results", "list", "--run", OLD, "--schemes", "int8")
    asked = measured.json("results", "sql", "SELECT size_ratio FROM v_results WHERE scheme = 'int8'")

    assert pair["size_ratio"] == listed["size_ratio"] == 4
    assert {row["size_ratio"] for row in asked} == {4}
    assert "size −75 %" in measured.farm("results", "compare", "--by", "scheme", "--run", OLD).stdout


def test_two_runs_say_what_got_slower_and_what_else_changed(said):
    same, slower = said(runs=(OLD, "latest"))

    assert (same["verdict"], slower["verdict"]) == ("no difference seen", "slower")
    assert slower["speedup"] == pytest.approx(1 / 1.15, rel=0.03)
    assert any("ai-edge-litert 2.3.0 → 2.4.0" in note for note in slower["notes"])
    assert any("different runs" in note for note in slower["notes"])


def test_cases_may_name_their_run_and_the_direction_is_a_to_b(said):
    (pair,) = said(a=f"{INT8}@{NEW}", b=f"{INT8}@{OLD}")

    assert (pair["a_run"], pair["b_run"], pair["verdict"]) == (NEW, OLD, "faster")


def test_the_picture_has_a_bar_for_each_pair_and_says_what_is_unknown(measured):
    done = measured.farm("results", "compare", "--by", "scheme", "--run", OLD, COLUMNS="80")

    assert done.returncode == 0, done.stderr
    line, below = next(each for each in pairwise(done.stdout.splitlines()) if each[0].startswith("int8"))
    assert "●" in line.partition("┊")[0], "faster is left of 1"
    assert "size −75 %, AUC" in below
    assert "tiny-cxr, local, litert, 1 thread, batch 1, latency: against float32" in done.stdout
    assert "farm devices calibrate local" in done.stdout


def between(store, old, new, tmp_path):
    """Compare the cases that two runs have in common."""
    return analysis.compare(store, analysis.between(store.results(run=old), store.results(run=new)), tmp_path)


def test_a_difference_below_the_noise_floor_is_said_to_be_noise(store, tmp_path):
    tell(store, OLD, {INT8: 1e6}, attempts=4)
    tell(store, NEW, {INT8: 1.15e6}, attempts=4)

    (without,) = between(store, OLD, NEW, tmp_path)
    calibrated(store, 0.2)
    (pair,) = between(store, OLD, NEW, tmp_path)

    assert (without.verdict, pair.verdict) == ("slower", "smaller than the noise floor")
    assert pair.noise_floor == 0.2
    screen = Console(width=160, file=StringIO())
    report.show([pair], screen)
    assert "░" in screen.file.getvalue()
    assert "differ by up to 20.0%" in screen.file.getvalue()


def test_too_few_attempts_can_not_tell_and_name_how_many_would(store, tmp_path):
    tell(store, OLD, {INT8: 1e6}, attempts=4)
    tell(store, NEW, {INT8: 2e6}, attempts=2)

    (pair,) = between(store, OLD, NEW, tmp_path)

    assert (pair.verdict, pair.attempts_needed) == ("can't tell", 7)
    assert "farm run --compare makes 7 attempts" in pair.blockers[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"verdict": Verdict.INVALID}, "is INVALID"),
        ({"effort": "quick"}, "efforts differ: standard and quick"),
        ({"dataset": "other"}, "datasets differ"),
        ({"hardware": "two"}, "different hardware: local was another machine before"),
        ({"governor": "powersave"}, "governors differ: performance, then powersave"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_can_not_be_compared_is_said_with_the_reason_and_its_ratio(store, tmp_path, changes, why):
    tell(store, OLD, {INT8: 1e6}, attempts=4)
    tell(store, NEW, {INT8: 2e6}, **{"attempts": 4, **changes})

    (pair,) = between(store, OLD, NEW, tmp_path)

    assert pair.verdict == "not comparable"
    assert [reason for reason in pair.blockers if why in reason] == list(pair.blockers)
    assert pair.difference.ratio == pytest.approx(2, rel=0.05)
    assert json.loads(report.as_json([pair]))[0]["p_adjusted"] is None


def test_other_hardware_is_compared_where_devices_are_and_batches_by_the_time_of_an_image(store, tmp_path):
    pi, batched = replace(INT8, device="pi5"), replace(INT8, batch=8)
    tell(store, OLD, {INT8: 1e6, pi: 4e6, batched: 4e6}, attempts=5)
    calibrated(store, 0.02)
    rows = store.results(run=OLD)

    (device,) = analysis.compare(store, analysis.by(rows, "device", "local"), tmp_path)
    (batch,) = analysis.compare(store, analysis.by(rows, "batch", None), tmp_path)

    assert (device.b.case, device.verdict, device.auc) == (str(pi), "slower", None)
    assert device.floors == {"local": 0.02, "pi5": None}
    assert device.noise_floor == 0.02
    assert (batch.compared, batch.verdict) == ("time per image", "faster")
    assert batch.difference.ratio == pytest.approx(0.5, rel=0.03)


def test_a_device_that_got_slower_as_a_whole_is_named_and_one_case_beyond_that_is_still_found(store, tmp_path):
    cases = [replace(INT8, threads=threads) for threads in range(1, 9)]
    tell(store, OLD, dict.fromkeys(cases, 1e6), attempts=5)
    tell(store, NEW, {case: 1.1e6 * (1.3 if case.threads == 4 else 1) for case in cases}, attempts=5)

    pairs = between(store, OLD, NEW, tmp_path)

    assert {pair.b.threads for pair in pairs if pair.verdict == "slower"} == {4}
    assert pairs[0].device_shift == pytest.approx(1.1, rel=0.01)
    screen = Console(width=160, file=StringIO())
    report.show(pairs, screen)
    assert f"% slower than in run {OLD}; that is taken out of each row" in screen.file.getvalue()


def test_a_table_of_twenty_with_five_attempts_calls_what_is_three_times_slower(store, tmp_path):
    cases = [replace(INT8, threads=threads) for threads in range(1, 21)]
    tell(store, OLD, dict.fromkeys(cases, 1e6), attempts=5)
    tell(store, NEW, {case: 3.02e6 if case.threads == 7 else 1e6 for case in cases}, attempts=5)

    pairs = between(store, OLD, NEW, tmp_path)

    assert [pair.b.threads for pair in pairs if pair.verdict == "slower"] == [7]
    assert all(pair.difference.smallest < 0.1 for pair in pairs)


def test_throughput_is_compared_by_the_time_of_an_image_and_never_with_latency(store, tmp_path):
    one, four = (replace(INT8, threads=threads, interpreters=2) for threads in (1, 4))
    tell(store, OLD, {one: 2e6, four: 1e6, INT8: 2e6}, attempts=4)
    rows = {row.case: row for row in store.results(run=OLD)}

    faster, mixed = analysis.compare(
        store, [(rows[str(one)], rows[str(four)]), (rows[str(one)], rows[str(INT8)])], tmp_path
    )

    assert (faster.compared, faster.verdict) == ("time per image", "faster")
    assert faster.difference.ratio == pytest.approx(0.5, rel=0.03)
    assert mixed.verdict == "not comparable"
    assert mixed.blockers == ("one is the latency of single invocations, the other is throughput",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "two cases A B, --by DIMENSION, or --runs OLD NEW"),
        ({"a": str(INT8)}, "two cases A B"),
        ({"a": str(INT8), "b": str(INT8)}, "not compared with itself"),
        ({"a": str(INT8), "b": str(replace(INT8, scheme="int9"))}, "no case with a result called"),
        ({"a": str(INT8), "b": "int8"}, "is not DEVICE/MODEL"),
        ({"by": "schema"}, "did you mean 'scheme'"),
        ({"by": "scheme", "baseline": "float33"}, "did you mean 'float32'"),
        ({"by": "threads"}, "no two results differ only in the threads"),
        ({"runs": (OLD, OLD)}, "not compared with itself"),
        ({"runs": (OLD, NEW), "run": OLD}, "--run is one more"),
        ({"runs": (OLD, NEW), "baseline": "x"}, "--baseline goes with --by"),
        ({"runs": (OLD, "nothing")}, "no run called 'nothing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_questions_that_make_no_sense_are_refused_with_words(measured, options, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        command(inventory=measured.folder / "inventory.yaml", **options)


def test_a_refusal_on_the_command_line_has_exit_status_2(measured):
    done = measured.farm("results", "compare")

    assert (done.returncode, done.stdout) == (2, "")
    assert "two cases A B" in done.stderr


def tell_runs(store, shifts, cases, *, of_first=()):
    """Store a run a day; ``shifts`` is what each does to the device, ``of_first`` what it does to the first case besides."""
    names = []
    for day, shift in enumerate(shifts):
        names.append(f"2026010{day + 1}-000000-run0")
        times = dict.fromkeys(cases, 1e6 * shift)
        times[cases[0]] *= of_first[day] if of_first else 1
        tell(store, names[-1], times, at=MIDNIGHT + timedelta(days=day), attempts=5, seed=day)
    return names


def test_what_earlier_runs_differ_by_is_in_the_error_of_two_runs(store, tmp_path):
    cases = [INT8, FLOAT32]
    runs = tell_runs(store, (1.0, 1.08, 0.95, 1.05, 0.97, 1.06), cases)

    def newest(old, new):
        wanted = analysis.between(store.results(run=old), store.results(run=new))
        return analysis.compare(store, wanted, tmp_path)[0]

    without, with_history = newest(runs[0], runs[1]), newest(runs[4], runs[5])

    assert (without.verdict, without.earlier_runs) == ("slower", 0)
    assert (with_history.verdict, with_history.earlier_runs) == ("can't tell", 5)
    where = with_history.difference.interval
    assert where.low < 1 < where.high


def test_a_shift_of_the_device_is_held_against_those_of_earlier_runs(store, tmp_path):
    cases = [make_case(scheme=name) for name in ("float32", "float16", "dynamic", "int8", "as-is")]
    runs = tell_runs(store, (1.0, 1.01, 0.99, 1.01, 1.0, 1.3), cases)

    def shown(old, new):
        wanted = analysis.between(store.results(run=old), store.results(run=new))
        pairs = analysis.compare(store, wanted, tmp_path)
        screen = Console(file=StringIO(), width=200, color_system=None)
        report.show(pairs, screen)
        return pairs[0].shift_is_unusual, screen.file.getvalue()

    unusual, text = shown(runs[4], runs[5])
    assert unusual is True
    assert "more than its runs usually differ; that is taken out of each row" in text
    assert "what 5 earlier runs differ by without a change is in the intervals" in text
    unusual, text = shown(runs[3], runs[4])
    assert unusual is False
    assert "as its runs usually differ" in text


def test_a_change_in_earlier_runs_is_no_variance_of_runs(store, tmp_path):
    cases = [make_case(scheme=name) for name in ("float32", "float16", "dynamic", "int8", "as-is")]
    runs = tell_runs(store, (1.0, 1.0, 1.0, 1.0, 1.0, 1.0), cases, of_first=(1, 1, 1.5, 1.5, 1.5, 1.65))

    wanted = analysis.between(store.results(run=runs[4]), store.results(run=runs[5]))
    first = next(pair for pair in analysis.compare(store, wanted, tmp_path) if pair.b.scheme == "float32")

    assert (first.verdict, first.earlier_runs) == ("slower", 5)


def test_only_more_than_the_threshold_is_a_difference(measured):
    def verdict(threshold):
        argv = ["results", "compare", "--runs", OLD, NEW, "--schemes", "int8", "--threshold", threshold]
        (pair,) = measured.json(*argv)
        return pair["verdict"], pair["threshold"], pair["speedup_low"], pair["speedup_high"]

    slower, threshold, _, high = verdict("3%")
    assert (slower, threshold) == ("slower", 0.03)
    assert 1 / high > 1.03, "the interval is beyond the threshold too"
    within, _, low, _ = verdict("40%")
    assert within == "within the threshold"
    assert 1 / low < 1.4
    assert verdict("15%")[0] == "can't tell"


def test_a_threshold_is_in_the_words_of_the_table(measured):
    done = measured.farm("results", "compare", "--runs", OLD, NEW, "--threshold", "3%", COLUMNS="120")

    assert "more than 3 %" in next(line for line in done.stdout.splitlines() if line.startswith("int8"))
    assert "within 3 % (" in next(line for line in done.stdout.splitlines() if line.startswith("float32"))
    refused = measured.farm("results", "compare", "--runs", OLD, NEW, "--threshold", "3")
    assert (refused.returncode, "'3' is not a percentage; write it as 5%" in refused.stderr) == (2, True)


def test_comparisons_are_narrowed_by_filters_and_outcome(measured):
    def cases(*argv):
        return [pair["b"] for pair in measured.json("results", "compare", "--runs", OLD, NEW, *argv)]

    assert cases("--verdict", "slower") == cases("--scheme", "int8") == [str(INT8)]
    assert cases("--verdict", "same,slower", "--limit", "1") == [str(FLOAT32)]
    unknown = measured.farm("results", "compare", "--runs", OLD, NEW, "--verdict", "slow")
    assert "no outcome called 'slow'; did you mean 'slower'?" in unknown.stderr
    nothing = measured.farm("results", "compare", "--runs", OLD, NEW, "--schemes", "int9")
    assert (nothing.returncode, "did you mean 'int8'?" in nothing.stderr) == (2, True)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_comparison_fits_the_terminal(store, tmp_path, width):
    tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
    screen = Console(file=StringIO(), width=width, color_system=None)

    rows = store.results(run=OLD)
    report.show(analysis.compare(store, analysis.by(rows, "scheme", None), tmp_path), screen)

    text = screen.file.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert "faster (" in text
