"""`farm run` as a person sees it: real processes, the real agent, the real store."""

from __future__ import annotations

import json

import pytest

from tests.lab.project import Project

pytestmark = pytest.mark.tensorflow

KEYS = {
    *("run", "device", "model", "scheme", "runtime", "threads", "batch", "size_bytes", "size_ratio"),
    *("p50_ns", "p90_ns", "p99_ns", "samples", "attempts", "speedup", "auc_mean", "auc_change", "verdict", "reasons"),
}


def test_a_bare_run_measures_four_schemes_of_the_small_model_and_says_what_to_do_next(tmp_path):
    project = Project(folder=tmp_path, model=None)
    (tmp_path / "home").mkdir()

    done = project.process("run", "--effort", "smoke", "--accuracy", "60")

    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("phantom", "synthetic", "4 cases on 1 device: 4 WARN", "farm results show", "farm devices add"):
        assert word in done.stdout
    assert "dataset  evaluates 1020 images, scores at most 60 of them; train 8100; validation 600" in done.stderr
    (read,) = project.events("DatasetRead")
    assert {part["part"]: part["images"] for part in read["parts"]}["evaluation"] == 1020
    rows = project.json("results")
    assert {(row["model"], row["scheme"]) for row in rows} == {
        ("small-cxr", scheme) for scheme in ("float32", "dynamic", "float16", "int8")
    }
    assert all(row["p50_ns"] > 0 and 0.8 <= row["auc_mean"] <= 1 for row in rows)
    assert {row["scheme"]: row["size_ratio"] for row in rows}["int8"] > 3


def test_results_have_percentiles_and_accuracies_with_their_intervals(project):
    done = project.process("run", "--effort", "quick", "--schemes", "float32,int8")

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


def test_everything_raw_is_kept(project):
    project.process("run", "--effort", "smoke", "--schemes", "int8")

    (attempt,) = project.rows(
        "SELECT id, load_ns, first_ns, peak_rss_bytes, requested, effective, versions FROM attempts"
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
    (scores,) = project.rows("SELECT scores, images, class_count FROM scores")
    assert len(scores[0]) == 4 * scores[1] * scores[2]
    ((recipe,),) = project.rows("SELECT recipe FROM artifacts")
    assert "calibration" in recipe


def test_an_unchanged_second_run_builds_nothing_and_sends_no_blob(project):
    project.process("run", "--effort", "smoke", "--schemes", "float32,int8")
    before = len(project.events("BlobSent"))

    again = project.process("run", "--effort", "smoke", "--schemes", "float32,int8")

    assert again.returncode == 0, again.stderr
    assert before > 0
    assert len(project.events("BlobSent")) == before
    assert all(event["reused"] for event in project.events("ArtifactReady"))


def test_a_terminal_that_knows_no_unicode_gets_its_table_all_the_same(project):
    done = project.process("run", "--effort", "smoke", "--schemes", "float32", PYTHONIOENCODING="ascii")

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
        ("models: [tiny-cxr]\ndataset: {kind: folder, root: nowhere}\n", "nowhere/train: no such folder"),
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


def test_json_goes_to_standard_output_alone(project):
    done = project.process("run", "--effort", "smoke", "--schemes", "float32", "--json")

    (row,) = json.loads(done.stdout)
    assert row["verdict"] == "WARN"
    assert any("smoke" in json.dumps(reason) for reason in row["reasons"])


@pytest.mark.postgres
def test_a_run_lands_in_postgresql(project, postgres_url):
    done = project.process("run", "--effort", "smoke", "--schemes", "float32,int8", FARM_DB=postgres_url)
    asked = project.farm("results", "--json", FARM_DB=postgres_url)

    assert done.returncode == 0, done.stderr
    assert {row["scheme"] for row in json.loads(asked.stdout)} == {"float32", "int8"}
    assert not (project.folder / "farm.db").exists()
