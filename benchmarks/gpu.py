#!/usr/bin/env python3
"""What docs/gpu.md lacks from real hardware: a bundle to carry to a machine with a GPU, and the tables of what comes back.

    .venv/bin/python benchmarks/gpu.py --pack gpu.pyz [--python 3.12]    # here: builds artifacts, fetches wheels and a Vulkan loader
    python3 gpu.pyz                                                      # there: a GPU and bare Python, no network, at most 8 minutes
    .venv/bin/python benchmarks/gpu.py --table gpu-answers.json          # here again: Markdown for docs/gpu.md

DenseNet121 and MobileNetV2 of random weights at 224 pixels, float32 and with float16 weights, in `litert-gpu` against `litert` on that
machine's CPU, by farm's own worker: how long a start takes and of what it consists, an invocation, its copies, a launch of nothing, and
after how many images the GPU has paid for its start. A GPU that is played by a CPU is called so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from agent import shards, wire
from agent.packing import unpack_bytes
from benchmarks.gpu_there import CASES_SCHEMES, Case, answers_by_case
from orchestrator.analysis.anatomy import anatomy
from orchestrator.analysis.breakeven import BreakEven, break_even, cost
from orchestrator.domain.case import Case as FarmCase
from orchestrator.domain.result import Measurement
from orchestrator.domain.samples import Samples
from orchestrator.domain.units import format_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ROOT = Path(__file__).resolve().parents[1]
APPLICATIONS = {"densenet121": "DenseNet121", "mobilenetv2": "MobileNetV2"}
SIDE = 224
#: What bare Python lacks: LiteRT with what it imports.
NEEDED = ("ai-edge-litert",)


def artifacts(folder: Path) -> None:
    """Write ``MODEL-SCHEME.tflite`` of every model and scheme into ``folder``; TensorFlow is needed, and a minute."""
    from benchmarks import networks  # noqa: PLC0415  heavy

    for name, application in APPLICATIONS.items():
        model = networks.application(application, SIDE)
        for scheme in CASES_SCHEMES:
            content = networks.converted(model, float16=scheme == "float16")
            (folder / f"{name}-{scheme}.tflite").write_bytes(content)


def images(folder: Path, side: int = SIDE, channels: int = 3) -> None:
    """Write one image to time with, four whose scores are compared, and how pixels become input."""
    pixels = np.random.default_rng(4).integers(0, 256, (4, side, side, 1), np.uint8)
    (folder / "shard").write_bytes(shards.pack(pixels[:1]))
    np.save(folder / "golden.npy", pixels)
    how = wire.Preprocess(height=side, width=side, channels=channels, scale=1 / 255, mean=(0.0,), std=(1.0,))
    (folder / "preprocess.json").write_bytes(wire.to_json(how))


def wheels(folder: Path, python: str) -> None:
    """Fetch LiteRT and what it requires for that Python on x86-64 Linux."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    chosen = ["--python-version", python, "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux_2_27_x86_64"]
    here = ["--platform", "manylinux2014_x86_64", "--constraint", str(ROOT / "constraints.txt"), "--dest", str(folder)]
    subprocess.run([*command, *chosen, *here, *NEEDED], check=True)


def loader(folder: Path) -> None:
    """Fetch Debian's Vulkan loader, one library."""
    with tempfile.TemporaryDirectory() as fetched:
        subprocess.run(["apt-get", "download", "-qq", "libvulkan1"], check=True, cwd=fetched)
        (package,) = Path(fetched).glob("libvulkan1_*.deb")
        subprocess.run(["dpkg-deb", "-x", package.name, "tree"], check=True, cwd=fetched)
        library = next((Path(fetched) / "tree").rglob("libvulkan.so.1")).resolve()
        shutil.copy(library, folder / "libvulkan.so.1")


def pack(bundle: Path, carried: Path) -> None:
    """Write the bundle: the agent, what runs there, and ``carried`` (folders artifacts, wheels, lib)."""
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("__main__.py", "from benchmarks.gpu_there import main\n\nmain()\n")
        archive.writestr("benchmarks/__init__.py", "")
        archive.write(ROOT / "benchmarks/gpu_there.py", "benchmarks/gpu_there.py")
        for path in sorted((ROOT / "agent").rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(ROOT))
        for path in sorted(carried.rglob("*")):
            if path.is_file():
                archive.write(path, Path("carried") / path.relative_to(carried))


def measurement(case: Case, number: int, answer: dict[str, Any]) -> Measurement:
    """Return an attempt as farm keeps it."""
    now = datetime.now(UTC)
    runtime, threads = case.runtime, case.threads
    named = FarmCase(device="there", model=case.model, scheme=case.scheme, runtime=runtime, threads=threads, batch=1)
    known = {
        "attempt": hashlib.sha256(f"{case}{number}".encode()).hexdigest(),
        "case": named,
        "number": number,
        "artifact": "",
        "started_at": now,
        "ended_at": now,
        "wall_ns": answer["wall_ns"],
    }
    if "error" in answer:
        return Measurement(**known, error=answer["error"])
    fields = ("import_ns", "context_ns", "load_ns", "first_ns", "invocations_per_sample", "feed_ns", "read_ns")
    return Measurement(
        **known,
        **{field: answer[field] for field in fields},
        latency_ns=Samples(unpack_bytes(answer["latency_ns"])),
        effective=answer["effective"],
        versions=answer["versions"],
    )


