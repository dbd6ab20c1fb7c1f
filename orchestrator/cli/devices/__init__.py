"""``farm devices``: one module for each thing that people do with them."""

from __future__ import annotations

import typer

from orchestrator.cli.devices import add as take_in
from orchestrator.cli.devices import calibrate, edit, tune
from orchestrator.cli.devices import import_devices as foreign
from orchestrator.cli.devices import setup as ready
from orchestrator.cli.devices import show as look

app = typer.Typer(
    name="devices",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The devices of the inventory: take them in, look at them, change them, get them ready.",
)

app.command("list", epilog=look.LIST_EPILOG)(look.list_devices)
app.command("show", epilog=look.SHOW_EPILOG)(look.show)
app.command("check", epilog=look.CHECK_EPILOG)(look.check)
app.command("add", epilog=take_in.ADD_EPILOG)(take_in.add)
app.command("trust", epilog=take_in.TRUST_EPILOG)(take_in.trust)
app.command("import", epilog=foreign.IMPORT_EPILOG)(foreign.import_devices)
app.command("discover", epilog=foreign.DISCOVER_EPILOG)(foreign.discover)
app.command("edit", epilog=edit.EDIT_EPILOG)(edit.edit)
app.command("rename", epilog=edit.RENAME_EPILOG)(edit.rename)
app.command("remove", epilog=edit.REMOVE_EPILOG)(edit.remove)
app.command("setup", epilog=ready.SETUP_EPILOG)(ready.setup)
app.command("clean", epilog=ready.CLEAN_EPILOG)(ready.clean)
app.command("wheels", epilog=ready.WHEELS_EPILOG)(ready.wheels)
app.command("tune", epilog=tune.TUNE_EPILOG)(tune.tune)
app.command("calibrate", epilog=calibrate.CALIBRATE_EPILOG)(calibrate.calibrate)
