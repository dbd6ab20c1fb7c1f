"""Options that are understood with a plural s as well as without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterable


class Aliased(TyperCommand):
    """A command that takes ``--device`` for its ``--devices``, and the other way round; its help shows its own name alone."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spell options as this command does."""
        return super().parse_args(ctx, spelled(args, (name for param in self.params for name in param.opts)))


def spelled(args: list[str], options: Iterable[str]) -> list[str]:
    """Return ``args`` with every long option that lacks its s, or has one too many, as ``options`` has it."""
    existing = set(options)
    end = args.index("--") if "--" in args else len(args)
    return [*(_spelled(arg, existing) for arg in args[:end]), *args[end:]]


def _spelled(arg: str, existing: set[str]) -> str:
    name, equals, value = arg.partition("=")
    if not name.startswith("--") or name in existing:
        return arg
    other = next((each for each in (f"{name}s", f"{name}es", name[:-1], name[:-2]) if each in existing), name)
    return f"{other}{equals}{value}"
