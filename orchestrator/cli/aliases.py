"""Options by another command's name for the same thing."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from orchestrator.cli.parser_errors import in_our_words
from orchestrator.cli.screen.output import EVERYWHERE, OutputGroup

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

#: Commands that a message names.
MOST_NAMED = 3
#: Names that mean the same beside a plural s.
_SAME = {"--out": "--output", "--output": "--out"}
_ADDRESS = "farm devices add NAME --address USER@HOST:PORT"
#: A command, and an option that it lacks -> what it has for that.
_INSTEAD = {
    ("run", "--run"): "go on with a run: farm run --resume RUN",
    ("devices add", "--host"): _ADDRESS,
    ("devices add", "--port"): _ADDRESS,
    ("devices add", "--user"): _ADDRESS,
}
_OPTION = re.compile(r"--[a-z][a-z0-9-]*")


class FarmGroup(OutputGroup):
    """The command that has all others; they take ``--device`` for ``--devices``, and an argument as an option, ``--run RUN``."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Parse a command line; raises what the parser refuses as a `UsageError`."""
        with in_our_words():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Parse the command and carry it out; raises what the parser refuses as a `UsageError`."""
        with in_our_words():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spell options as the command does that takes them. Raises `UsageError` for one that it does not have."""
        path, command = _command(self, args)
        place = path[-1] + 1 if path else 0
        words, rest = args[:place], args[place:]
        if command is None:
            if not ctx.resilient_parsing:
                self._refuse_before_command(args)
            return super().parse_args(ctx, args)
        named = " ".join(["farm", *(args[each] for each in path)])
        spelled_ = with_arguments(spelled(rest, _options(command)), _arguments(command))
        if not ctx.resilient_parsing:
            self._refuse_unknown(named, command, spelled_)
        return super().parse_args(ctx, [*words, *spelled_])

    def _refuse_before_command(self, args: Sequence[str]) -> None:
        """Raise `UsageError` for an option of a command that stands before it."""
        from orchestrator.errors import UsageError

        name = next((arg.partition("=")[0] for arg in args if arg not in EVERYWHERE), "")
        if not _OPTION.fullmatch(name) or name in {*_options(self), "--help"}:
            return
        takers = list(_that_take(self, name))
        given = [taker for taker in takers if taker.split()[1] in args] or takers
        hint = f"it stands after its command: {given[0]}" if given else "farm --help"
        raise UsageError(f"no such option: {name}", hint=hint)

    def _refuse_unknown(self, named: str, command: Any, args: Sequence[str]) -> None:
        from orchestrator.errors import UsageError

        options = {*_options(command), *EVERYWHERE, "--help"}
        end = args.index("--") if "--" in args else len(args)
        names = (arg.partition("=")[0] for arg in args[:end])
        for name in names:
            if not _OPTION.fullmatch(name) or name in options:
                continue
            if (instead := _INSTEAD.get((named.removeprefix("farm "), name))) is not None:
                raise UsageError(f"{named}: no such option: {name}", hint=instead)
            near = get_close_matches(name, sorted(options), 1, cutoff=0.75)
            others = sorted(_that_take(self, name), key=lambda each: each.split()[1] != named.split()[1])
            hint = f"{named} --help"
            if near or others:
                hint = f"did you mean {' or '.join(near or others[:MOST_NAMED])}?"
            raise UsageError(f"{named}: no such option: {name}", hint=hint)


def spelled(args: Sequence[str], options: Collection[str]) -> list[str]:
    """Return ``args`` with every long option that another command calls otherwise as ``options`` has it."""
    end = args.index("--") if "--" in args else len(args)
    return [*(_spelled(arg, options) for arg in args[:end]), *args[end:]]


def _spelled(arg: str, options: Collection[str]) -> str:
    name, equals, value = arg.partition("=")
    if not name.startswith("--") or name in options:
        return arg
    ways = (f"{name}s", f"{name}es", name.removesuffix("s"), name.removesuffix("es"), _SAME.get(name, name))
    return f"{next((each for each in ways if each in options), name)}{equals}{value}"


def with_arguments(args: Sequence[str], arguments: Collection[str]) -> list[str]:
    """Return ``args`` with the value of the first option that is named as in ``arguments`` where the command has its first argument."""
    for place, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        if arg == "--":
            break
        if name not in arguments or not (equals or place + 1 < len(args)):
            continue
        rest = args[place + 1 :] if equals else args[place + 2 :]
        return [value if equals else args[place + 1], *args[:place], *rest]
    return list(args)


def _command(root: Any, args: Sequence[str]) -> tuple[list[int], Any]:
    """Return at which places of ``args`` a command is named, and the command; ``None`` where there is none of that name."""
    path: list[int] = []
    command = root
    for place, word in enumerate(args):
        if word in EVERYWHERE:
            continue
        if word not in getattr(command, "commands", {}):
            break
        path.append(place)
        command = command.commands[word]
    return path, command if path else None


def _options(command: Any) -> set[str]:
    return {
        name
        for param in command.params
        if param.param_type_name == "option"
        for name in (*param.opts, *param.secondary_opts)
    }


def _arguments(command: Any) -> set[str]:
    """Return the first argument of a command as the options that others have for it."""
    first = next((param for param in command.params if param.param_type_name == "argument"), None)
    if first is None:
        return set()
    words = {first.name, *(first.metavar or "").removesuffix(".yaml").rstrip(".").lower().split("|")}
    if first.metavar == "NAME":
        words.add("device")
    return {f"--{word}{end}" for word in words for end in ("", "s")} - _options(command)


def _that_take(root: Any, option: str) -> Iterator[str]:
    """Yield the commands that have an option, with what it is called there."""

    def below(command: Any, path: str) -> Iterator[str]:
        if (name := _spelled(option, options := _options(command))) in options:
            yield f"{path} {name}"
        for word, each in getattr(command, "commands", {}).items():
            yield from below(each, f"{path} {word}")

    for name, each in root.commands.items():
        yield from below(each, f"farm {name}")
