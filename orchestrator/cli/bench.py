"""``farm bench``: measure files of models without a suite."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.build_options import DEFAULT_TIMEOUT, BuildMemory, BuildTimeout, build_limits
from orchestrator.cli.context import Db, InventoryFile, Json, Wheelhouse, console, errors_console, project
from orchestrator.cli.dry_run import wrong_inputs
from orchestrator.cli.push_options import SITE_PUSHES, PushLimit, SitePushes, push_limits
from orchestrator.cli.run import carry_out
from orchestrator.cli.run_options import (
    AccuracyOption,
    DevicesOption,
    DryRunOption,
    EffortOption,
    PatienceOption,
    RuntimesOption,
    SchemesOption,
    SeedOption,
    ThreadsOption,
    counts,
    words,
)
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from orchestrator.cli.context import Project
    from orchestrator.domain.suite import Suite
    from orchestrator.models.stated_preprocessing import Normalization
    from orchestrator.runs.bench import Answers
    from orchestrator.store.store import Store

EPILOG = """Size, channels and, where it says them, the numbers that pixels become are read from the file.  Examples:

\b
  farm bench model.tflite                                  its latency on this machine
  farm bench float.tflite int8.tflite --devices all        which of them to deploy
  farm bench model.onnx --images chest_xray --preprocess 0..1   with the AUC of chest_xray/test/CLASS/*.png
  farm bench model.tflite --suite-out suite.yaml --dry-run      the same as a suite, for farm run suite.yaml"""
PreprocessOption = Annotated[
    str | None,
    typer.Option(metavar="RANGE", help="The numbers that pixels from 0 to 255 become: 0..1, -1..1, 0..255, imagenet."),
]
ScaleOption = Annotated[
    float | None, typer.Option(metavar="X", help="In place of --preprocess: (pixel × scale − mean) ÷ std.")
]
PerChannel = Annotated[str | None, typer.Option(metavar="X[,Y,Z]", help="One number, or one for each channel.")]
FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="MODEL...", help="Files: .tflite, .onnx, .keras, .h5; several are compared with the first."),
]
ImagesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Your images: test/CLASS/*.png for accuracy too, or a folder of images for latency alone.",
    ),
]
LeaksOption = Annotated[
    str,
    typer.Option(
        metavar="refuse|leave-out",
        help="Patients of test/ that train/ has too: refuse them, or leave them out of train/ where the models never saw them.",
    ),
]
SuiteOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the suite that does the same, for farm run FILE.")
]
SizeOption = Annotated[
    str | None, typer.Option(metavar="N|HxW", help="Height and width of images, where the file leaves them free.")
]


def bench(
    files: FilesArgument,
    devices: DevicesOption = "",
    images: ImagesOption = None,
    leaks: LeaksOption = "refuse",
    preprocess: PreprocessOption = None,
    scale: ScaleOption = None,
    mean: PerChannel = None,
    std: PerChannel = None,
    size: SizeOption = None,
    schemes: SchemesOption = "",
    runtimes: RuntimesOption = "",
    threads: ThreadsOption = "",
    effort: EffortOption = None,
    accuracy: AccuracyOption = None,
    seed: SeedOption = None,
    suite_out: SuiteOption = None,
    dry_run: DryRunOption = False,
    patience: PatienceOption = 300.0,
    push_limit: PushLimit = "",
    site_pushes: SitePushes = SITE_PUSHES,
    build_timeout: BuildTimeout = DEFAULT_TIMEOUT,
    build_memory: BuildMemory = "",
    wheelhouse: Wheelhouse = None,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Measure files of models as they are, without a suite.

    One file shows what it takes on each device; several are compared with the first one. Results are stored and shown as those of
    farm run.
    """
    where = project(db, inventory)
    narrowing = {
        "devices": words(devices),
        "schemes": words(schemes),
        "runtimes": words(runtimes),
        "threads": counts("--threads", threads),
        "effort": effort,
        "accuracy": accuracy,
        "seed": seed,
    }
    answers = replace(_answers(preprocess, scale, mean, std, size), leaks=leaks)
    chosen = _chosen(files, images, answers, narrowing)
    if suite_out is not None:
        _write(suite_out, chosen)
    farm = where.farm(
        patience_s=patience,
        wheelhouse=wheelhouse,
        build_limits=build_limits(build_timeout, build_memory),
        push_limits=push_limits(push_limit, site_pushes),
    )
    below = None if json else partial(_below, chosen, where, is_written=suite_out is not None)
    raise typer.Exit(carry_out(farm, where, chosen, dry_run=dry_run, as_json=json, below=below))


def _chosen(files: list[Path], images: Path | None, answers: Answers, narrowing: dict[str, Any]) -> Suite:
    """Return the suite of ``files``, printing on standard error what was not asked; raises `UsageError`."""
    from orchestrator.config import suite as suites
    from orchestrator.runs.bench import suite_of

    with wrong_inputs():
        made = suite_of(files, images, answers)
    for note in made.notes:
        errors_console().print(f"[bold]bench[/]  {plain(note)}", soft_wrap=True)
    chosen = suites.narrow(made.suite, **narrowing)
    return chosen if chosen.effort == "standard" else replace(chosen, compare=False)


def _below(chosen: Suite, files: Project, store: Store, run: str, *, is_written: bool) -> None:
    """Print the comparison of files with its answer, and the suite that does the same unless it was written to a file."""
    from orchestrator.config.suite_text import text
    from orchestrator.reports import files_answer

    out = console()
    if not is_written:
        out.print("\n[dim]The same as a suite, for farm run suite.yaml:[/]")
        out.print(text(chosen, Path.cwd()).rstrip(), markup=False, soft_wrap=True)
    files_answer.show(store, run, chosen.models[0].name, files.state / "blobs", out)


def _write(path: Path, chosen: Suite) -> None:
    """Write the suite; raises `UsageError` where a file is there already, or can't be written."""
    from orchestrator.config.suite_text import text
    from orchestrator.errors import UsageError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text(chosen, path.parent))
    except FileExistsError:
        raise UsageError(f"--suite-out {path}: it exists already, and stays as it is") from None
    except OSError as error:
        raise UsageError(f"--suite-out {path}: {error.strerror}") from error
    errors_console().print(
        f"[bold]bench[/]  the same as a suite: farm run {plain(shlex.quote(str(path)))}", soft_wrap=True
    )


def _answers(
    preprocess: str | None, scale: float | None, mean: str | None, std: str | None, size: str | None
) -> Answers:
    from orchestrator.runs.bench import Answers

    return Answers(
        size=None if size is None else _size(size), normalization=_normalization(preprocess, scale, mean, std)
    )


def _normalization(
    preprocess: str | None, scale: float | None, mean: str | None, std: str | None
) -> Normalization | None:
    from orchestrator.errors import UnknownName, UsageError
    from orchestrator.models.stated_preprocessing import RANGES, Normalization

    given = [option for option, value in (("--scale", scale), ("--mean", mean), ("--std", std)) if value is not None]
    if preprocess is not None:
        if given:
            raise UsageError(f"--preprocess and {given[0]} say the same thing: give one of them")
        if preprocess not in RANGES:
            raise UnknownName("range", preprocess, RANGES)
        return RANGES[preprocess]
    if not given:
        return None
    deviation = _numbers("--std", std) or (1.0,)
    if not all(deviation):
        raise UsageError("--std: 0 can't be divided by")
    return Normalization(
        scale=1 / 255 if scale is None else scale,
        mean=_numbers("--mean", mean) or (0.0,),
        std=deviation,
        source=f"what {', '.join(given)} say{'s' if len(given) == 1 else ''}",
    )


def _numbers(option: str, text: str | None) -> tuple[float, ...]:
    from math import isfinite

    from orchestrator.errors import UsageError

    try:
        numbers = tuple(float(word) for word in words(text or ""))
    except ValueError:
        numbers = ()
    if text is not None and not (numbers and all(map(isfinite, numbers))):
        raise UsageError(f"{option} {text[:40]}: expected one number, or one for each channel, such as 0.5,0.5,0.5")
    return numbers


def _size(text: str) -> tuple[int, int]:
    from orchestrator.errors import UsageError

    match = re.fullmatch(r"([1-9]\d{0,4})(?:x([1-9]\d{0,4}))?", text.strip())
    if match is None:
        raise UsageError(f"--size {text[:40]}: expected 224, or 224x192 for height and width")
    return int(match[1]), int(match[2] or match[1])
