"""Commands that answer by themselves although they have subcommands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def refuse_options_before(context: typer.Context) -> None:
    """Refuse ``farm results --db URL list``: the option belongs to another command, which would ignore it."""
    from orchestrator.errors import UsageError

    for option in context.command.params:
        source = context.get_parameter_source(str(option.name))
        if source is not None and source.name == "COMMANDLINE":
            name, command = option.opts[0], f"{context.command_path} {context.invoked_subcommand}"
            raise UsageError(
                f"{name} must follow {context.invoked_subcommand}, not precede it", hint=f"{command} {name}"
            )
