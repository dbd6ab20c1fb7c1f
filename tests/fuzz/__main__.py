"""``python -m tests.fuzz --minutes 5``: fuzz every reader for so long, keep what breaks one in the corpus."""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded

from tests.fuzz.mutations import mutated
from tests.fuzz.targets import CORPUS, TARGETS, Target

#: What a process that reads small files may take; no one gets near it but by a bomb.
MEMORY_BYTES = 4 << 30
#: What one small file may take of a processor.
SLOW_S = 5.0
ROUND = 300


class Slow(Exception):  # noqa: N818  a finding
    """A reader takes longer than a small file may take."""


def main() -> int:
    """Fuzz by the command line; return 1 where something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="which readers (default: all)")
    parser.add_argument("--minutes", type=float, default=5.0, help="of all readers together")
    parser.add_argument("--seed", type=int, default=None, help="the same inputs again (default: others each time)")
    parser.add_argument("--atheris", action="store_true", help="guided by coverage: pip install atheris")
    options = parser.parse_args()
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warnings.simplefilter("ignore")
    chosen = [TARGETS[name] for name in options.targets or TARGETS]
    if options.atheris:
        return _guided(chosen, options.minutes)
    start = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {start}", flush=True)
    deadline = time.monotonic() + 60 * options.minutes
    counts = dict.fromkeys((target.name for target in chosen), 0)
    broken: set[str] = set()
    rounds = 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < deadline:
            for target in chosen:
                goes_on = target.name not in broken and time.monotonic() < deadline
                if goes_on and not _round(target, Path(folder), start + rounds, counts):
                    broken.add(target.name)
            rounds += 1
    print("inputs: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()))
    return 1 if broken else 0


def _round(target: Target, folder: Path, number: int, counts: dict[str, int]) -> bool:
    """Try some inputs; return whether none of them broke the reader. One that did is shrunk and kept in the corpus."""
    inside = folder / target.name
    inside.mkdir(exist_ok=True)
    last: list[bytes] = [b""]

    @seeded(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(target, tuple(target.corpus())))
    def attempt(data: bytes) -> None:
        counts[target.name] += 1
        last[0] = data
        began = time.process_time()
        crash = target.crash(data, inside)
        if crash is not None:
            raise crash
        if time.process_time() - began > SLOW_S:
            raise Slow(f"{time.process_time() - began:.1f} s of a processor for {len(data)} bytes")

    try:
        attempt()
    except Exception as error:
        path = CORPUS / target.name / f"crash-{hashlib.sha256(last[0]).hexdigest()[:8]}"
        path.write_bytes(last[0])
        frames = "".join(traceback.format_tb(error.__traceback__, limit=-6))
        print(f"\n{target.name}: kept as {path}\n{frames}{type(error).__name__}: {str(error)[:300]}", flush=True)
        return False
    return True


def _guided(chosen: list[Target], minutes: float) -> int:
    """Hand one reader to libFuzzer, which ends this process at the first crash and leaves the input in ``crash-…``."""
    import atheris

    if len(chosen) != 1:
        sys.exit("name one target: libFuzzer has no room for more in a process")
    (target,) = chosen
    folder = Path(tempfile.mkdtemp(prefix="farm-fuzz-"))
    with atheris.instrument_imports(include=["orchestrator", "agent"]):
        target.crash(target.corpus()[0], folder)

    def attempt(data: bytes) -> None:
        crash = target.crash(data, folder)
        if crash is not None:
            raise crash

    grown = folder / "corpus"
    grown.mkdir()
    arguments = [sys.argv[0], str(grown), str(CORPUS / target.name), f"-max_total_time={int(60 * minutes)}"]
    atheris.Setup([*arguments, f"-timeout={int(SLOW_S)}", "-rss_limit_mb=4096", f"-artifact_prefix={folder}/"], attempt)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
