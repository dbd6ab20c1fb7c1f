"""`farm bench`: the suite that files of models and a folder of images make."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from orchestrator.cli.bench import _normalization, _size
from orchestrator.config import suite as suites
from orchestrator.config.suite_text import text
from orchestrator.datasets import leaks
from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.suite import Suite, Throughput
from orchestrator.errors import DatasetError, ModelError, UsageError
from orchestrator.models import preflight, stated_preprocessing
from orchestrator.models.stated_preprocessing import RANGES
from orchestrator.runs.bench import Answers, suite_of

DATA = Path(__file__).parent.parent / "data"
FLOAT, INT8 = DATA / "float32.tflite", DATA / "int8.tflite"
SAID = Answers(normalization=RANGES["0..1"])


def edited(path: Path, change, source: Path = INT8) -> Path:
    """Write ``source`` with ``change`` made to its flatbuffer."""
    model = schema.ModelT.InitFromPackedBuf(source.read_bytes(), 0)
    change(model)
    builder = flatbuffers.Builder(4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def input_range(low: float, high: float):
    def change(model) -> None:
        graph = model.subgraphs[0]
        quantization = graph.tensors[graph.inputs[0]].quantization
        quantization.scale = [(high - low) / 255]
        quantization.zeroPoint = [round(-128 - low * 255 / (high - low))]

    return change


def normalized(mean: list[float], deviation: list[float]):
    """Add TensorFlow Lite Metadata with one ProcessUnit, NormalizationOptions."""
    builder = flatbuffers.Builder(256)

    def floats(values: list[float]) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return builder.EndVector()

    def table(fields: int, **places: int) -> int:
        builder.StartObject(fields)
        for name, place in places.items():
            builder.PrependUOffsetTRelativeSlot(int(name[1:]), place, 0)
        return builder.EndObject()

    def vector(place: int) -> int:
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(place)
        return builder.EndVector()

    options = table(2, _0=floats(mean), _1=floats(deviation))
    builder.StartObject(2)
    builder.PrependUint8Slot(0, 1, 0)
    builder.PrependUOffsetTRelativeSlot(1, options, 0)
    units = vector(builder.EndObject())
    inputs = vector(table(7, _4=units))
    graphs = vector(table(5, _2=inputs))
    builder.Finish(table(8, _3=graphs), b"M001")

    def change(model) -> None:
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(bytes(builder.Output()), np.uint8)
        model.buffers.append(buffer)
        entry = schema.MetadataT()
        entry.name, entry.buffer = "TFLITE_METADATA", len(model.buffers) - 1
        model.metadata = [*(model.metadata or ()), entry]

    return change


def keras(path: Path, layers: list[tuple[str, dict]]) -> Path:
    """Write what of a ``.keras`` file is read without Keras."""
    config = [{"class_name": name, "config": {"name": name.lower(), **options}} for name, options in layers]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": config}}))
    return path


def pictures(folder: Path, count: int = 2) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("L", (8, 8), 40 * number).save(folder / f"{number}.png")
    return folder


def labelled(root: Path) -> Path:
    for name in ("a", "b", "c"):
        pictures(root / "test" / name)
    return root


@pytest.mark.parametrize("name", ["0..1", "-1..1", "0..255"])
def test_the_range_of_a_quantized_input_says_what_pixels_become(tmp_path, name):
    low, high = (float(end) for end in name.split(".."))

    stated = stated_preprocessing.of_file(edited(tmp_path / "m.tflite", input_range(low, high)), "tflite")

    assert (stated.scale, stated.mean, stated.std) == (RANGES[name].scale, RANGES[name].mean, RANGES[name].std)
    assert stated.source == f"{name}, the range of its int8 input"


def test_a_quantized_input_of_another_range_and_a_float_input_say_nothing(tmp_path):
    odd = edited(tmp_path / "m.tflite", input_range(-2.1, 2.6))

    assert stated_preprocessing.of_file(odd, "tflite") is None
    assert stated_preprocessing.of_file(FLOAT, "tflite") is None


def test_metadata_of_a_file_says_what_pixels_become_before_anything_else(tmp_path):
    file = edited(tmp_path / "m.tflite", normalized([127.5], [127.5]))

    stated = stated_preprocessing.of_file(file, "tflite")

    assert (stated.scale, stated.mean, stated.std) == (1.0, (127.5,), (127.5,))


def test_a_keras_model_that_scales_pixels_itself_takes_them_as_they_are(tmp_path):
    layers = [("InputLayer", {"batch_shape": [None, 8, 8, 3]}), ("Rescaling", {"scale": 1 / 255, "offset": 0.0})]
    scaling, plain = keras(tmp_path / "a.keras", layers), keras(tmp_path / "b.keras", [layers[0], ("Dense", {})])

    assert stated_preprocessing.of_file(scaling, "keras").scale == 1.0
    assert stated_preprocessing.of_file(plain, "keras") is None


def test_files_alone_measure_latency_with_drawn_images_and_are_compared():
    made = suite_of([FLOAT, INT8], None, Answers())

    assert [(model.name, model.kind) for model in made.suite.models] == [("float32", "tflite"), ("int8", "tflite")]
    assert made.suite.models[0].preprocess == Preprocess(height=8, width=8, channels=3)
    assert (made.suite.accuracy, made.suite.compare) == ("none", True)
    assert made.notes[0].startswith("latency alone, with drawn images; --images FOLDER")
    preflight.check(made.suite, make_dataset(made.suite.dataset))


def test_a_folder_with_test_and_classes_is_scored_and_what_the_file_leaves_open_is_asked(tmp_path):
    root = labelled(tmp_path / "images")

    with pytest.raises(ModelError, match="how images were prepared when it was trained is not in the file") as caught:
        suite_of([FLOAT], root, Answers())
    made = suite_of([FLOAT], root, SAID)

    assert all(name in caught.value.hint for name in RANGES)
    assert "ask whoever trained it" in caught.value.hint
    assert "AUC near 0.5" in caught.value.hint
    assert (made.suite.accuracy, made.suite.dataset.kind) == ("all", "folder")


def test_a_folder_of_pictures_measures_latency_and_says_that_there_is_no_auc(tmp_path):
    made = suite_of([FLOAT], pictures(tmp_path / "pictures"), Answers())

    dataset = make_dataset(made.suite.dataset)
    images = dataset.load("evaluation", height=8, width=8)
    assert images.pixels.shape == (2, 8, 8, 1)
    assert images.labels.shape == (2, 0)
    assert made.suite.accuracy == "none"
    assert any("so no AUC" in note for note in made.notes)
    preflight.check(made.suite, dataset)


def test_accuracy_on_images_without_labels_is_refused_before_anything_is_built(tmp_path):
    made = suite_of([FLOAT], pictures(tmp_path / "pictures"), SAID)
    scored = suites.narrow(made.suite, accuracy="all")

    with pytest.raises(DatasetError, match="no labels to check accuracy with") as caught:
        preflight.check(scored, make_dataset(scored.dataset))

    assert "--accuracy none" in caught.value.hint


def test_folders_that_look_like_classes_are_a_question(tmp_path):
    for name in ("NORMAL", "PNEUMONIA"):
        pictures(tmp_path / name)

    with pytest.raises(UsageError, match=r"2 folders \(NORMAL, PNEUMONIA\)") as caught:
        suite_of([FLOAT], tmp_path, Answers())

    assert str(tmp_path / "test") in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.tflite", None, "no such file"),
        ("cut.h5", b"\x89HDF\r\n\x1a\n", "it is damaged"),
        ("model.pt", b"x", "no model that farm bench knows: it takes .tflite, .onnx, .keras, .h5"),
        ("text.keras", b"hello", "text.keras: it is a text file, not a model"),
        (
            "text.tflite",
            "Größe der Läsion: 12 mm; alle Angaben in Millimetern, ohne Gewähr ä".encode(),
            "it is a text file",
        ),
        ("noise.keras", bytes(range(129, 193)), "its first bytes are not those of a Keras model"),
        ("noise.tflite", bytes(range(1, 65)), "its first bytes are not those of a .tflite file"),
        ("folder.keras", "folder", "folder.keras: a folder, not a model's file"),
    ],
)
def test_what_is_no_model_is_refused_in_a_sentence(tmp_path, name, content, words):
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)

    with pytest.raises((UsageError, ModelError)) as caught:
        suite_of([path], None, Answers())

    assert words in caught.value.message


def test_a_keras_file_that_leaves_its_size_free_asks_for_it(tmp_path):
    free = keras(tmp_path / "m.keras", [("InputLayer", {"batch_shape": [None, None, None, 3]}), ("Dense", {})])

    with pytest.raises(ModelError) as caught:
        suite_of([free], None, Answers())
    made = suite_of([free], None, Answers(size=(64, 48)))

    assert "--size 224" in caught.value.hint
    assert made.suite.models[0].preprocess == Preprocess(height=64, width=48, channels=3)


def test_files_of_one_name_are_called_by_their_endings_or_folders(tmp_path):
    copy = tmp_path / "other" / "float32.tflite"
    copy.parent.mkdir()
    copy.write_bytes(FLOAT.read_bytes())

    made = suite_of([FLOAT, copy], None, Answers())

    assert [model.name for model in made.suite.models] == ["data-float32.tflite", "other-float32.tflite"]


def test_one_file_by_two_ways_is_the_same_file(tmp_path):
    (tmp_path / "link.tflite").symlink_to(FLOAT)

    with pytest.raises(UsageError, match="the same file twice"):
        suite_of([FLOAT, tmp_path / "link.tflite"], None, SAID)


@pytest.mark.parametrize("stem", ["n\nl", "a\x1b[31m", " ", "~", "c,d", "null"])
def test_a_file_of_any_name_is_a_suite_that_is_read_as_the_same_one(tmp_path, stem):
    path = Path(shutil.copy(FLOAT, tmp_path / f"{stem}.tflite"))
    made = suite_of([path], None, SAID).suite
    (tmp_path / "suite.yaml").write_text(text(made, tmp_path), encoding="utf-8")

    assert suites.load(tmp_path / "suite.yaml") == made


@pytest.mark.parametrize(("scale", "zero_point"), [(float("nan"), 0), (float("inf"), 0), (-1.0, 0), (0.1, 10**12)])
def test_integers_that_stand_for_no_real_values_are_refused(tmp_path, scale, zero_point):
    def change(model):
        graph = model.subgraphs[0]
        quantization = graph.tensors[graph.inputs[0]].quantization
        quantization.scale, quantization.zeroPoint = [scale], [zero_point]

    with pytest.raises(ModelError, match=f"its int8 input has the scale {scale:g} and the zero point {zero_point}"):
        suite_of([edited(tmp_path / "odd.tflite", change)], None, SAID)


def test_a_path_that_no_database_takes_is_refused(tmp_path):
    path = Path(shutil.copy(FLOAT, tmp_path / "b\udcff.tflite"))

    with pytest.raises(UsageError, match="its path is not UTF-8"):
        suite_of([path], None, SAID)


def test_numbers_on_the_command_line_become_a_normalization():
    given = _normalization(None, 1.0, "127.5", "1,2,3")

    assert (given.scale, given.mean, given.std) == (1.0, (127.5,), (1.0, 2.0, 3.0))
    assert (_size("224"), _size("224x192")) == ((224, 224), (224, 192))
    for wrong in (("0..1", 1.0, None, None), (None, None, "x", None), (None, None, None, "0")):
        with pytest.raises(UsageError):
            _normalization(*wrong)


def test_a_suite_written_as_text_is_read_as_the_same_suite(tmp_path):
    root = labelled(tmp_path / "images")
    made = suite_of([FLOAT, INT8], root, SAID)
    narrowed = suites.narrow(made.suite, devices=["tag:a"], threads=[1, 2], accuracy=5, seed=3)
    rich = Suite(
        models=(ModelSpec(name="tiny-cxr", kind="tiny-cxr"),),
        dataset=DatasetSpec(kind="phantom"),
        schemes=("float32", "mine"),
        scheme_options={"mine": {"kind": "int8", "float_layers": ["first"]}},
        throughput=Throughput(interpreters=(1, 2)),
        batches=(1, 4),
        attempts=7,
    )

    for number, suite in enumerate((narrowed, rich)):
        path = tmp_path / f"suite{number}.yaml"
        path.write_text(text(suite, tmp_path))
        assert suites.load(path) == suite
    assert "root: images" in (tmp_path / "suite0.yaml").read_text()


def test_a_pytorch_file_is_refused_with_the_call_that_exports_it(tmp_path):
    (tmp_path / "model.pt").write_bytes(b"x")

    with pytest.raises(UsageError) as caught:
        suite_of([tmp_path / "model.pt"], None, Answers())

    assert "torch.onnx.export(" in caught.value.hint


def test_a_file_given_as_images_is_called_one(tmp_path):
    (tmp_path / "labels.csv").write_text("a,b")

    with pytest.raises(UsageError, match=r"labels\.csv: a file; it takes the folder that your images are in"):
        suite_of([FLOAT], tmp_path / "labels.csv", Answers())


def test_patients_on_both_sides_are_refused_or_left_out_of_the_training_side(tmp_path):
    labelled(tmp_path)

    left_out = suite_of([FLOAT], tmp_path, replace(SAID, leaks="leave-out")).suite

    assert suite_of([FLOAT], tmp_path, SAID).suite.dataset.options == {"root": str(tmp_path)}
    assert "farm bench FILE --leaks leave-out" in leaks.HINT
    assert left_out.dataset.options == {"root": str(tmp_path), "leaks": "leave-out"}
    assert "leaks: leave-out" in text(left_out, tmp_path)
    with pytest.raises(UsageError, match="no way with leaks called 'leave'; did you mean 'leave-out'"):
        suite_of([FLOAT], tmp_path, replace(SAID, leaks="leave"))
