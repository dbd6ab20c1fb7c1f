"""Image sets are decoded once, a shard at a time, whatever their size."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import numpy as np
import pytest

from agent import shards
from orchestrator.datasets.blocks import open_part, regrouped
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.models import image_sets
from orchestrator.models.artifacts import Artifacts

MODEL = ModelSpec(name="m", kind="tiny-cxr")
DATASET = DatasetSpec(kind="phantom", options={"patients": 50})
IMAGE_BYTES = 64 * 64


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(image_sets, "SHARD_BYTES", 40 * IMAGE_BYTES)


@pytest.mark.usefixtures("small_shards")
def test_an_image_set_is_cut_in_shards_and_known_by_all_its_pixels(tmp_path):
    artifacts = Artifacts(tmp_path)
    whole = Phantom(patients=50).load("evaluation", height=64, width=64)
    npy = io.BytesIO()
    np.save(npy, whole.pixels, allow_pickle=False)

    images = artifacts.image_set(MODEL, DATASET)

    assert [shard.images for shard in images.shards] == [40, 40, 40, 30]
    unpacked = [shards.unpack(str(artifacts.path(shard.sha256))) for shard in images.shards]
    np.testing.assert_array_equal(np.concatenate(unpacked), whole.pixels)
    assert images.pixels_sha256 == hashlib.sha256(npy.getvalue()).hexdigest(), "as results of older farms know it"
    assert [shard.size_bytes for shard in images.shards] == [
        artifacts.path(shard.sha256).stat().st_size for shard in images.shards
    ]


@pytest.mark.usefixtures("small_shards")
def test_a_damaged_shard_is_packed_again_from_the_pixels_and_decoded_again_without_them(tmp_path, monkeypatch):
    artifacts = Artifacts(tmp_path)
    images = artifacts.image_set(MODEL, DATASET)
    path = artifacts.path(images.shards[2].sha256)
    kept = path.read_bytes()
    path.write_bytes(b"damaged")
    with monkeypatch.context() as patched:
        patched.setattr(Phantom, "blocks", None)
        assert artifacts.image_set(MODEL, DATASET) == images
    assert path.read_bytes() == kept

    path.write_bytes(b"damaged")
    artifacts.path(images.pixels_sha256).write_bytes(b"damaged, too")

    assert artifacts.image_set(MODEL, DATASET) == images
    assert path.read_bytes() == kept


def test_a_shard_holds_whole_batches():
    assert image_sets.shard_images(224 * 224) == 640
    assert image_sets.shard_images(4096 * 4096 * 3) == 1


def test_a_plug_in_that_only_loads_is_cut_in_blocks():
    class OnlyLoads:
        def load(self, part, *, height, width):
            return Phantom(patients=5).load(part, height=height, width=width)

    of = {"height": 8, "width": 8}
    loaded, in_blocks = open_part(OnlyLoads(), "evaluation", **of), open_part(Phantom(patients=5), "evaluation", **of)

    assert (loaded.patients, loaded.names) == (in_blocks.patients, in_blocks.names)
    np.testing.assert_array_equal(loaded.labels, in_blocks.labels)
    blocks = list(loaded.blocks([0, 3, 4, 14], 3))
    assert [len(block) for block in blocks] == [3, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), np.concatenate(list(in_blocks.blocks([0, 3, 4, 14], 3))))


def test_a_subset_decodes_no_other_image():
    part = open_part(Phantom(patients=310), "evaluation", height=8, width=8)
    rows = [0, 5, 899, 900, 901, 920]

    pixels = np.concatenate(list(part.blocks(rows, 2)))

    np.testing.assert_array_equal(pixels, Phantom(patients=310).load("evaluation", height=8, width=8).pixels[rows])


def test_blocks_are_of_the_size_that_is_asked_for():
    pieces = [np.full((count, 1, 1, 1), count, np.uint8) for count in (0, 5, 1, 7, 2)]

    assert [len(block) for block in regrouped(pieces, 4)] == [4, 4, 4, 3]
    assert [len(block) for block in regrouped(pieces, 20)] == [15]
    assert list(regrouped([], 4)) == []


#: An image set of so many images of 64 kB, made by a process that prints the most memory it took.
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from orchestrator.datasets.blocks import Listing
from orchestrator.domain.model import Preprocess
from orchestrator.models import image_sets
from orchestrator.models.blob_folder import BlobFolder, Recipes
from orchestrator.models.class_match import ClassMatch

count, folder = int(sys.argv[1]), Path(sys.argv[2])

class Many:
    name, classes, task, synthetic = "many", ("x",), "binary", True
    def fingerprint(self):
        return "many"
    def load(self, *_, **__):
        raise AssertionError("all at once")
    def listing(self, part):
        labels = np.arange(count, dtype=np.uint8)[:, None] % 2
        return Listing(labels=labels, patients=tuple(map(str, range(count))))
    def blocks(self, part, rows, *, height, width, images):
        for start in range(0, len(rows), images):
            yield np.zeros((len(rows[start : start + images]), height, width, 1), np.uint8)

image_sets.SHARD_BYTES = 4 << 20
sets = image_sets.ImageSets(BlobFolder(folder / "blobs"), Recipes(folder / "recipes"))
how, match = Preprocess(height=256, width=256, channels=1), ClassMatch(scored=(0,), columns=None)
for _ in range(2):
    images = sets.get(Many(), how, match, limit=None, seed=0)
assert sum(shard.images for shard in images.shards) == count
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_four_times_the_images_take_no_more_memory(tmp_path):
    peaks = []
    for count in (640, 2560):
        argv = [sys.executable, "-c", PROGRAM, str(count), str(tmp_path / str(count))]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout) << 10)

    assert peaks[1] - peaks[0] < 8 << 20, "1,920 images more of 64 kB are 120 MB"
