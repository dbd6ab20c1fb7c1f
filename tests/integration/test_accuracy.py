"""`farm results accuracy`, as a person asks how good a case is."""

from __future__ import annotations

import pytest

from orchestrator.domain import event as happened
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_scores
from tests.lab.project import Project
from tests.lab.scorings import a_rare_finding, tell_scores
from tests.lab.telling import RUN, judged, tell

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
    assert "loses more than 0.01 (95 %)" in done.stdout
    assert "Not in the mean is Hernia (1 positive image)" in done.stdout
    assert "No image, or every one, shows Edema" in done.stdout
    assert "ROC of Nodule, ● this case, · float32" in done.stdout
    assert max(map(len, lines)) <= 80 or lines[0] == max(lines, key=len)


def test_the_curve_of_another_finding_and_another_margin_can_be_asked_for(project):
    done = project.farm("results", "accuracy", INT8, "--finding", "Mass", "--margin", "0.5")

    assert "ROC of Mass" in done.stdout
    assert "within 0.5 of float32 (95 %)" in done.stdout


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

    assert "No change: this is float32" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((INT8, "--finding", "Nodul"), "Nodule"),
        ((str(make_case(scheme="float16")),), "its accuracy was never checked"),
        ((str(make_case(scheme="dynamic")),), "older farm, which did not store the images"),
        ((str(make_case(threads=9)),), "no case with a result"),
        (("nonsense",), "farm results --json lists cases"),
        ((INT8, "--specificity", "2"), "specificity"),
    ],
)
def test_what_can_not_be_shown_is_refused_with_the_next_command(project, words, message):
    done = project.farm("results", "accuracy", *words)

    assert done.returncode == 2
    assert message in done.stderr


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
