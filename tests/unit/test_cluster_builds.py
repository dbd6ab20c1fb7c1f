"""Builds that go to workers of a cluster, without a cluster."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from orchestrator.datasets import sent_images
from orchestrator.datasets.base import Datasets
from orchestrator.datasets.calibration import calibration_pixels
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import DatasetError
from orchestrator.models.artifacts import Build, Placed
from orchestrator.models.build_processes import Answer, BuildLimits, Order
from orchestrator.runs.cluster import build_errand, build_worker, builds
from orchestrator.runs.cluster.build_errand import WorkerLostError, WorkerUnfitError, files_of
from orchestrator.runs.cluster.build_worker import moved, refusal, refusal_of_tools
from orchestrator.runs.cluster.builds import ClusterBuilds
from orchestrator.runs.cluster.cluster import Worker
from orchestrator.runs.cluster.orders import BuildOrder, ModelFile, from_text, to_text

TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 4})


def order(number=0, model=TINY, scheme="float32"):
    plain = {**asdict(Build(model=model, scheme=scheme, batch=1)), "number": number, "dataset": asdict(PHANTOM)}
    return Order(number=number, group=model.name, memory_bytes=1, plain=json.loads(json.dumps(plain)))


@pytest.fixture
def sent(tmp_path):
    """What goes to a worker for one build."""
    from orchestrator.models.blob_folder import BlobFolder

    datasets = Datasets()
    made = build_errand.Sent([order()], datasets, BlobFolder(tmp_path / "to-workers"))
    return from_text(made.order([order()], BuildLimits(timeout_s=7.0)), BuildOrder)


def test_an_order_comes_back_as_it_was(sent):
    assert from_text(to_text(sent), BuildOrder) == sent
    assert (sent.orders[0], sent.limits) == (order(), BuildLimits(timeout_s=7.0))


@pytest.mark.parametrize(("option", "inside"), [("path", "../x"), ("path", "/etc/x"), ("../path", "x"), ("path", ".")])
def test_a_model_file_that_leaves_its_folder_is_refused(sent, option, inside):
    text = to_text(replace(sent, files=(ModelFile(option="weights", inside=Path("inside"), sha256="a" * 64),)))
    odd = text.replace('"weights"', json.dumps(option)).replace('"of":"inside"', f'"of":{json.dumps(inside)}')

    with pytest.raises(ValueError, match=r"is no file of a model|is no place in a folder"):
        from_text(odd, BuildOrder)


def test_a_worker_like_the_controller_builds(sent, tmp_path):
    assert refusal_of_tools(sent) is None
    assert refusal(sent, tmp_path) is None


def test_a_worker_without_tensorflow_or_with_another_one_refuses_in_a_sentence(sent, monkeypatch):
    wanted = sent.ingredients[0]["tensorflow"]
    for here, words in (
        ("unknown", f"it has no tensorflow; the controller has {wanted}"),
        ("1.0", "its tensorflow is 1.0"),
    ):
        versions = {"tensorflow": here, "keras": sent.ingredients[0]["keras"]}
        monkeypatch.setattr(build_worker, "tool_versions", versions.copy)

        assert words in refusal_of_tools(sent)


def test_a_ready_model_needs_no_tensorflow_of_a_worker(sent, monkeypatch):
    monkeypatch.setattr(build_worker, "tool_versions", lambda: {"tensorflow": "unknown", "keras": "unknown"})
    plain = {name: value for name, value in sent.ingredients[0].items() if name not in {"tensorflow", "keras"}}

    assert refusal_of_tools(replace(sent, ingredients=(plain,))) is None


def test_a_worker_of_another_architecture_refuses(sent):
    assert "the controller is a vax" in refusal_of_tools(replace(sent, machine="vax"))


def test_a_worker_whose_model_is_another_one_refuses(sent, tmp_path):
    odd = replace(sent, ingredients=({**sent.ingredients[0], "model_sha256": "b" * 64},))

    assert "its model_sha256 is " in refusal(odd, tmp_path)


def test_a_model_in_a_folder_is_sent_file_by_file_and_found_again(tmp_path):
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    for name in ("saved_model.pb", "variables/data"):
        (folder / name).write_text(name)
    model = ModelSpec(name="mine", kind="keras", options={"path": str(folder)})

    every = list(files_of(asdict(model)))
    files = tuple(ModelFile(option=option, inside=inside, sha256="a" * 64) for option, inside, _ in every)
    there = moved(order(model=model), files, tmp_path / "there")

    assert [str(inside) for _, inside, _ in every] == ["saved/saved_model.pb", "saved/variables/data"]
    assert there.plain["model"]["options"] == {"path": str(tmp_path / "there" / "path" / "saved")}


def test_images_that_were_sent_are_those_of_the_dataset(tmp_path):
    phantom, size = Phantom(patients=12), {"height": 32, "width": 32}
    checking, calibrating = phantom.load("evaluation", **size, limit=5), calibration_pixels(phantom, **size, limit=6)
    file = io.BytesIO()
    sent_images.write(file, checking, calibrating)
    (tmp_path / "images").write_bytes(file.getvalue())

    there = sent_images.SentImages(str(tmp_path / "images"), **sent_images.described(phantom))

    again = there.load("evaluation", **size, limit=64)
    assert np.array_equal(again.pixels, checking.pixels)
    assert np.array_equal(again.labels, checking.labels)
    assert np.array_equal(calibration_pixels(there, **size, limit=200), calibrating)
    assert (there.classes, there.task) == (phantom.classes, phantom.task)
    with pytest.raises(DatasetError, match="64 × 64"):
        there.load("evaluation", height=64, width=64)


def cluster_of(*names):
    """A cluster with these workers, none of which was started to build alone."""
    workers = tuple(Worker(address=f"tcp://{name}", name=name, sites=frozenset()) for name in names)
    return SimpleNamespace(builders=lambda: workers, lost=None, address="tcp://scheduler")


def answered(number):
    return Answer(number=number, seconds=0.0, plain={"path": "x"})


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Give ``built(names, does, *orders)``: what is answered where ``does(worker, wanted)`` says what a worker yields, or raises."""
    monkeypatch.setattr(builds, "Sent", lambda *_: SimpleNamespace(order=lambda *_: "text"))

    def here(orders, *_, **__):
        return [Answer(number=each.number, seconds=0.0, plain={"error": f"{each.number}, here"}) for each in orders]

    monkeypatch.setattr(builds, "run_all", here)

    def run(names, does, *orders):
        def answers(errand, _sent, _text, wanted, _folder, *, timeout_s):
            yield from does(errand.worker.name, wanted)

        monkeypatch.setattr(build_errand, "answers", answers)
        work = ClusterBuilds(cluster_of(*names), Datasets(), BuildLimits(), tmp_path / "building", tmp_path / "log")
        return [
            item.what if isinstance(item, Placed) else item.plain.get("error", item.number)
            for item in work.answers(orders)
        ]

    return run


