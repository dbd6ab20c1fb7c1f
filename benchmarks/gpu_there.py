"""The part of `benchmarks/gpu.py` that runs on the machine with the GPU: the standard library, the agent and what the bundle carries."""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from array import array
from pathlib import Path
from typing import Any, NamedTuple

MINUTES = 8.0
CASES_SCHEMES = ("float32", "float16")
ATTEMPT_S = 1.5
#: A first compilation of a large graph's shaders may take as long.
TIMEOUT_S = 120.0
#: NVIDIA's Vulkan driver is one of these; containers often bring it without the file that names it.
NVIDIA_LIBRARIES = ("libGLX_nvidia.so.0", "libEGL_nvidia.so.0")
DRIVER_FOLDERS = ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d")
#: Where containers and small virtual machines have NVIDIA's driver mounted; the Vulkan loader does not look there.
MOUNTED_DRIVERS = ("/usr/local/nvidia/share/vulkan/icd.d", "/usr/local/nvidia/vulkan/icd.d")


class Case(NamedTuple):
    """What is measured; ``str`` is its name in the answers."""

    model: str
    scheme: str
    runtime: str
    threads: int

    def __str__(self) -> str:
        """Return ``mobilenetv2/float32/litert/t1``."""
        return f"{self.model}/{self.scheme}/{self.runtime}/t{self.threads}"

    @classmethod
    def parse(cls, text: str) -> Case:
        """Undo ``str``."""
        model, scheme, runtime, threads = text.split("/")
        return cls(model, scheme, runtime, int(threads[1:]))


def answers_by_case(found: dict[str, Any]) -> dict[Case, list[dict[str, Any]]]:
    """Return what the workers answered, in order of the cases' names."""
    return {Case.parse(text): found["answers"][text] for text in sorted(found["answers"])}


