"""A project as the pages take it for granted: stored runs, an inventory, a few images, model files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from orchestrator.analysis.auc import auc_per_class, mean_auc
from orchestrator.config.inventory import Inventory
from orchestrator.datasets.chestxray14 import FINDINGS
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.case import Case
from orchestrator.domain.device import LOCAL
from orchestrator.domain.image_list import ImageList
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.domain.result import CaseResult, Verdict
from orchestrator.store.store import Store
from orchestrator.testing import make_artifact, make_case, make_measurement, make_profile, make_scores, make_suite
from tests.lab import toys
from tests.lab.example_files import chestxray14, keras_file

ROOT = Path(__file__).parents[2]
#: Devices of the inventory: nothing listens at their addresses.
INVENTORY = """devices:
  local: {transport: local}
  pi5: {address: 127.0.0.1, port: 9, user: pi, tags: [pi, ward-3]}
  pi5-a: {address: 127.0.0.1, port: 9, user: pi, tags: [pi]}
  laptop: {address: 127.0.0.1, port: 9, user: ann}
  phone: {address: 127.0.0.1, port: 9, user: ann}
  rtx: {address: 127.0.0.1, port: 9, user: ann, tags: [gpu]}
"""
FACTS: Mapping[str, Mapping[str, object]] = {
    "local": {"cores": 4, "cpu_model": "Intel(R) Core(TM) i5-8250U", "machine": "x86_64", "memory_bytes": 8 << 30},
    "laptop": {"cores": 8, "cpu_model": "AMD Ryzen 7 5800U", "machine": "x86_64", "memory_bytes": 16 << 30},
    "pi5": {"cores": 4, "cpu_model": "Cortex-A76", "machine": "aarch64", "memory_bytes": 8 << 30},
}
RELEASES = {"release-1": "20261023-080000-abcd", "release-2": "20261123-112514-c40d"}
LATEST = "20261127-110759-fee1"
#: Sizes of the files in bytes, by scheme.
SIZES = {"float32": 2_840_000, "dynamic": 830_000, "float16": 1_430_000, "int8": 860_000, "as-is": 2_840_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a run found of each case: p50 in ms, noise of its scores."""

    run: str
    at: datetime
    dataset: str
    classes: tuple[str, ...]
    positives: np.ndarray
    milliseconds: Mapping[Case, float]
    attempts: int = 7
    effort: str = "standard"
    suite: object = None


def fleet(model: str, **by_device: Mapping[str, float]) -> dict[Case, float]:
    """Return cases of a model with their p50 in ms, by device and scheme."""
    return {
        make_case(device=device, model=model, scheme=scheme): p50
        for device, schemes in by_device.items()
        for scheme, p50 in schemes.items()
    }


