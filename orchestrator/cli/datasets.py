"""``farm datasets``: look at a dataset before anything is measured on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import Json, console, errors_console
from orchestrator.cli.dataset_options import dataset_options

if TYPE_CHECKING:
    from orchestrator.domain.model import DatasetSpec

app = typer.Typer(
    name="datasets",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What a dataset holds, and what is wrong with it.",
)
EPILOG = """Examples:

\b
  farm datasets check suite.yaml --sheet images.png
  farm datasets check --dataset chestxray14 --option root=nih --option missing=skip

Exit status 1: a patient or an image is tested as well as trained on, or an image has two labels."""


@app.command("list", epilog="Example: farm datasets list")
def list_datasets(*, json: Json = False) -> None:
    """Show the kinds of dataset that a suite may name."""
    from orchestrator import registry

    names = registry.names("dataset")
    if json:
        import json as encoder

        typer.echo(encoder.dumps(names))
        return
    console().print("\n".join(names), markup=False)


@app.command("check", epilog=EPILOG)
def check(
    suite: Annotated[Path | None, typer.Argument(metavar="SUITE", help="The suite whose dataset is checked.")] = None,
    dataset: Annotated[str | None, typer.Option(metavar="KIND", help="Without a suite: the kind.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="The dataset's own keys, as in a suite; repeatable.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Draw a few test images of every class.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Count images, patients and copies; find leaks from training.

    A leak is a patient or an image that is tested as well as trained on.
    """
    from orchestrator.datasets.base import make_dataset
    from orchestrator.datasets.check import copies, pixel_ranges, shared_patients, sizes, views
    from orchestrator.datasets.labelled_files import LabelledFiles
    from orchestrator.reports import dataset_check as report

    images = make_dataset(_spec(suite, dataset, option or []))
    summary = images.summary()
    files = images.files if isinstance(images, LabelledFiles) else None
    found = report.Checked(
        summary=summary,
        sizes=sizes(files) if files else {},
        views=views(files) if files else {},
        pixels=pixel_ranges(files) if files else {},
        copies=_with_progress(files, copies) if files else (),
        on_both_sides=shared_patients(images) if isinstance(images, LabelledFiles) else (),
        labels_hint=images.labels_hint if isinstance(images, LabelledFiles) and images.compares_contents else "",
    )
    if sheet is not None:
        _draw(images, sheet)
    if json:
        typer.echo(report.as_json(found))
    else:
        report.show(found, console())
    contradicted = bool(found.labels_hint) and any(not each.same_labels for each in found.copies)
    if contradicted or found.on_both_sides or any(each.leaks for each in found.copies):
        raise typer.Exit(1)


def _spec(suite: Path | None, dataset: str | None, option: list[str]) -> DatasetSpec:
    from orchestrator.config import suite as suites
    from orchestrator.domain.model import DatasetSpec
    from orchestrator.errors import UsageError

    if (suite is None) == (dataset is None):
        raise UsageError("name a suite, or a kind with --dataset", hint="farm datasets check --help")
    if suite is not None:
        if option:
            raise UsageError("--option goes with --dataset", hint="farm datasets check --help")
        return suites.load(suite).dataset
    return DatasetSpec(kind=str(dataset), options=dataset_options(str(dataset), option))


def _with_progress(files: Any, find: Any) -> Any:
    from rich.progress import Progress

    total = sum(map(len, files.values()))
    with Progress(console=errors_console(), transient=True) as bar:
        task = bar.add_task("looking for copies", total=total)
        return find(files, lambda count: bar.advance(task, count))


def _draw(images: Any, path: Path) -> None:
    from orchestrator.datasets import contact_sheet
    from orchestrator.errors import UsageError

    try:
        shown = contact_sheet.draw(images, "evaluation", path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", hint="name a file that can be written") from error
    errors_console().print(f"{path}: {shown} test images", markup=False, soft_wrap=True)
