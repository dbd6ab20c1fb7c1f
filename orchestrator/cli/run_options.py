"""Options of the commands that measure."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli import candidates

DevicesOption = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="Devices: names, pi5-*, tag:x, arch:x, !name.",
        show_default="all, unless the suite names some",
        autocompletion=candidates.devices,
    ),
]
ModelsOption = Annotated[
    str,
    typer.Option(metavar="A,B", help="Only these models of the suite; without a suite: small-cxr, tiny-cxr."),
]
SchemesOption = Annotated[
    str,
    typer.Option(
        metavar="A,B", help="Schemes: float32, dynamic, float16, int8, as-is.", autocompletion=candidates.schemes
    ),
]
RuntimesOption = Annotated[
    str,
    typer.Option(
        metavar="A,B", help="Runtimes, such as litert, tflite, litert==1.4.0.", autocompletion=candidates.runtimes
    ),
]
ThroughputOption = Annotated[
    str, typer.Option(metavar="1,2", help="Measure images per second too, with so many interpreters side by side.")
]
AccuracyOption = Annotated[
    str | None, typer.Option(metavar="all|N|none", help="Images to score for accuracy; none measures latency alone.")
]
ThreadsOption = Annotated[str, typer.Option(metavar="1,4", help="Threads of the runtime.")]
TuneOption = Annotated[
    bool,
    typer.Option("--tune", help="Set the governor to performance meanwhile, where you may: farm devices tune NAME."),
]
ProfileOption = Annotated[
    bool, typer.Option("--profile", help="Time the operators of each case too, after its attempts.")
]
RescoreOption = Annotated[
    bool,
    typer.Option("--rescore", help="Score all images again, also those that an earlier run scored in the same way."),
]
PatienceOption = Annotated[
    float,
    typer.Option(min=0.0, metavar="SECONDS", help="How long a device may be out of reach before it is given up."),
]
DetachOption = Annotated[
    bool, typer.Option("--detach", help="Start the lanes and leave; devices measure on their own: farm attach.")
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Make enough attempts to compare cases: 7 with effort standard.")
]
SeedOption = Annotated[int | None, typer.Option(help="Seed of the order of attempts.")]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Print the plan, what is skipped and what is sent, and stop.")
]
EffortOption = Annotated[
    str | None,
    typer.Option(
        help="How long to measure: smoke, quick, standard, mobile, mlperf, sustained.", autocompletion=candidates.effort
    ),
]


def words(text: str) -> list[str]:
    """Return the words of a list with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def counts(option: str, text: str) -> list[int]:
    """Return the whole numbers of a list with commas; raises `UsageError` that names ``option``."""
    from orchestrator.errors import UsageError

    try:
        return [int(word) for word in words(text)]
    except ValueError:
        raise UsageError(f"{option} {text}: whole numbers, separated by commas") from None