def record(store: Store, blobs: Path, measured: Measured) -> None:
    """Store a run with everything that the commands ask for."""
    run, at = measured.run, measured.at
    labels = measured.positives.astype(np.uint8)
    images = ImageList.of(
        dataset=measured.dataset,
        task="multi-label" if len(measured.classes) > 1 else "binary",
        classes=measured.classes,
        names=[f"{number}.png" for number in range(len(labels))],
        patients=[str(number // 2) for number in range(len(labels))],
        labels=labels,
    )
    blobs.mkdir(parents=True, exist_ok=True)
    with (blobs / ("c" * 64)).open("wb") as file:
        np.save(file, labels)
    suite = measured.suite or make_suite(effort=measured.effort)
    events: list[happened.Event] = [
        run_event.RunStarted(
            run=run,
            at=at,
            suite=suite.to_json(),  # type: ignore[attr-defined]
            seed=0,
            effort=measured.effort,
            dataset=measured.dataset,
            synthetic=measured.dataset == "phantom",
            farm_version="0.1.0",
        ),
        run_event.ImagesListed(run=run, image_list=images),
    ]
    for device in dict.fromkeys(case.device for case in measured.milliseconds):
        facts = FACTS.get(device, FACTS["pi5"]) | {"hardware_key": device, "governor": "performance"}
        events.append(happened.DeviceProbed(run=run, device=device, at=at, entry=LOCAL, facts=facts))
    random = np.random.default_rng(5)
    for case, p50 in measured.milliseconds.items():
        events += list(_of_case(measured, case, p50 * 1e6, images, random))
    store.record(*events, run_event.RunEnded(run=run, at=at + timedelta(minutes=9), exit_status=0))


def _of_case(measured, case, p50_ns, images, random):
    labels = images.labels()
    common = {"run": measured.run, "device": case.device, "at": measured.at}
    name = f"{measured.run}-{case}"
    sha256 = f"{abs(zlib(case.model + case.scheme)):x}".rjust(64, "a")
    size = SIZES.get(case.scheme, 900_000)
    artifact = make_artifact(sha256=sha256, model=case.model, scheme=case.scheme, batch=case.batch, size_bytes=size)
    yield run_event.ArtifactReady(run=measured.run, artifact=artifact, reused=False, seconds=1)
    medians = p50_ns * random.normal(1, 0.006, measured.attempts)
    for number, median in enumerate(medians, 1):
        at = measured.at + timedelta(seconds=40 * number)
        latency = (median * random.lognormal(0, 0.02, 200)).astype(int)
        readings = tuple(
            {
                "at_ns": place * 10**9,
                "mono_ns": place * 10**9,
                "temperature_c": 45.0 + number + place / 9,
                "cpu_busy_ns": place * 10**9,
                "cpu_own_ns": place * 10**9,
                "governor": "performance",
            }
            for place in range(4)
        )
        done = make_measurement(
            latency.tolist(),
            attempt=f"{zlib(name):x}-{number}",
            number=number,
            case=case,
            artifact=sha256,
            started_at=at,
            ended_at=at + timedelta(seconds=9),
            import_ns=40_000_000,
            readings=readings,
        )
        yield happened.AttemptEnded(**common, measurement=done)
    noise = np.random.default_rng(8).normal(0, 0.5, labels.shape)
    if case.scheme == "int8":
        noise += np.random.default_rng(9).normal(0, 0.05, labels.shape)
    scores = 1 / (1 + np.exp(-(labels * 2.0 - 1 + noise * 2)))
    auc = auc_per_class(labels, scores)
    yield happened.Scored(
        **common,
        scores=make_scores(
            scoring=f"{zlib(f'{name}-scored'):x}",
            model=case.model,
            scheme=case.scheme,
            device=case.device,
            runtime=case.runtime,
            artifact=sha256,
            scores=scores.astype("<f4").tobytes(),
            shape=labels.shape,
            classes=images.classes,
            image_list=images.sha256,
            auc=auc,
            device_auc=auc,
        ),
    )
    yield happened.Profiled(
        run=measured.run,
        device=case.device,
        profile=make_profile(profile=f"{zlib(name):x}", case=case, artifact=sha256),
    )
    result = CaseResult(
        run=measured.run,
        case=case,
        artifact=sha256,
        size_bytes=None,
        attempts=measured.attempts,
        samples=200 * measured.attempts,
        p50_ns=float(np.median(medians)),
        p50_low_ns=float(medians.min()),
        p50_high_ns=float(medians.max()),
        p90_ns=float(np.median(medians)) * 1.04,
        p90_low_ns=float(medians.min()) * 1.04,
        p90_high_ns=float(medians.max()) * 1.04,
        auc_mean=mean_auc(auc),
        verdict=Verdict.VALID,
        reasons=(),
    )
    yield happened.CaseJudged(**common, result=result)


def zlib(text: str) -> int:
    """Return a number for a text, the same in every process."""
    from zlib import crc32

    return crc32(text.encode())


def _many(count: int, classes: int) -> np.ndarray:
    return np.random.default_rng(5).random((count, classes)) < 0.3


def ward(folder: Path) -> None:
    """Make the project that all pages but the tutorial take for granted."""
    _common(folder)
    schemes = {"float32": 42.0, "float16": 42.4, "dynamic": 30.0, "int8": 17.0}
    laptop = {name: p50 / 5 for name, p50 in schemes.items()}
    tiny = fleet("tiny-cxr", local=laptop, pi5=schemes) | fleet("small-cxr", local=laptop)
    local = make_case()
    more = {
        make_case(runtime="litert==1.4.0"): 9.0,
        make_case(runtime="litert==2.3.0"): 8.0,
        make_case(runtime="litert-gpu"): 1.0,
        make_case(scheme="float16", runtime="litert-gpu"): 0.9,
        make_case(scheme="int8-io"): 3.9,
        make_case(scheme="onnx-int8", runtime="onnxruntime"): 4.0,
        make_case(model="densenet121"): 90.0,
        make_case(model="densenet121", scheme="int8"): 40.0,
        make_case(model="densenet121", scheme="int8-io"): 40.0,
        make_case(model="densenet121", runtime="tflite==2.14.0"): 95.0,
        make_case(model="densenet121", scheme="int8-io", runtime="tflite==2.14.0"): 300.0,
        make_case(model="m"): 10.0,
        make_case(model="m", scheme="int8"): 5.0,
    }
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        for number, run in enumerate((*RELEASES.values(), LATEST)):
            record(
                store,
                folder / ".farm" / "blobs",
                Measured(
                    run=run,
                    at=datetime.strptime(run[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC),
                    dataset="phantom",
                    classes=FINDINGS,
                    positives=_many(80, len(FINDINGS)),
                    milliseconds=tiny | more if number == len(RELEASES) else {local: 8.4},
                ),
            )
        for name, run in RELEASES.items():
            store.name_run(run, name)
        (folder / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
        rtx = Inventory.load(folder / "inventory.yaml").device("rtx")
        store.record_facts(
            rtx,
            {"machine": "x86_64", "gpus": [{"kind": "nvidia", "name": "NVIDIA GeForce RTX 4070"}]},
            datetime.now(UTC),
        )


def tutorial(folder: Path) -> None:
    """Make the project of the tutorial: three devices, a model of the reader's, radiographs of two classes; measured once.

    Its times are made up: no board was measured for them.
    """
    _common(folder)
    (folder / "mobilenet.keras").unlink()
    (folder / "suite.yaml").unlink()
    suite = replace(
        make_suite(effort="standard"),
        models=(ModelSpec(name="mobilenet", kind="keras"),),
        dataset=DatasetSpec(kind="folder"),
        schemes=("float32", "dynamic", "float16", "int8"),
    )
    times = fleet(
        "mobilenet",
        local={"float32": 9.4, "dynamic": 8.1, "float16": 9.4, "int8": 4.1},
        pi5={"float32": 38.0, "dynamic": 24.5, "float16": 38.1, "int8": 15.2},
        laptop={"float32": 7.6, "dynamic": 8.8, "float16": 7.6, "int8": 8.3},
    )
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        record(
            store,
            folder / ".farm" / "blobs",
            Measured(
                run="20261127-091500-a1b2",
                at=datetime(2026, 11, 27, 9, 15, tzinfo=UTC),
                dataset="chest_xray",
                classes=("PNEUMONIA",),
                positives=np.arange(600)[:, None] % 2,
                milliseconds=times,
                suite=suite,
            ),
        )
    (folder / "inventory.yaml").write_text("devices:\n  local: {transport: local}\n", encoding="utf-8")


def _common(folder: Path) -> None:
    (folder / "home").mkdir(parents=True)
    (folder / "wheels").mkdir()
    (folder / "docs").mkdir()
    toys.write(folder / "chest_xray")
    (folder / "xrays").mkdir()
    (folder / "xrays" / "chest_xray").symlink_to(folder / "chest_xray")
    shutil.copytree(ROOT / "examples", folder / "examples")
    for name in ("mine", "float", "int8"):
        shutil.copy(ROOT / "tests" / "data" / "float32.tflite", folder / f"{name}.tflite")
    keras_file(folder / "mobilenet.keras", size=160, channels=3, outputs=1)
    chestxray14(folder / "nih")
    for name in ("densenet121", "mobilenetv2", "mobilenetv3"):  # what prepare.py makes
        keras_file(folder / "examples" / "x86-then-and-now" / f"{name}.keras", size=224, channels=3, outputs=14)
    (folder / "suite.yaml").write_text(
        "models:\n  - {path: mobilenet.keras, preprocess: {size: 160, channels: 3}}\n"
        "dataset: {kind: folder, root: chest_xray}\n",
        encoding="utf-8",
    )
