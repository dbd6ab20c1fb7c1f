"""Ready ``.tflite`` files with several outputs: one is chosen by name, or those of one score each are matched by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from agent import scoring
from agent.runtimes import litert, litert_builtin, litert_compiled
from orchestrator.config import suite as suites
from orchestrator.datasets.folder import Folder
from orchestrator.domain.model import ModelSpec, Preprocess
from orchestrator.errors import ModelError
from orchestrator.models import inspection, preflight, scored_outputs, tflite_graph
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.tflite_file import NUMBERS
from tests.lab import ready, toys
from tests.lab.project import Project

pytestmark = pytest.mark.tensorflow

HOW = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1)
#: One rises with brightness, one falls with it.
NAMES = ("pneumonia", "wellness")
RIGHT, WRONG = pytest.approx(toys.AUC, abs=0.02), pytest.approx(1 - toys.AUC, abs=0.02)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the same network as a float file and as one with int8 input and outputs, whose scales differ."""
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1), name="image")
    model = keras.Model(image, {name: toys.brightness(image, name) for name in NAMES})
    toys.set_weights(toys.set_weights(model, "wellness", gain=-3.0), "pneumonia")
    return ready.write_one(tmp_path_factory.mktemp("files"), model)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return toys.write(tmp_path_factory.mktemp("images"))


def model(path, **options):
    return make_model(ModelSpec(name="mine", kind="tflite", options={"path": str(path), **options}, preprocess=HOW))


@pytest.mark.parametrize("kind", ["float", "int8"])
@pytest.mark.parametrize("batch", [1, 4])
def test_each_output_in_turn_and_both_together_give_their_own_scores(files, root, tmp_path, kind, batch):
    images = Folder(str(root))
    pixels = images.load("evaluation", height=toys.SIZE, width=toys.SIZE, limit=10).pixels
    made = {}

    for name in NAMES:
        answer = ModelBuilder(model(files[kind], output=name), images).build("as-is", batch, tmp_path / name)
        [made[name]] = answer["checks"]["reads"]
    both = ModelBuilder(model(files[kind]), images).build("as-is", batch, tmp_path / "both")

    assert sorted(made.values()) == both["checks"]["reads"] == [0, 1]
    assert sorted(both["checks"]["outputs"]) == list(NAMES)
    if batch == 1:
        assert (tmp_path / "both").read_bytes() == files[kind].read_bytes()
    loaded = {name: litert.load(str(tmp_path / name), 1, (number,)) for name, number in made.items()}
    alone = [scoring.scores(loaded[name], pixels, HOW, batch=batch, classes=1) for name in both["checks"]["outputs"]]
    for runtime in (litert, litert_builtin):
        together = runtime.load(str(tmp_path / "both"), 1, (0, 1))
        scores = scoring.scores(together, pixels, HOW, batch=batch, classes=2)
        np.testing.assert_allclose(scores, np.concatenate(alone, axis=1), atol=0.01)
    brightness = pixels.mean(axis=(1, 2, 3))
    rises = {
        name: np.corrcoef(brightness, scores[:, 0])[0, 1] > 0
        for name, scores in zip(both["checks"]["outputs"], alone, strict=True)
    }
    assert rises == {"pneumonia": True, "wellness": False}


def test_the_name_of_a_tensor_chooses_its_output_too(files):
    graph = tflite_graph.read(files["float"])

    chosen = [
        scored_outputs.chosen(graph.outputs, graph.output_names, "mine", output.name, NUMBERS).reads
        for output in graph.outputs
    ]

    assert chosen == [(0,), (1,)]
    assert sorted(graph.output_names) == list(NAMES)


def test_show_lists_the_names_that_a_suite_takes(files):
    shown = inspection.look_into(files["float"], schemes=(), size=toys.SIZE, output=None)

    assert [end.name for end in shown.outputs] == list(tflite_graph.read(files["float"]).output_names)


def test_an_unknown_output_is_refused_with_the_nearest(files):
    with pytest.raises(ModelError, match="no output called 'pneumona'; did you mean 'pneumonia'"):
        model(files["float"], output="pneumona").load()


def test_outputs_of_more_scores_are_refused_with_their_names(files, tmp_path):
    def widen(graph):
        graph.subgraphs[0].tensors[graph.subgraphs[0].outputs[1]].shape = [1, 2]

    path = tmp_path / "mine.tflite"
    path.write_bytes(ready.edited(files["float"], widen))

    with pytest.raises(ModelError, match=r"it has 2 outputs: .* \(\?, 1\), .* \(\?, 2\)") as caught:
        model(path).load()

    assert all(f"`output: {name}`" in caught.value.hint for name in NAMES)


def test_outputs_named_otherwise_than_the_classes_are_refused_before_anything_is_built(files, root, tmp_path):
    suite = suites.load(written(tmp_path, root, f"{{path: {files['float']}, preprocess: {{scale: {1 / 255}}}}}"))
    renamed = Folder(str(root), classes=("NORMAL", "PNEUMONIA"))
    renamed.classes = ("Edema",)

    with pytest.raises(ModelError, match=r"it lacks every class .* Edema; the model's outputs has"):
        preflight.check(suite, renamed)


def test_a_runtime_that_reads_one_output_alone_refuses_the_file(files):
    with pytest.raises(ValueError, match="the artifact has 2 outputs; a classifier has one"):
        litert_compiled.load(str(files["float"]), 1)


def written(folder, root, *models):
    path = folder / "suite.yaml"
    path.write_text(
        f"dataset: {{root: {root}}}\neffort: smoke\nmodels:\n" + "".join(f"  - {each}\n" for each in models)
    )
    return path


def test_outputs_are_chosen_or_matched_in_a_run(files, root, tmp_path):
    project = Project(folder=tmp_path)
    (tmp_path / "home").mkdir()
    how = f"preprocess: {{scale: {1 / 255}}}"
    options = {"chosen": "output: pneumonia, ", "other": "output: wellness, ", "matched": ""}
    models = [f"{{name: {name}, path: {files['float']}, {each}{how}}}" for name, each in options.items()]

    done = project.process("run", str(written(tmp_path, root, *models)), "--runtimes", "litert,litert-compiled")

    rows = json.loads(project.farm("results", "list", "--json").stdout)
    assert {row["model"]: row["auc_mean"] for row in rows} == {
        "chosen": RIGHT,
        "other": WRONG,
        "matched": RIGHT,
    }
    for name in options:
        words = f"as-is of {name}: it has several outputs, litert-compiled reads files of one; use litert"
        assert words in done.stdout + done.stderr
    codes = {row["model"]: {reason["code"] for reason in row["reasons"]} for row in rows}
    assert codes == {"chosen": {"smoke"}, "other": {"smoke", "auc-below-half"}, "matched": {"smoke"}}
    assert sorted(each["model"] for each in project.json("results", "divergence")) == sorted(options)
