"""The plug-in as farm finds it; run with pytest where the package is installed."""

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec
from orchestrator.errors import DatasetError
from orchestrator.models.schemes.base import make_scheme


def test_the_last_digit_of_a_name_is_the_label_and_no_patient_is_on_two_sides(tmp_path):
    for number in range(40):
        pixels = np.full((32, 32), 60 + number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"MCUCXR_{number:04d}_{number % 2}.png")

    dataset = make_dataset(DatasetSpec(kind="tuberculosis", options={"root": str(tmp_path)}))

    tested = dataset.load("evaluation", height=32, width=32)
    assert len(tested.patients) == 12
    assert tested.labels.ravel().tolist() == [int(name.removesuffix(".png")[-1]) for name in tested.names]
    assert not {*tested.patients} & {*dataset.load("train", height=32, width=32).patients}


def test_a_folder_without_such_files_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no file is called like"):
        make_dataset(DatasetSpec(kind="tuberculosis", options={"root": str(tmp_path)}))


def test_the_number_of_batches_is_part_of_the_artifact_s_identity():
    few, fewer = (make_scheme("few", {"kind": "int8-few", "batches": batches}) for batches in (10, 2))

    assert few.options != fewer.options
