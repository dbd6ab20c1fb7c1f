"""``farm models build``: artifacts as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.build_options import DEFAULT_TIMEOUT, BuildMemory, BuildTimeout, build_limits
from orchestrator.cli.context import InventoryFile, Json, console, project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.suite import Suite
    from orchestrator.models.artifacts import Artifacts, Build, Built, Failed
    from orchestrator.models.build_processes import BuildLimits

EPILOG = """Examples:

\b
  farm models build tiny-cxr --schemes float32,int8 --output for-the-app
  farm models build suite.yaml --models mobilenet --json"""


def build(
    what: Annotated[
        str, typer.Argument(metavar="MODEL|SUITE", help="A suite.yaml, or a built-in model: small-cxr, tiny-cxr.")
    ],
    models: Annotated[str, typer.Option(metavar="A,B", help="Only these models of the suite.")] = "",
    schemes: Annotated[
        str,
        typer.Option(
            metavar="A,B", help="Only these schemes, or others than the suite's.", autocompletion=candidates.schemes
        ),
    ] = "",
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the files are written.")] = Path(
        "artifacts"
    ),
    build_timeout: BuildTimeout = DEFAULT_TIMEOUT,
    build_memory: BuildMemory = "",
    inventory: InventoryFile = None,
    *,
    json: Json = False,
) -> None:
    """Build artifacts and write them as files.

    Each has its recipe beside it: sha256, scheme, options, versions, checks. No file is overwritten with other bytes.
    """
    from orchestrator.datasets.base import make_dataset
    from orchestrator.models import artifact_files, preflight
    from orchestrator.models.artifacts import Artifacts
    from orchestrator.models.schemes.base import make_scheme
    from orchestrator.reports import artifact_files as report

    limits = build_limits(build_timeout, build_memory)
    suite = _suite(what, models, schemes)
    images = make_dataset(suite.dataset)
    preflight.check(suite, images)
    artifacts = Artifacts(project(None, inventory).state)
    built, failed = _built(artifacts, suite, limits)
    wanted = [
        (each.artifact, make_scheme(each.build.scheme, each.build.options).format)
        for each in sorted(built, key=lambda one: (one.build.model.name, one.build.scheme, one.build.batch))
    ]
    about = {"dataset": images.name, "dataset_classes": list(images.classes)}
    files = artifact_files.write(artifacts, wanted, out, about=about)
    if json:
        typer.echo(report.as_json(out, files, failed))
    else:
        report.show(out, files, failed, console())
    if failed:
        raise typer.Exit(1)


def _suite(what: str, models: str, schemes: str) -> Suite:
    """Return the suite of a file, or the built-in one for a model's name; raises `SuiteError` or `UnknownName`."""
    from orchestrator.config import suite as suites

    words = [[word.strip() for word in text.split(",") if word.strip()] for text in (models, schemes)]
    if Path(what).suffix in (".yaml", ".yml"):
        return suites.narrow(suites.load(Path(what)), models=words[0], schemes=words[1])
    return suites.narrow(suites.built_in([what, *words[0]]), schemes=words[1])


def _built(artifacts: Artifacts, suite: Suite, limits: BuildLimits) -> tuple[list[Built], list[Failed]]:
    """Build every artifact of the suite, and show each as it is there."""
    from orchestrator.cli.screen.output import output
    from orchestrator.cli.screen.progress import Screen
    from orchestrator.domain.run_event import BuildStarted
    from orchestrator.models.artifacts import Built, Failed
    from orchestrator.runs.build import event_of

    builds = _builds(suite)
    done = []
    with Screen(output()) as live:
        live.show(BuildStarted(run="", total=len(artifacts.missing(builds, suite.dataset))))
        for outcome in artifacts.ensure(builds, suite.dataset, limits):
            live.show(event_of("", outcome))
            done.append(outcome)
    return [each for each in done if isinstance(each, Built)], [each for each in done if isinstance(each, Failed)]


def _builds(suite: Suite) -> Sequence[Build]:
    from orchestrator.models.artifacts import Build
    from orchestrator.models.base import default_schemes
    from orchestrator.models.schemes.base import options_in

    return [
        Build(model=model, scheme=scheme, batch=batch, options=options_in(suite, scheme))
        for model in suite.models
        for scheme in suite.schemes or default_schemes(model.kind)
        for batch in suite.batches
    ]
