"""``farm devices``: one module for each thing that people do with them."""

from __future__ import annotations

import typer

from orchestrator.cli.devices import add, calibrate, check, clean, discover, edit, import_devices, setup, show, tune

app = typer.Typer(
    name="devices",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Add, check, change, set up, tune devices.",
)

app.command("list", epilog=show.LIST_EPILOG)(show.list_devices)
app.command("show", epilog=show.SHOW_EPILOG)(show.show)
app.command("check", epilog=check.EPILOG)(check.check)
app.command("add", epilog=add.ADD_EPILOG)(add.add)
app.command("trust", epilog=add.TRUST_EPILOG)(add.trust)
app.command("import", epilog=import_devices.IMPORT_EPILOG)(import_devices.import_devices)
app.command("discover", epilog=discover.DISCOVER_EPILOG)(discover.discover)
app.command("edit", epilog=edit.EDIT_EPILOG)(edit.edit)
app.command("rename", epilog=edit.RENAME_EPILOG)(edit.rename)
app.command("remove", epilog=edit.REMOVE_EPILOG)(edit.remove)
app.command("setup", epilog=setup.SETUP_EPILOG)(setup.setup)
app.command("clean", epilog=clean.CLEAN_EPILOG)(clean.clean)
app.command("wheels", epilog=setup.WHEELS_EPILOG)(setup.wheels)
app.command("tune", epilog=tune.TUNE_EPILOG)(tune.tune)
app.command("calibrate", epilog=calibrate.CALIBRATE_EPILOG)(calibrate.calibrate)
