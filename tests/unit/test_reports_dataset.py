from __future__ import annotations

from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.reports import dataset


def summary(**changes):
    fields = {
        "name": "mine",
        "synthetic": False,
        "parts": (
            PartSummary(part="train", images=44, by_class={"NORMAL": 24, "PNEUMONIA": 20}),
            PartSummary(part="calibration", images=4, by_class={"NORMAL": 4}),
            PartSummary(part="evaluation", images=80, by_class={"NORMAL": 40, "PNEUMONIA": 40}),
        ),
        "patients": 128,
        "pattern": "person",
        "unmatched": 128,
        "sampled": 16,
        "modes": ("L",),
        "pixel_range": (3, 250),
    }
    return DatasetSummary(**{**fields, **changes})


def test_what_was_read_is_two_lines_and_what_was_left_out_a_third():
    lines = list(dataset.lines(summary(left_out={".dcm": 3, "in masks/": 128})))

    assert lines == [
        "evaluates 80 images (NORMAL 40, PNEUMONIA 40); train 44; calibration 4",
        (
            "pixels 3..250, mode L (16 images looked at); 128 patients: `person` matches no file name, so every image counts "
            "as a patient of its own (see `patient:`)"
        ),
        "left out 131 files: 3 .dcm, 128 in masks/",
    ]


def test_images_that_are_nearly_black_and_patients_that_are_partly_found_are_named():
    (_, partly), (_, all_found) = (
        list(dataset.lines(summary(pixel_range=(0, 15), patients=9, unmatched=count))) for count in (1, 0)
    )

    assert partly == (
        "pixels 0..15, nearly black, mode L (16 images looked at); 9 patients: `person` does not match 1 image, each "
        "counts as a patient of its own"
    )
    assert all_found.endswith("9 patients by `person`")


def test_drawn_images_have_patients_and_no_pixels_yet():
    drawn = summary(
        pattern=None, pixel_range=None, patients=1, parts=(PartSummary(part="evaluation", images=3, by_class={}),)
    )

    assert list(dataset.lines(drawn)) == ["evaluates 3 images; 1 patient"]
    unscored = list(dataset.lines(drawn, limit=2, is_scored=False))
    assert unscored == ["3 images for latency alone, without accuracy; 1 patient"]


def test_many_classes_are_listed_in_part():
    many = PartSummary(part="evaluation", images=9, by_class={f"c{number}": 1 for number in range(9)})

    assert "(c0 1, c1 1, c2 1, c3 1, c4 1, c5 1, …)" in next(dataset.lines(summary(parts=(many,))))


def test_a_subset_is_named_beside_what_there_is():
    every, some, more = (next(dataset.lines(summary(), limit=limit)) for limit in (None, 30, 80))

    assert some == every.replace("PNEUMONIA 40)", "PNEUMONIA 40), scores at most 30 of them")
    assert more == every
