"""Images that a device scored in an earlier run, with the same artifact and runtime, are not scored again."""

from __future__ import annotations

import json

import pytest

from orchestrator.datasets import base
from orchestrator.devices.remote.client import AgentClient

pytestmark = pytest.mark.tensorflow
CASE = "local/tiny-cxr/float32/litert/t1/b1"
SUITE = "models: tiny-cxr\nschemes: [float32]\neffort: smoke\ndataset: phantom\naccuracy: 120\n"


@pytest.fixture
def measured(project, monkeypatch):
    """Measure on `local`, whose hardware has a key as that of a board, in this process; return where the images were scored."""
    monkeypatch.chdir(project.folder)
    (project.folder / "suite.yaml").write_text(SUITE)
    probe = AgentClient.probe
    monkeypatch.setattr(AgentClient, "probe", lambda self, *words: {**probe(self, *words), "hardware_key": "a board"})

    def measure(*options):
        done = project.farm("run", "suite.yaml", *options)
        assert done.returncode == 0, done.stderr
        shown = json.loads(project.farm("results", "show", CASE, "--run", "latest", "--json").stdout)
        assert shown["auc_mean"] is not None
        return shown["run"], shown["scored_in"]

    return measure


@pytest.fixture
def made(monkeypatch):
    """The datasets that this process makes."""
    made, make = [], base.make_dataset
    monkeypatch.setattr(base, "make_dataset", lambda spec: made.append(spec) or make(spec))
    return made


def test_what_an_earlier_run_scored_is_reused_and_named_until_a_person_asks_anew(project, measured, made):
    first, scored_first = measured()
    _, scored_again = measured()
    shown = project.farm("results", "show", CASE, "--run", "latest").stdout
    table = project.farm("results", "list", "--run", "latest").stdout
    _, scored_anew = measured("--rescore")

    assert scored_first is None
    assert len(made) == 3, "each run makes its dataset once"
    assert scored_again == first
    assert f"scored in run {first}" in shown
    assert f"AUC: scored in run {first}" in table
    assert scored_anew is None
