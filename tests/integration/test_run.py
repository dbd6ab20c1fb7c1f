"""`farm run` as a person sees it: real processes, the real agent, the real store."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass

import pytest

from tests.lab.project import Project
from tests.lab.simulations import variants

pytestmark = pytest.mark.tensorflow

KEYS = {
    *("run", "device", "model", "scheme", "runtime", "threads", "batch", "size_bytes", "size_ratio"),
    *("p50_ns", "p90_ns", "p99_ns", "samples", "attempts", "speedup", "auc_mean", "auc_change", "verdict", "reasons"),
}


SCHEMES = ("float32", "dynamic", "float16", "int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A project after its first run, and what that printed."""

    project: Project
    out: str
    err: str


@pytest.fixture(scope="module")
def first(built):
    """The run without a suite that built what all tests share."""
    return Measured(project=Project(folder=built.parent), **json.loads((built.parent / "printed.json").read_text()))


@pytest.fixture(scope="module")
def measured(tmp_path_factory, built):
    """One run of two schemes on what is built already."""
    folder = tmp_path_factory.mktemp("measured")
    (folder / "home").mkdir()
    shutil.copytree(built, folder / ".farm")
    project = Project(folder=folder)
    done = project.process("run", "--effort", "smoke", "--schemes", "float32,int8", "--json")
    assert done.returncode == 0, done.stderr
    return Measured(project=project, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="module")
def again(measured):
    """The same run once more, on a terminal that knows ASCII alone; the files that were sent before it."""
    before = len(measured.project.events("BlobSent"))
    words = ("run", "--effort", "smoke", "--schemes", "float32,int8")
    return before, measured.project.process(*words, PYTHONIOENCODING="ascii")


def test_a_run_without_a_suite_measures_four_schemes_and_says_what_to_do_next(first):
    for word in ("phantom", "synthetic", "4 cases on 1 device: 4 WARN", "farm results show", "farm devices add"):
        assert word in first.out
    assert "dataset  evaluates 1020 images; train 8100; validation 600" in first.err
    (read,) = first.project.events("DatasetRead")
    assert {part["part"]: part["images"] for part in read["parts"]}["evaluation"] == 1020
    rows = first.project.json("results")
    assert {(row["model"], row["scheme"]) for row in rows} == {("tiny-cxr", scheme) for scheme in SCHEMES}
    assert all(row["p50_ns"] > 0 and 0.8 <= row["auc_mean"] <= 1 for row in rows)
    assert {row["scheme"]: row["size_ratio"] for row in rows}["int8"] > 1.5