class Bench:
    """The bundle, unpacked, with an agent's work directory beside it."""

    def __init__(self, folder: Path, env: dict[str, str], seconds: float) -> None:
        from agent import environments, wire
        from agent.workdir import Workdir

        self._env = env
        self._seconds = seconds
        self._carried = folder / "carried"
        self._workdir = Workdir(str(folder / "work")).make()
        wheels = sorted((self._carried / "wheels").glob("*.whl"))
        carried = tuple(wire.Wheel(wheel.name, self.blob(wheel.read_bytes())) for wheel in wheels)
        self._environment = "carried" if carried else None
        if carried:
            environments.ensure(self._workdir, wire.EnvironmentRequest("carried", carried))

    @property
    def models(self) -> list[str]:
        """Names of the models in the bundle."""
        return sorted({path.name.rpartition("-")[0] for path in (self._carried / "artifacts").glob("*.tflite")})

    def blob(self, content: bytes) -> str:
        """Put a blob into the agent's work directory; return its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        Path(self._workdir.blob(sha256)).write_bytes(content)
        return sha256

    def measure(self, case: Case) -> dict[str, Any]:
        """Return what a fresh worker answers, or its last words as ``error``; ``wall_ns`` is the whole process."""
        from agent import spawn, wire

        artifact = (self._carried / "artifacts" / ("{}-{}.tflite".format(*case[:2]))).read_bytes()
        images = self._carried / "images"
        step = wire.Step(
            id="gpu",
            kind="measure",
            label=str(case),
            artifact=self.blob(artifact),
            runtime=case.runtime,
            environment=self._environment,
            threads=case.threads,
            batch=1,
            shards=(wire.Shard(self.blob((images / "shard").read_bytes()), 1),),
            labels="0" * 64,
            golden=self.blob((images / "golden.npy").read_bytes()),
            preprocess=wire.from_json(wire.Preprocess, json.loads((images / "preprocess.json").read_bytes())),
            timeout_s=TIMEOUT_S,
            min_invocations=32,
            min_seconds=self._seconds,
            max_seconds=3 * self._seconds,
            warmup_max_s=10 * self._seconds,
        )
        words = spawn.command("agent.worker", self._workdir.path)
        began = time.perf_counter_ns()
        try:
            done = subprocess.run(
                words, input=wire.to_json(step), capture_output=True, check=False, env=self._env, timeout=TIMEOUT_S + 20
            )
        except subprocess.TimeoutExpired:
            return {"error": f"no answer within {TIMEOUT_S:.0f} s", "wall_ns": time.perf_counter_ns() - began}
        wall_ns = time.perf_counter_ns() - began
        lines = done.stdout.splitlines()
        if done.returncode or not lines:
            return {"error": spawn.last_words(done.stderr, done.returncode), "wall_ns": wall_ns}
        return {**json.loads(lines[-1]), "wall_ns": wall_ns}


def vulkan(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Return (environment of the workers, remarks): the carried loader and a driver file where the machine lacks them."""
    env, remarks = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}, []
    loader = folder / "carried" / "lib"
    if not can_load("libvulkan.so.1") and (loader / "libvulkan.so.1").exists():
        env["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(loader), os.environ.get("LD_LIBRARY_PATH", "")]))
        remarks.append("the Vulkan loader is the bundle's: this machine has none")
    named = any(variable in os.environ for variable in ("VK_DRIVER_FILES", "VK_ICD_FILENAMES"))
    if not named and not any(list(Path(place).glob("*.json")) for place in DRIVER_FOLDERS):
        mounted = [str(path) for place in MOUNTED_DRIVERS for path in sorted(Path(place).glob("*.json"))]
        library = next((name for name in NVIDIA_LIBRARIES if can_load(name)), None)
        if mounted:
            env["VK_DRIVER_FILES"] = os.pathsep.join(mounted)
            remarks.append(f"the bundle named {mounted[0]} to Vulkan, which does not look there")
        elif library is None:
            remarks.append(
                "no Vulkan driver here: neither a file in {} nor {}; a container needs the driver's graphics libraries "
                "(NVIDIA_DRIVER_CAPABILITIES=all)".format(DRIVER_FOLDERS[0], " or ".join(NVIDIA_LIBRARIES))
            )
        else:
            icd = folder / "nvidia_icd.json"
            icd.write_text(
                json.dumps({"file_format_version": "1.0.1", "ICD": {"library_path": library, "api_version": "1.3"}})
            )
            env["VK_DRIVER_FILES"] = str(icd)
            remarks.append(
                f"the bundle named {library} to Vulkan: this machine has the driver and no file that names it"
            )
    return env, remarks


def can_load(library: str) -> bool:
    """Say whether the system finds a library."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def machine() -> dict[str, Any]:
    """Return what a reader of the figures must know."""
    try:
        asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        gpu = subprocess.run(asked, capture_output=True, check=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        gpu = "no NVIDIA GPU that nvidia-smi knows"
    cpus = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "gpu": gpu,
        "cpu": cpus[0].partition(": ")[2] if cpus else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def cases(models: list[str], cores: int) -> list[Case]:
    """Return what is measured: the GPU, one thread of the CPU and as many as it has cores, eight at most."""
    threads = sorted({1, min(cores, 8)})
    sides = [("litert-gpu", 1), *(("litert", count) for count in threads)]
    return [Case(model, scheme, *side) for model in models for scheme in CASES_SCHEMES for side in sides]


def differences(answers: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Return how far the golden scores of each case are from float32's in `litert` with one thread."""
    scores = {Case.parse(text): _scores(found) for text, found in answers.items()}
    far = {}
    for case, mine in scores.items():
        expected = scores.get(Case(case.model, "float32", "litert", 1))
        if mine and expected:
            far[str(case)] = max(abs(one - other) for one, other in zip(mine, expected, strict=False))
    return far


def _scores(answers: list[dict[str, Any]]) -> array[float]:
    from agent.packing import unpack_bytes

    values = array("f")
    for answer in answers:
        if "error" not in answer:
            values.frombytes(unpack_bytes(answer["golden_scores"]))
            break
    return values


def in_turns(bench: Bench, chosen: list[Case], minutes: float, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """Measure every case once, and all of them again, in an order drawn anew, while another round fits into the time."""
    answers: dict[str, list[dict[str, Any]]] = {str(case): [] for case in chosen}
    began = time.monotonic()
    longest, number = 0.0, 0
    while number < rounds and time.monotonic() - began + longest < minutes * 60:
        round_began = time.monotonic()
        for case in random.Random(number).sample(chosen, len(chosen)):  # noqa: S311  an order, no secret
            if sum("error" in answer for answer in answers[str(case)]) > 1 or time.monotonic() - began > minutes * 60:
                continue
            answer = bench.measure(case)
            answers[str(case)].append(answer)
            print(
                "{}  {}".format(case, answer.get("error") or "first %.2f ms" % (answer["first_ns"] / 1e6)),
                file=sys.stderr,
            )
        longest, number = max(longest, time.monotonic() - round_began), number + 1
    return answers


def main(arguments: list[str] | None = None) -> None:
    """Unpack the bundle that this program is in, measure, write ``gpu-answers.json`` and print the medians."""
    options = argparse.ArgumentParser(
        description="times a GPU against this CPU; benchmarks/gpu.py of farm made the bundle"
    )
    options.add_argument("--minutes", type=float, default=MINUTES - 0.5, help="of measuring, %(default)s where absent")
    options.add_argument("--rounds", type=int, default=1000, help="at most, however much time is left")
    options.add_argument(
        "--seconds", type=float, default=ATTEMPT_S, help="that each process times at least, %(default)s"
    )
    options.add_argument("--out", type=Path, default=Path("gpu-answers.json"), help="where the answers go")
    chosen = options.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with zipfile.ZipFile(sys.argv[0]) as bundle:
            bundle.extractall(folder)
        sys.path.insert(0, str(folder))
        env, remarks = vulkan(folder)
        bench = Bench(folder, env, chosen.seconds)
        here = machine()
        answers = in_turns(bench, cases(bench.models, here["cores"]), chosen.minutes, chosen.rounds)
        far = differences(answers)
    software = any(
        answer.get("effective", {}).get("adapter_type") == "software" for found in answers.values() for answer in found
    )
    if software:
        remarks.append("Software adapter: these are figures of a CPU that plays a GPU")
    found = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": here,
        "notes": remarks,
        "answers": answers,
        "differences": far,
    }
    chosen.out.write_text(json.dumps(found))
    for remark in remarks:
        print(remark)
    for case, mine in answers_by_case(found).items():
        print(f"{case!s:40} {_in_words(mine)}")
    print(f"{chosen.out}: benchmarks/gpu.py --table makes the page's tables of it")


def _in_words(answers: list[dict[str, Any]]) -> str:
    good = [answer for answer in answers if "error" not in answer]
    if not good:
        return answers[-1]["error"] if answers else "not tried: the time was over"
    firsts, starts = ([answer[field] / 1e6 for answer in good] for field in ("first_ns", "load_ns"))
    words = f"{len(good)} attempts, load {statistics.median(starts):.1f} ms, first {statistics.median(firsts):.2f} ms"
    adapter = good[0]["effective"].get("adapter")
    return words + (f", on {adapter}" if adapter else "")