def raising(error):
    def does(worker, wanted):
        raise error
        yield

    return does


def test_a_worker_that_refuses_is_asked_once_and_another_one_builds(built):
    def does(worker, wanted):
        if worker == "one":
            raise WorkerUnfitError("it has no tensorflow")
        yield from map(answered, sorted(wanted))

    assert built(("one", "two"), does, order(0), order(1, scheme="int8")) == [
        "worker one builds tiny-cxr (float32, int8)",
        "worker one does not build tiny-cxr: it has no tensorflow",
        "worker two builds tiny-cxr (float32, int8)",
        0,
        1,
    ]


def test_what_is_done_when_a_worker_is_lost_is_not_built_again(built):
    asked = []

    def does(worker, wanted):
        asked.append(sorted(wanted))
        yield answered(min(wanted))
        if worker == "one":
            raise WorkerLostError("worker one is lost")

    built(("one", "two"), does, order(0), order(1, scheme="int8"))

    assert asked == [[0, 1], [1]]


def test_builds_that_three_workers_were_lost_with_are_given_up(built):
    outcome = built(("a", "b", "c", "d"), raising(WorkerLostError("lost")), order())

    assert outcome[-1] == "3 workers were lost with its build"
    assert "worker d builds tiny-cxr (float32)" not in outcome


def test_what_no_worker_can_build_this_machine_builds(built):
    words = "this machine builds tiny-cxr (float32): no worker can"

    assert built((), raising(WorkerUnfitError("no")), order()) == [words, "0, here"]
    assert built(("one",), raising(WorkerUnfitError("no")), order())[2:] == [words, "0, here"]


def test_a_model_whose_code_is_the_users_own_never_goes_to_a_worker(built):
    mine = ModelSpec(name="mine", kind="python", options={"entry": "mine:build"})

    assert built(("one",), raising(WorkerUnfitError("asked")), order(model=mine)) == [
        "this machine builds mine (float32): its code is not sent to workers",
        "0, here",
    ]
