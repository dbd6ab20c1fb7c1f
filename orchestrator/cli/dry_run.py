"""The plan of a run on the screen, nothing of it carried out."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.context import console, errors_console
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.terminal import plain
from orchestrator.cli.screen.time_left import Estimates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.cli.context import Project
    from orchestrator.datasets.base import Datasets
    from orchestrator.domain.device import Device
    from orchestrator.domain.plan import Plan
    from orchestrator.domain.suite import Suite
    from orchestrator.runs.farm import Farm
    from orchestrator.store.rows import RunRow
    from orchestrator.store.step_times import StepTimes


def planned(farm: Farm, files: Project, chosen: Suite) -> tuple[Plan, Estimates]:
    """Return what a new run would do, with what is known of how long that takes."""
    from orchestrator.datasets.base import Datasets

    devices = files.select(chosen.devices)
    with wrong_inputs():
        datasets = Datasets()
        images = _show_inputs(chosen, datasets)
    return farm.plan(chosen, devices, datasets=datasets), _estimates(files, images)


def planned_rest(farm: Farm, files: Project, resume: str) -> tuple[Plan, Estimates]:
    """Return what going on with a run would do, with what is known of how long that takes. Raises `UnknownName` where there is no such run."""
    from orchestrator.runs.collect import refuse_adopted

    with files.open_store(create=False) as store:
        row = store.run(resume)
        refuse_adopted(store, row.id)
        done = store.done_steps(row.id)
    stored = stored_suite(row)
    plan = farm.plan(stored, devices_of(stored, files), run=row.id, done=done)
    return plan, _estimates(files, stored.scored_images)


def _estimates(files: Project, images: int | None) -> Estimates:
    """Return what asks the database how long steps and builds took before, where one is there."""

    def earlier(device: str, effort: str) -> StepTimes:
        with files.open_store(create=False) as store:
            return store.step_times(device, effort)

    def builds() -> Mapping[str, float]:
        with files.open_store(create=False) as store:
            return store.build_times()

    return Estimates(earlier=earlier, images=images, builds=builds)


def _show_inputs(suite: Suite, datasets: Datasets) -> int:
    """Show what the dataset holds, and return how many images are scored. Raises `DatasetError` or `ModelError` where a run would refuse it."""
    from orchestrator.models import preflight
    from orchestrator.reports import dataset

    images = datasets.of(suite.dataset)
    preflight.check(suite, images)
    summary = images.summary()
    for line in dataset.lines(summary, limit=suite.scored_images, is_scored=suite.accuracy != "none"):
        output().note(f"[bold]dataset[/]  {plain(line)}")
    evaluated = sum(part.images for part in summary.parts if part.part == "evaluation")
    return min(evaluated, suite.scored_images or evaluated)


@contextmanager
def wrong_inputs() -> Iterator[None]:
    """Raise what is wrong with models and images as a `UsageError`: nothing was built or stored yet."""
    from orchestrator.errors import DatasetError, ModelError, UsageError

    try:
        yield
    except (DatasetError, ModelError) as error:
        raise UsageError(error.message, hint=error.hint) from error


def stored_suite(row: RunRow) -> Suite:
    """Return the suite of a run as it was narrowed."""
    from orchestrator.domain.suite import Suite

    return Suite.from_json(row.suite)


def devices_of(stored: Suite, files: Project) -> tuple[Device, ...]:
    """Return the devices of a run that goes on; those that were removed meanwhile are named and left out."""
    from orchestrator.config.inventory import Inventory
    from orchestrator.errors import UnknownName

    present = {device.name for device in Inventory.load(files.inventory).devices}
    removed = [word for word in stored.devices if re.fullmatch(r"[\w.-]+", word) and word not in {"all", *present}]
    for name in removed:
        errors_console().print(f"[yellow]{name}[/]  left out: no longer in {files.inventory}", soft_wrap=True)
    left = [word for word in stored.devices if word not in removed]
    if not left:
        raise UnknownName("device", removed[0], present)
    return files.select(left)


def show_plan(plan: Plan, estimates: Estimates, *, as_json: bool) -> int:
    """Show what would be done; return the exit status: 3 where every case is skipped."""
    from orchestrator.reports import plan as report
    from orchestrator.reports import skips

    status = 3 if plan.skips and not plan.lanes else 0
    if as_json:
        typer.echo(report.as_json(plan))
        return status
    out = console()
    if not plan.lanes and not plan.skips:
        out.print("nothing is left to do")
    for lane in plan.lanes:
        out.print(f"[bold]{lane.device}[/]  {report.summary(lane, plan)}")
        out.print(f"[bold]{lane.device}[/]  {plain(estimates.words(lane, plan.effort))}", soft_wrap=True)
        out.print(f"[bold]{lane.device}[/]  {report.transfer(plan.transfers[lane.device])}", soft_wrap=True)
        for line in report.lines(lane):
            out.print(line, soft_wrap=True)
    if plan.unbuilt:
        out.print(plain(estimates.build_words(plan.unbuilt, {case.model for case in plan.cases})), soft_wrap=True)
    for line in skips.lines((skip.case, skip.reason) for skip in plan.skips):
        out.print(f"[yellow]skipped[/]  {plain(line)}", soft_wrap=True)
    return status
