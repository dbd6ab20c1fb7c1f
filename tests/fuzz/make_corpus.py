"""The small files that fuzzing begins with: ``python -m tests.fuzz.make_corpus`` writes those that are made."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from agent import packing, wire
from agent.bootstrap import answer
from tests.fuzz.lane import lane, request
from tests.fuzz.targets import CORPUS
from tests.lab.lanes import honest

DATA = Path(__file__).parents[1] / "data"
PIXELS = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)


def main() -> None:
    """Write what is made; past crashes, whose names begin with ``crash-``, stay."""
    for name, content in {**_device(), **_texts(), **_models(), **_images(), **_zips()}.items():
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _device() -> dict[str, bytes]:
    steps, _ = lane()
    written = [json.dumps({"record": type(each).__name__, **asdict(each)}).encode() for each in honest(steps)]
    kinds = {json.loads(line)["record"]: line for line in written}
    shard = wire.ShardScored(id="s", at_ns=2, shard=0, scores=packing.pack_bytes(bytes(8)), shape=(2, 1))
    facts = {"cores": 4, "clock_ns": 5, "cpu_model": "x", "runtimes": {"litert": {"works": True, "version": "2"}}}
    located = {
        "workdir": "/w",
        "agent": "/w/agents/x.zip",
        "runs": "/w/agents/x.zip",
        "present": True,
    }
    missing = {"missing": {"a" * 64: 0}, "damaged": [], "used_bytes": 1, "free_bytes": 2}
    return {
        **{f"journal/{name}": line + b"\n" for name, line in kinds.items()},
        "journal/whole": b"\n".join(written) + b"\n",
        "device-journal/shard": json.dumps({"record": "ShardScored", **asdict(shard)}).encode() + b"\n",
        "device-journal/whole": b"\n".join(written[2:4]) + b"\n",
        "wire/journal": b"".join(wire.encode_line(each) for each in (*list(honest(steps))[2:4], shard)),
        "wire/request": wire.to_json(request()),
        **_origins(),
        "dialogue/answer": b"Welcome!\n" + answer(0, json.dumps(missing).encode()),
        "dialogue/refusal": answer(3, b'{"error": "busy", "message": "x"}\n', b"words\n"),
        "answer/facts": b"Welcome!\n" + json.dumps(facts).encode(),
        "answer/located": json.dumps(located).encode(),
        "answer/missing": json.dumps(missing).encode(),
        "answer/refusal": b'{"error": "busy", "message": "the device is busy", "holder": "joe"}\n',
    }


def _origins() -> dict[str, bytes]:
    """Return what a device keeps of a run for other controllers, unpacked."""
    from tests.unit.test_origin import plain_of, text_of

    whole = plain_of(text_of(facts={"cores": 4, "hardware_key": "ab"}))
    (case,) = whole["cases"]
    kept = {
        "whole": whole,
        "options": whole | {"accuracy": "64", "attempts": 3, "compare": True, "profile": True, "tune": True},
        "threads": whole | {"cases": [case | {"threads": 10**12}]},
        "facts": whole | {"facts": {"cores": 10**400, "\0": ["\0"]}},
    }
    return {f"origin/{name}": json.dumps(each).encode() for name, each in kept.items()}


def _texts() -> dict[str, bytes]:
    hosts = {"ward": {"hosts": ["pi1", "pi2"], "vars": {"ansible_user": "pi"}}}
    listed = hosts | {"_meta": {"hostvars": {"pi1": {"ansible_host": "10.0.0.1", "ansible_port": 2222}}}}
    return {
        "inventory/two": (
            b"devices:\n  pi5: {address: pi5.lan, user: pi, port: 22, tags: [arm]}\n"
            b"  nuc:\n    address: 10.0.0.7\n    via: pi5\n    limits: {disk: 2GB, memory: 500MB}\n"
            b"groups:\n  ward: {devices: ['p*'], children: [], runtimes: [litert]}\n"
        ),
        "inventory/anchors": (
            b"%YAML 1.1\n---\ndevices:\n  a: &a {address: x, port: 2222, tags: &t [lab]}\n"
            b"  b: {<<: *a, address: q}\n  c: {address: z, tags: *t}\n"
        ),
        "suite/full": (
            b"models:\n  - path: m.keras\n    preprocess: {size: 160, channels: 3, scale: 0.5, mean: [1, 1, 1], std: 1}\n"
            b"dataset: {kind: folder, root: x}\nschemes: [float32, {kind: int8, name: mixed, float_layers: [first]}]\n"
            b"threads: [1, 2]\nthroughput: {interpreters: 2}\neffort: quick\nseed: 7\n"
        ),
        "suite/small": b"models: tiny-cxr\ndataset: phantom\nschemes: [int8]\n",
        "claims/study": (
            b"claims:\n  - claim: smaller\n    scheme: [dynamic, int8]\n    size_ratio: {at_least: 2, at_most: 4}\n"
            b"  - claim: faster\n    devices: arch:x86_64\n    against: {runtime: litert}\n    speedup: {at_least: 1.5}\n"
        ),
        "ansible/ini": (
            b"gate ansible_host=10.0.0.1 ansible_port=22\n[ward]\npi[01:03] ansible_user=pi\n[ward:vars]\n"
            b"ansible_ssh_common_args='-o ProxyJump=gate'\n[all:children]\nward\n"
        ),
        "ansible/yaml": (
            b"all:\n  children:\n    ward:\n      hosts:\n        pi1: {ansible_host: 10.0.0.1}\n        pi2:\n"
            b"      vars: {ansible_user: pi, secret: !vault x}\n"
        ),
        "ansible/json": json.dumps(listed).encode(),
        "ssh_config/hosts": (
            b"Host pi5 pi*\n  HostName %h.lan\n  User pi\n  Port 2222\n  IdentityFile ~/.ssh/id_%h\n"
            b'Match host gate.example.org,x user "joe"\n  ProxyCommand nc %h %p\n  ConnectTimeout 1m30s\nHost *\n'
            b"  ProxyJump joe@gate:22\n  UserKnownHostsFile ~/.ssh/known ${HOME}/k\n"
        ),
        "class-names/list.json": b'["Pneumonia", "No Finding"]',
        "class-names/numbers.json": b'{"classes": {"0": "a", "1": "b"}}',
        "class-names/lines": b"0 normal\n1 pneumonia\n",
        "table/words": b"image,label,patient,split,view\na.png,x|y,1,train,PA\nb.png,,2,test,AP\nc.png,x,3,train,PA\n",
        "table/marks": b"\xef\xbb\xbfimage,label\r\na.png,1\r\nb.png,0\r\nc.png,-1\r\n",
    }


def _models() -> dict[str, bytes]:
    import h5py
    import onnx
    from onnx import helper, numpy_helper

    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.ones((2, 2), np.float32)
    layers = [
        {"class_name": "InputLayer", "config": {"name": "image", "batch_shape": [None, 8, 8, 1]}},
        {"class_name": "Rescaling", "config": {"name": "r", "scale": 0.5, "offset": 0.0}},
        {"class_name": "Dense", "config": {"name": "scores", "units": 2}},
    ]
    config = {
        "class_name": "Functional",
        "config": {"layers": layers, "input_layers": ["image", 0, 0], "output_layers": ["scores", 0, 0]},
    }
    keras = {
        "metadata.json": b'{"keras_version": "3.3.3"}',
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": weights.getvalue(),
    }
    whole = io.BytesIO()
    with h5py.File(whole, "w") as file:
        file.attrs["keras_version"], file.attrs["model_config"] = "2.15.0", json.dumps(config)
        file["model_weights/dense/kernel"] = np.ones((2, 2), np.float32)
    kernel = numpy_helper.from_array(np.ones((2, 1, 3, 3), np.float32), "k")
    shapes = [helper.make_tensor_value_info(*each) for each in (("x", 1, [1, 1, 8, 8]), ("y", 1, [1, 2, 6, 6]))]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "k"], ["y"])], "g", shapes[:1], shapes[1:], [kernel])
    return {
        "keras/small": zipped(keras),
        "keras-config/functional": keras["config.json"],
        "keras-config/metadata": keras["metadata.json"],
        "h5/small": whole.getvalue(),
        "onnx/small": onnx.ModelProto.SerializeToString(helper.make_model(graph)),
        "tflite/probe": (DATA.parents[1] / "agent/runtimes/probe.tflite").read_bytes(),
        "onnx/probe": (DATA.parents[1] / "agent/runtimes/probe.onnx").read_bytes(),
        "tflite/batch-of-four": (DATA / "batch-of-four.tflite").read_bytes(),
    }


def _images() -> dict[str, bytes]:
    from PIL import Image

    saved = {}
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"):
        out = io.BytesIO()
        Image.fromarray(PIXELS).save(out, kind)
        saved[f"image/{kind.lower()}"] = out.getvalue()
    out = io.BytesIO()
    Image.fromarray(PIXELS.astype(np.uint16) * 16).save(out, "PNG")
    return saved | {"image/png-16": out.getvalue(), "dicom/grey": _dicom(), "dicom/window": _dicom(window=True)}


def _dicom(*, window: bool = False) -> bytes:
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

    image = pydicom.Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = SecondaryCaptureImageStorage
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "1.2.3"
    image.PatientID, image.Rows, image.Columns = "joe", *PIXELS.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME1" if window else "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    if window:
        image.WindowCenter, image.WindowWidth, image.RescaleSlope, image.RescaleIntercept = 100, 50, 2, -10
    image.PixelData = PIXELS.astype("<u2").tobytes()
    out = io.BytesIO()
    image.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _zips() -> dict[str, bytes]:
    npz = io.BytesIO()
    parts = {}
    for split in ("train", "val", "test"):
        parts |= {f"{split}_images": np.ones((4, 8, 8), np.uint8), f"{split}_labels": np.array([[0], [1], [0], [1]])}
    np.savez_compressed(npz, **parts)
    wheel = {
        "toy/__init__.py": b"x = 1\n",
        "toy-1.data/purelib/more.py": b"",
        "toy-1.dist-info/METADATA": b"Name: toy\n",
    }
    with zipfile.ZipFile(DATA / "run-1.farm.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    first = {name: content for name, content in members.items() if name.endswith(".jsonl") and content}
    records = {
        f"archive-records/{name}": name.encode() + b"\n" + b"\n".join(content.splitlines()[:2]) + b"\n"
        for name, content in first.items()
    }
    return records | {"npz/toy": npz.getvalue(), "wheel/toy": zipped(wheel), "archive/few": zipped(members)}


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive of ``members``."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def archive_with(member: str, content: bytes) -> bytes:
    """Return the archive of a run in which one member is ``content``, its hash in the manifest right."""
    with zipfile.ZipFile(DATA / "run-1.farm.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["manifest.json"])
    members[member] = content
    manifest["members"][member] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    members["manifest.json"] = json.dumps(manifest).encode()
    return zipped(members)


if __name__ == "__main__":
    main()
