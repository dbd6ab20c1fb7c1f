"""``farm models``: one module for each thing that people do with them."""

from __future__ import annotations

import typer

from orchestrator.cli.models import build, debug, show, train
from orchestrator.cli.models import list as listing

app = typer.Typer(
    name="models",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look into models, build their artifacts, train small ones.",
)
app.command("list", epilog=listing.EPILOG)(listing.list_models)
app.command("show", epilog=show.EPILOG)(show.show)
app.command("debug", epilog=debug.EPILOG)(debug.debug)
app.command("build", epilog=build.EPILOG)(build.build)
app.command("train", epilog=train.EPILOG)(train.train)
