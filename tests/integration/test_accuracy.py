"""`farm results accuracy` with `divergence`, as a person asks how good a case is."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from orchestrator.analysis.accuracy.scored import Scored
from orchestrator.analysis.judge import judge
from orchestrator.domain import event as happened
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement, make_scores, make_suite
from tests.lab.project import Project
from tests.lab.scorings import a_rare_finding, tell_scores
from tests.lab.telling import RUN, ended, judged, started, tell

INT8 = str(make_case(scheme="int8"))


@pytest.fixture
def project(tmp_path):
    """A run that scored the images of `a_rare_finding` with float32 and int8; dynamic by an older farm, float16 never."""
    good, worse = a_rare_finding()
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell_scores(store, good, scheme="float32")
        tell_scores(store, worse, scheme="int8")
        old = make_scores(scoring="old", scheme="dynamic")
        tell(store, happened.Scored(run=RUN, device="local", scores=old), judged(make_case(scheme="dynamic")))
        tell(store, judged(make_case(scheme="float16")))
    (tmp_path / "inventory.yaml").write_text("devices:\n  local: {transport: local}\n")
    return Project(folder=tmp_path)


def test_each_finding_has_its_figures_and_what_it_comes_to_is_said(project):
    done = project.farm("results", "accuracy", INT8, COLUMNS="80")

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "300 images of 300 patients" in lines[0]
    nodule = next(line for line in lines if line.startswith("Nodule"))
    assert nodule.split()[1] == "105"
    assert nodule.rstrip().endswith("worse")
    assert next(line for line in lines if line.startswith("Edema")).split() == ["Edema", "0", *["-"] * 4]
    assert "loses more than 0.01 (95 %)" in lines[1], "the answer comes before its evidence"
    assert "−" in nodule, "a true minus, as in every other table"
    assert "Not in the mean is Hernia (1 positive image)" in done.stdout
    assert "No image, or every one, shows Edema" in done.stdout
    assert "ROC of Nodule, ● this case, · float32" in done.stdout
    assert max(map(len, lines)) <= 80 or lines[0] == max(lines, key=len)


def test_the_curve_of_another_finding_and_another_margin_can_be_asked_for(project):
    done = project.farm("results", "accuracy", INT8, "--finding", "Mass", "--margin", "0.5")

    assert "ROC of Mass" in done.stdout
    assert "within 0.5 of float32 (95 %)" in done.stdout


def test_roc_curves_are_a_picture_of_all_findings_or_of_one(project):
    done = project.farm("results", "accuracy", INT8, "-o", "all.svg")
    one = project.farm("results", "accuracy", INT8, "--finding", "Mass", "-o", "one.svg")
    pixels = project.farm("results", "accuracy", INT8, "-o", "all.png")

    assert (done.returncode, one.returncode, pixels.returncode) == (0, 0, 0), done.stderr + one.stderr + pixels.stderr
    assert "ROC of Nodule" in done.stdout, "the figures are there all the same"
    assert "wrote all.svg" in done.stderr
    every, alone = ((project.folder / name).read_text() for name in ("all.svg", "one.svg"))
    for drawn in (">Nodule<", ">Mass<", ">Hernia<", ">float32<", ">int8<"):
        assert drawn in every
    assert ">Edema<" not in every, "it has no curve"
    assert "Left out: Edema: all images or none have it, so that there is no curve." in done.stderr
    assert "Left out: Edema" in every
    assert "Left out" not in alone
    assert ">chance<" in every
    assert len(re.findall(r">int8 AUC [01]\.\d{4}", every)) == 3, "one above each panel"
    assert re.search(r">float32 AUC 0\.\d{4} \(", alone), "in the legend"
    assert alone.count('stroke-dasharray="2,3"') == 2, "the line of chance is dashed in the panel and in the legend"
    assert every.count(">false alarms<") == 3, "axes stand below panels alone"
    assert ">Mass<" in alone
    assert ">Nodule<" not in alone
    assert (project.folder / "all.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-o", "roc.jpg"), "roc.jpg: a picture ends in .svg or .png\n      farm results accuracy --help"),
        (("--finding", "Edema", "-o", "roc.svg"), "no curve to draw, labels are all alike"),
    ],
)
def test_what_can_be_no_picture_is_refused(project, words, message):
    done = project.farm("results", "accuracy", INT8, *words)

    assert done.returncode == 2
    assert message in done.stderr
    assert not list(project.folder.glob("roc.*"))


def test_a_program_gets_the_same_with_points_of_the_curves(project):
    answer = project.json("results", "accuracy", INT8)

    assert answer["over"] == ["Nodule", "Mass"]
    assert answer["loss"]["verdict"] == "loses more"
    nodule, _, hernia, edema = answer["findings"]
    assert nodule["changed"]
    assert nodule["change"]["high"] < -0.2
    assert (hernia["positives"], hernia["auc"]["low"], hernia["change"]["low"]) == (1, None, None)
    assert (edema["auc"], edema["auprc"], edema["roc"]) == (None, None, [])
    assert (nodule["roc"][0], nodule["roc"][-1]) == ([0, 0], [1, 1])


def test_float32_itself_has_no_change(project):
    done = project.farm("results", "accuracy", str(make_case()))

    assert "No change: this is float32." in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((INT8, "--finding", "Nodul"), "Nodule"),
        ((str(make_case(scheme="float16")),), "its accuracy was never checked"),
        ((str(make_case(scheme="dynamic")),), "older farm, which did not store the images"),
        ((str(make_case(threads=9)),), "no case with a result"),
        (("nonsense",), "write it whole: local/"),
        ((INT8, "--specificity", "2"), "specificity"),
    ],
)
def test_what_can_not_be_shown_is_refused_with_the_next_command(project, words, message):
    done = project.farm("results", "accuracy", *words)

    assert done.returncode == 2
    assert message in done.stderr


def test_a_run_that_measured_latency_alone_is_not_asked_for_accuracy_in_vain(project):
    suite = make_suite(accuracy="none")
    case = make_case(scheme="int8")
    with Store.open(f"sqlite:///{project.folder / 'farm.db'}") as store:
        tell(store, replace(started("run-9"), suite=suite.to_json()), judged(case, run="run-9"))
        result = judge(store, "run-9", suite, case)

    done = project.farm("results", "accuracy", str(case), "--run", "run-9")

    assert "no-accuracy" not in {reason.code for reason in result.reasons}
    assert done.returncode == 2
    assert "its run measured latency alone" in done.stderr
    assert "farm run --accuracy all" in done.stderr


def test_compare_says_of_the_change_what_was_judged(project):
    with Store.open(f"sqlite:///{project.folder / 'farm.db'}") as store:
        int8 = make_case(scheme="int8")
        tell(store, judged(int8, auc_mean=0.8, auc_change_low=-0.2, auc_change_high=-0.05))

    (row,) = project.json("results", "compare", str(make_case()), INT8)

    assert (row["auc_change"], row["auc_change_low"], row["auc_change_high"]) == (pytest.approx(-0.1), -0.2, -0.05)


def test_compare_of_two_models_of_any_input_size_is_paired_by_the_names_of_their_images(project):
    good, _ = a_rare_finding()
    with Store.open(f"sqlite:///{project.folder / 'farm.db'}") as store:
        tell_scores(store, good, run="run-2", model="other", scheme="float32")

    (row,) = project.json("results", "compare", INT8, str(make_case(model="other")))

    assert row["auc_change_low"] < row["auc_change"] < row["auc_change_high"]


@pytest.fixture
def fleet(tmp_path):
    """Three devices with one artifact: two agree, the third is off on image 17; a fourth case of another artifact is alone."""
    good, _ = a_rare_finding()
    off = good.scores.copy()
    off[17, 1] += 0.25
    off[18, 0] += 0.125
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        for device, scores in (("local", good.scores), ("pi5", good.scores), ("pi6", off)):
            tell_scores(store, Scored(images=good.images, scores=scores), device=device)
        attempt = make_measurement(
            case=make_case(device="pi6"), golden_max_difference=0.03, golden_mean_difference=0.01
        )
        tell(store, ended(attempt))
        tell_scores(store, good, device="pi5", scheme="int8", artifact="b" * 64)
    (tmp_path / "inventory.yaml").write_text("devices:\n  local: {transport: local}\n")
    return Project(folder=tmp_path)


def test_devices_that_answer_otherwise_are_named_with_their_worst_images(fleet):
    alone, three = sorted(fleet.json("results", "divergence"), key=lambda each: len(each["sides"]))

    assert (alone["scheme"], alone["worst"], alone["sides"][0]["farthest"]) == ("int8", [], None)
    sides = {side["device"]: side for side in three["sides"]}
    assert sides["local"]["largest"] == 0
    assert sides["pi6"]["largest"] == pytest.approx(0.25)
    assert sides["pi6"]["mean"] == pytest.approx(0.375 / 1200)
    assert sides["local"]["farthest"] == "pi6 litert"
    assert (sides["pi6"]["controller_largest"], sides["local"]["controller_largest"]) == (0.03, None)
    assert [(image["image"], image["finding"]) for image in three["worst"]] == [
        ("17.png", "Mass"),
        ("18.png", "Nodule"),
    ]
    assert three["worst"][0]["high_side"] == "pi6 litert"


def test_people_get_a_table_and_sentences(fleet):
    done = fleet.farm("results", "divergence", "--worst", "1", COLUMNS="80")

    assert done.returncode == 0, done.stderr
    assert "17.png: Mass" in done.stdout
    assert "18.png" not in done.stdout
    assert "there is no other to differ from" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80 or "apart" in max(done.stdout.splitlines(), key=len)


def test_scores_of_one_device_alone_are_named_as_such_once_and_first(project):
    done = project.farm("results", "divergence", "--run", RUN)

    lines = done.stdout.splitlines()
    assert lines[0] == "one device with one runtime scored the artifact: there is no other to differ from"
    assert done.stdout.count("no other to differ from") == 1


def test_without_scores_there_is_nothing_to_compare_and_it_says_so(project):
    done = project.farm("results", "divergence", "--scheme", "float16")

    assert (done.returncode, done.stdout) == (0, "")
    assert "none of these results has scores" in done.stderr