def tables(found: dict[str, Any]) -> Iterable[str]:
    """Yield lines of Markdown: the machine, a start taken apart, break-even, the launch against what float16 gains."""
    attempts = {
        case: [measurement(case, number, answer) for number, answer in enumerate(answers)]
        for case, answers in answers_by_case(found).items()
    }
    machine = found["machine"]
    yield f"{found['date']}, {machine['gpu']}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
    yield from (f"**{note}**" for note in found["notes"])
    yield ""
    yield "| case | attempts | import | context | graph | first | steady | feed | read | launch | from `litert` |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for case, mine in attempts.items():
        yield _anatomy_row(case, mine, found["differences"].get(str(case)))
    yield ""
    yield "| after how many images the GPU is ahead | of | images (95 %) | its image | the CPU's image |"
    yield "|---|---|---:|---:|---:|"
    for case, mine in attempts.items():
        if case.runtime == "litert-gpu":
            yield from _break_even_rows(case, mine, attempts)
    yield ""
    yield from _launch_answers(attempts)
    failed = {attempt.error for mine in attempts.values() for attempt in mine if attempt.error}
    yield from (f"Failed: {error}" for error in sorted(failed))


def _anatomy_row(case: Case, attempts: Sequence[Measurement], difference: float | None) -> str:
    parts = anatomy(attempts)
    good = sum(attempt.error is None for attempt in attempts)
    cells = (parts.import_ns, parts.context_ns, parts.graph_ns, parts.first_ns, parts.steady_ns, parts.feed_ns)
    read = _time(parts.read_ns)
    words = [*map(_time, cells), f"({read})" if parts.reads_in_invoke else read, _time(parts.launch_ns)]
    return f"| `{case}` | {good} | {' | '.join(words)} | {'-' if difference is None else f'{difference:.1e}'} |"


def _break_even_rows(case: Case, mine: Sequence[Measurement], attempts: dict[Case, list[Measurement]]) -> Iterable[str]:
    for other, theirs in attempts.items():
        if (other.model, other.scheme) == (case.model, case.scheme) and other.runtime == "litert":
            ours = [each for attempt in mine if (each := cost(attempt))]
            costs = [each for attempt in theirs if (each := cost(attempt))]
            if ours and costs:
                found = break_even(ours, costs)
                images = f"{_images(found)} | {_time(found.ours.per_image_ns)} | {_time(found.theirs.per_image_ns)}"
                yield f"| {case.model} {case.scheme} | {other.threads} thread{'s' * (other.threads > 1)} | {images} |"


def _images(found: BreakEven) -> str:
    word = _count(found.images)
    return f"{word} ({_count(found.interval.low)}–{_count(found.interval.high)})" if found.interval else word


def _count(images: float) -> str:
    return "∞" if images == float("inf") else f"{images:,.0f}"


def _launch_answers(attempts: dict[Case, list[Measurement]]) -> Iterable[str]:
    """Answer the study's question for each model: whether the cost of a launch outweighs what smaller weights gain."""
    for name in APPLICATIONS:
        full, half = (anatomy(attempts.get(Case(name, scheme, "litert-gpu", 1), ())) for scheme in CASES_SCHEMES)
        if not (full.launch_ns and full.steady_ns and half.steady_ns):
            continue
        gain = full.steady_ns - half.steady_ns
        word = "more than" if full.launch_ns > gain else "less than"
        yield (
            f"{name}: a launch of nothing takes {_time(full.launch_ns)}, {full.launch_ns / full.steady_ns:.0%} of an image in "
            f"float32, and {word} what float16 weights gain ({_time(abs(gain))} {'faster' if gain > 0 else 'slower'})."
        )


def _time(ns: float | None) -> str:
    return "-" if ns is None else format_ns(ns)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    act = options.add_mutually_exclusive_group(required=True)
    act.add_argument("--pack", type=Path, metavar="FILE", help="write the bundle")
    act.add_argument("--table", type=Path, metavar="FILE", help="print what came back as Markdown")
    options.add_argument("--python", default=f"3.{sys.version_info[1]}", help="that machine's Python, as 3.12")
    chosen = options.parse_args()
    if chosen.table:
        print("\n".join(tables(json.loads(chosen.table.read_bytes()))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        carried = Path(temporary)
        for name, fill in (("artifacts", artifacts), ("images", images), ("lib", loader)):
            (carried / name).mkdir()
            fill(carried / name)
        wheels(carried / "wheels", chosen.python)
        pack(chosen.pack, carried)
    print(f"{chosen.pack}: {chosen.pack.stat().st_size / 1e6:.0f} MB; there: python3 {chosen.pack.name}")


if __name__ == "__main__":
    main()
