from __future__ import annotations

import base64
import json
import zlib
from dataclasses import asdict

import pytest

from agent.lanes import ORIGIN_CHARACTERS
from orchestrator.devices.remote import gate, origin
from orchestrator.domain.artifact import Artifact, ImageSet, Shard
from orchestrator.domain.case import Case
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.domain.suite import Suite
from orchestrator.errors import AnswerRefused

SHA256 = "a" * 64
KEY = ("m", "float32", 1)
CASE = Case(device="pi", model="m", scheme="float32", runtime="null", threads=1, batch=1)
ARTIFACT = Artifact(
    sha256=SHA256, size_bytes=3, model="m", scheme="float32", batch=1,
    preprocess=Preprocess(height=8, width=8, channels=3), recipe={"a": 1}, checks={"b": [1]},
)  # fmt: skip
IMAGES = ImageSet(
    dataset="x", pixels_sha256=SHA256, labels_sha256=SHA256, image_list=SHA256, images=2, classes=("a", "b"),
    synthetic=False, shards=(Shard(sha256=SHA256, images=2, size_bytes=1),),
)  # fmt: skip
SUITE = Suite(
    models=(ModelSpec(name="m", kind="keras", options={"path": "/home/ada/secret.keras"}),),
    dataset=DatasetSpec(kind="folder", options={"name": "x", "path": "/home/ada/patients"}),
)


def text_of(suite=SUITE, facts=None):
    return origin.to_text("run-1", suite, "1.0", facts or {}, [CASE], {KEY: ARTIFACT}, {"m": IMAGES})


def plain_of(text):
    return json.loads(zlib.decompress(base64.b64decode(text)))


def packed(plain):
    return base64.b64encode(zlib.compress(json.dumps(plain).encode())).decode()


def test_what_a_device_keeps_comes_back_without_paths_of_the_controller():
    text = text_of()

    kept = origin.read(text, "run-1", "pi")

    assert (kept.cases, kept.artifacts_by_key, kept.images_by_model) == ((CASE,), {KEY: ARTIFACT}, {"m": IMAGES})
    assert b"/home/ada" not in json.dumps(plain_of(text)).encode()
    assert kept.suite.dataset == DatasetSpec(kind="folder", options={"name": "x"})


def test_more_than_the_agent_takes_is_not_kept():
    names = {f"fact-{number}": str(hash(number)) * 200 for number in range(4_000)}

    assert text_of(facts=names) == ""
    assert gate.ORIGIN_CHARACTERS == ORIGIN_CHARACTERS


@pytest.mark.parametrize(
    "change",
    [
        {"run": "run-2"},
        {"seed": "0"},
        {"attempts": 10**9},
        {"path": "/etc/passwd"},
        {"cases": []},
        {"cases": [asdict(CASE) | {"model": "../m"}]},
        {"cases": [asdict(CASE) | {"model": "other"}]},
        {"artifacts": []},
        {"models": [{"name": "m\n", "kind": "keras", "untrained": False}]},
        {"images": []},
        {"images": [plain_of(text_of())["images"][0] | {"shards": [{"sha256": "../x", "images": 2, "size_bytes": 1}]}]},
    ],
)
def test_what_contradicts_itself_or_is_no_value_of_ours_is_refused(change):
    plain = plain_of(text_of())

    with pytest.raises(AnswerRefused):
        origin.read(packed(plain | change), "run-1", "pi")


def test_a_bomb_is_refused():
    with pytest.raises(AnswerRefused, match="unpacks to more"):
        origin.read(base64.b64encode(zlib.compress(bytes(64 << 20))).decode(), "run-1", "pi")