def test_a_bare_run_plans_four_schemes_of_the_small_model_and_measures_them(tmp_path):
    project = Project(folder=tmp_path, model=None)
    (tmp_path / "home").mkdir()
    schemes = variants(SCHEMES)

    planned = project.farm("run", "--dry-run")
    done = project.process("run", "--effort", "smoke", "--accuracy", "60", "--schemes", ",".join(schemes))

    assert all(f"local/small-cxr/{scheme}/litert/t1/b1" in planned.stdout for scheme in SCHEMES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "dataset  evaluates 1020 images, scores at most 60 of them; train 8100; validation 600" in done.stderr
    rows = project.json("results")
    assert {(row["model"], row["scheme"]) for row in rows} == {("small-cxr", scheme) for scheme in schemes}
    assert all(row["p50_ns"] > 0 and 0.8 <= row["auc_mean"] <= 1 for row in rows)


def test_results_have_percentiles_and_accuracies_with_their_intervals(project, short_quick):
    done = project.farm("run", "--effort", "quick", "--schemes", "float32,int8")

    assert done.returncode == 0, done.stdout + done.stderr
    rows = project.json("results")
    for row in rows:
        assert row.keys() >= KEYS
        assert row["attempts"] == 3
        assert row["samples"] >= 64
        assert 0 < row["p50_ns"] <= row["p90_ns"]
        assert 0.85 <= row["auc_low"] < row["auc_mean"] < row["auc_high"] <= 0.95
        assert row["verdict"] in ("VALID", "WARN")
    by_scheme = {row["scheme"]: row for row in rows}
    assert by_scheme["float32"]["size_ratio"] == by_scheme["float32"]["speedup"] == 1
    assert by_scheme["int8"]["size_ratio"] > 1.5
    assert by_scheme["float32"]["auc_change"] == 0
    int8 = by_scheme["int8"]
    assert int8["auc_change_low"] < int8["auc_change"] < int8["auc_change_high"]
    assert (int8["auc_findings"], int8["auc_findings_left_out"]) == (14, 0)
    accuracy = project.json("results", "accuracy", int8["case"])
    assert (accuracy["images"], accuracy["patients"], accuracy["method"]) == (1020, 340, "bootstrap by patient")
    assert accuracy["change"]["value"] == pytest.approx(int8["auc_change"], abs=1e-9)
    assert accuracy["change"]["low"] == pytest.approx(int8["auc_change_low"], abs=1e-9)
    assert project.json("results", "divergence", "--scheme", "int8")[0]["sides"][0]["controller_largest"] < 0.15
    assert project.farm("results").stdout.count("local") >= 1


def test_everything_raw_is_kept(measured):
    project = measured.project
    run = json.loads(measured.out)[0]["run"]

    (attempt,) = project.rows(
        "SELECT attempts.id, load_ns, first_ns, peak_rss_bytes, requested, effective, versions FROM attempts"
        " JOIN cases ON cases.id = case_id WHERE scheme = 'int8' AND run = ?",
        run,
    )
    assert all(attempt[1:4])
    requested, effective, versions = (json.loads(text) for text in attempt[4:])
    assert requested["threads"] == 1
    assert effective["threads"] == 1
    assert effective["nodes"] > 0
    assert {"python", "numpy"} <= versions.keys()
    samples = dict(project.rows("SELECT kind, data FROM samples WHERE attempt = ?", attempt[0]))
    assert len(samples["latency"]) >= 11 * 8
    assert project.json("results")[0]["p50_ns"] > 0, "smoke takes what a p50 needs"
    assert len(samples["warmup"]) >= 3 * 8
    (scores,) = project.rows("SELECT scores, images, class_count FROM scores WHERE scheme = 'int8' AND run = ?", run)
    assert len(scores[0]) == 4 * scores[1] * scores[2]
    ((recipe,),) = project.rows("SELECT recipe FROM artifacts WHERE scheme = 'int8'")
    assert "calibration" in recipe


def test_an_unchanged_second_run_builds_nothing_and_sends_no_blob(measured, again):
    before, done = again

    assert done.returncode == 0, done.stderr
    assert before > 0
    assert len(measured.project.events("BlobSent")) == before
    assert all(event["reused"] for event in measured.project.events("ArtifactReady"))


def test_a_terminal_that_knows_no_unicode_gets_its_table_all_the_same(again):
    _, done = again

    assert done.returncode == 0, done.stderr
    assert "float32" in done.stdout


def test_options_narrow_the_suite_and_the_plan_says_what_would_be_done_and_what_not(project):
    (project.folder / "inventory.yaml").write_text("devices:\n  off:\n    address: 127.0.0.1\n    port: 9\n")

    done = project.farm(
        *("run", "--dry-run", "--devices", "local,off", "--schemes", "int8,float16", "--threads", "1,2"),
        *("--effort", "standard"),
    )

    assert done.returncode == 0, done.stderr
    assert "4 cases, 20 attempts, 2 scorings" in done.stdout
    assert done.stdout.count("attempt 5") == 4
    (skipped,) = [line for line in done.stdout.splitlines() if line.startswith("skipped")]
    assert skipped.startswith("skipped  off, 4 cases (int8, float16): ")
    assert "127.0.0.1" in skipped
    assert not project.rows("SELECT * FROM runs")
    assert not (project.folder / ".farm" / "wheels").exists()


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["--schemes", "int9"], "int8"),
        (["--models", "tiny"], "tiny-cxr"),
        (["--devices", "pi"], "local"),
        (["--runtimes", "litrt"], "litert"),
        (["--effort", "quik"], "quick"),
        (["--threads", "two"], "whole numbers"),
        (["--threads", "0"], "from 1 to"),
        (["--resume", "2020"], "run"),
        (["--resume", "latest", "--effort", "smoke"], "--resume takes no suite"),
        (["--resume"], "no run yet"),
        (["--resume", "--dry-run"], "no run yet"),
        (["no-such-suite.yaml"], "no-such-suite.yaml: no such suite file"),
        (["list"], "farm runs the runs"),
        (["--db", "mysql://x"], "mysql"),
        (["--wheelhouse", "no-such-folder"], "no-such-folder"),
        (["--patience", "-1"], "--patience"),
    ],
)
def test_bad_words_end_with_status_two_and_a_message_without_a_traceback(project, argv, word):
    done = project.farm("run", *argv)

    assert done.returncode in (1, 2)
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ("models: [tiny-cxr]\ndataset: {kind: folder, root: nowhere}\n", "nowhere: no such folder"),
        (
            "models: [{path: nope.keras, preprocess: {size: 32, channels: 1}}]\ndataset: phantom\n",
            "nope.keras: no such file",
        ),
        ("models: [{path: suite.yaml}]\ndataset: phantom\n", "suite.yaml: neither .keras"),
    ],
)
def test_a_dry_run_refuses_a_model_or_images_that_are_not_there(project, suite, words):
    (project.folder / "suite.yaml").write_text(suite)

    done = project.farm("run", "suite.yaml", "--dry-run")

    assert done.returncode == 2
    assert words in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "argv", [("devices", "list"), ("results", "list"), ("run", "--dry-run"), ("runs",)], ids=lambda argv: argv[0]
)
def test_an_inventory_that_is_named_must_exist(project, argv):
    by_option = project.farm(*argv, "--inventory", "nope.yaml")
    by_variable = project.farm(*argv, FARM_INVENTORY="/nope/inventory.yaml")

    assert (by_option.returncode, by_variable.returncode) == (2, 2)
    assert "nope.yaml: no such inventory" in by_option.stderr
    assert "/nope/inventory.yaml: no such inventory" in by_variable.stderr


def test_without_an_inventory_the_only_device_is_local(project):
    usual = project.json("devices", "list")

    assert [device["name"] for device in usual] == ["local"]


def test_a_dry_run_says_what_the_dataset_holds(project):
    done = project.farm("run", "--dry-run")

    assert "dataset  evaluates 1020 images; train 8100" in done.stderr
    assert "dataset" not in done.stdout


def test_json_goes_to_standard_output_alone(measured):
    rows = json.loads(measured.out)

    assert [row["verdict"] for row in rows] == ["WARN", "WARN"]
    assert all("smoke" in json.dumps(row["reasons"]) for row in rows)


@pytest.mark.postgres
def test_a_run_lands_in_postgresql(project, postgres_url):
    done = project.process("run", "--effort", "smoke", "--schemes", "float32,int8", FARM_DB=postgres_url)
    asked = project.farm("results", "--json", FARM_DB=postgres_url)

    assert done.returncode == 0, done.stderr
    assert {row["scheme"] for row in json.loads(asked.stdout)} == {"float32", "int8"}
    assert not (project.folder / "farm.db").exists()
