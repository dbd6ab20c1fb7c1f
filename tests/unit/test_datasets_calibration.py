"""Images for quantization where the dataset has none of its own."""

from __future__ import annotations

import shutil

import pytest

from orchestrator.config import suite as suites
from orchestrator.datasets.calibration import calibration_pixels, lacking, refuse_tested
from orchestrator.datasets.folder import Folder
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.domain.suite import Suite
from orchestrator.errors import DatasetError, SuiteError
from orchestrator.models.artifacts import Build, recipe_of
from tests.lab import toys

SUITE = "models: [tiny-cxr]\ndataset: {root: tested}\n"


@pytest.fixture
def folders(tmp_path):
    """``tested`` has a test part alone, ``whole`` both sides of the same set."""
    toys.write(tmp_path / "whole")
    shutil.copytree(tmp_path / "whole" / "test", tmp_path / "tested" / "test")
    return tmp_path


def spec(path):
    return DatasetSpec(kind="folder", options={"root": str(path)})


def test_a_dataset_with_a_test_part_alone_lacks_calibration_images_and_no_other_does(folders):
    assert lacking(Folder(str(folders / "tested"))) == (
        "no calibration images: tested has a test part alone; `calibration: {kind: folder, root: …}` in the suite names "
        "images for it"
    )
    assert lacking(Folder(str(folders / "whole"))) is None
    assert lacking(Phantom()) is None


def test_a_suite_names_calibration_images_of_another_dataset(folders):
    path = folders / "suite.yaml"
    path.write_text(SUITE + "calibration: {kind: folder, root: whole}\n", encoding="utf-8")

    suite = suites.load(path)

    assert suite.calibration == spec(folders / "whole")
    assert Suite.from_json(suite.to_json()) == suite
    path.write_text(SUITE + "calibration: {kind: foldr, root: whole}\n", encoding="utf-8")
    with pytest.raises(SuiteError, match=r"suite.yaml:3.*did you mean 'folder'"):
        suites.load(path)


def test_calibration_images_of_another_dataset_are_part_of_what_an_artifact_is_made_of(folders):
    model = ModelSpec(name="tiny-cxr", kind="tiny-cxr")
    tested = spec(folders / "tested")
    recipes = [
        recipe_of(Build(model=model, scheme="int8", batch=1, calibration=elsewhere), tested)
        for elsewhere in (None, spec(folders / "whole"))
    ]

    assert recipes[0]["checked_on"] == recipes[1]["checked_on"]
    assert recipes[0]["calibration"] != recipes[1]["calibration"]


def test_the_part_for_calibration_is_taken_or_the_test_part_of_a_set_without_one(folders):
    whole, alone = Folder(str(folders / "whole"), calibration=0.3), Folder(str(folders / "tested"))

    assert len(calibration_pixels(whole, height=8, width=8, limit=200)) == len(whole.files["calibration"])
    assert len(calibration_pixels(alone, height=8, width=8, limit=5)) == 5


def test_images_that_are_tested_calibrate_nothing_under_whatever_name(folders):
    tested = Folder(str(folders / "tested"))
    refuse_tested(spec(folders / "whole"), tested)

    with pytest.raises(DatasetError, match=r"calibration: \S+png of tested is tested too"):
        refuse_tested(spec(folders / "tested"), tested)
    renamed = folders / "renamed" / "test"
    for number, path in enumerate(sorted((folders / "tested").rglob("*.png"))[30:50]):
        (renamed / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, renamed / path.parent.name / f"{number}.png")
    with pytest.raises(DatasetError, match=r"calibration: \S+renamed\S+png of renamed is tested too"):
        refuse_tested(spec(folders / "renamed"), tested)
