"""What a shell offers for a word that a person begins to write; whatever fails, it offers nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.context import Project, project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from orchestrator.domain.case import Case

    #: What Typer calls with what is parsed so far, with the words of the command line, with the word that is begun.
    Complete = Callable[[typer.Context, list[str], str], list[str]]

#: More than a screen of them help no one.
MOST = 200
#: A word that a shell takes as it stands. Names of models may come from a stranger's archive: what is offered is run as it is typed.
_PLAIN = re.compile(r"[\w.+@%:=/,][\w.+@%:=/,-]*")


def _complete(listed: Callable[[Project], Iterable[str]], *, several: bool = False) -> Complete:
    """Return what completes one word, or with ``several`` the last of a list with commas."""

    def complete(context: typer.Context, args: list[str], incomplete: str) -> list[str]:  # noqa: ARG001  Typer finds what it gives by these names
        before, comma, begun = incomplete.rpartition(",") if several else ("", "", incomplete)
        chosen = set(before.split(","))
        try:
            files = project(context.params.get("db"), context.params.get("inventory"))
            found = [name for name in listed(files) if name.startswith(begun) and name not in chosen]
        except Exception:  # noqa: BLE001  a traceback in the middle of a person's command line helps no one
            return []
        words = [f"{before}{comma}{name}" for name in found]
        return [word for word in words if _PLAIN.fullmatch(word)][:MOST]

    return complete


def _device_names(files: Project) -> Iterable[str]:
    from orchestrator.config.inventory import Inventory

    return [device.name for device in Inventory.load(files.inventory).devices]


def _names(kind: str) -> Callable[[Project], Iterable[str]]:
    def listed(_: Project) -> Iterable[str]:
        from orchestrator import registry

        return registry.names(kind)

    return listed


def _runtimes(_: Project) -> Iterable[str]:
    from orchestrator.runtimes.catalogue import RUNTIMES

    return RUNTIMES


def _efforts(_: Project) -> Iterable[str]:
    from orchestrator.domain.effort import EFFORTS

    return EFFORTS


def _cases(files: Project) -> Sequence[Case]:
    if files.has_no_database():
        return ()
    with files.open_store(create=False) as store:
        return store.cases()


def _of_cases(field: str) -> Callable[[Project], Iterable[str]]:
    return lambda files: sorted({str(getattr(case, field)) for case in _cases(files)})


def _runs(files: Project) -> Iterable[str]:
    if files.has_no_database():
        return ()
    with files.open_store(create=False) as store:
        rows = store.runs()
    return ["latest", *(row.name for row in rows if row.name), *(row.id for row in rows)]


device = _complete(_device_names)
devices = _complete(lambda files: ["all", *_device_names(files)], several=True)
device_words = _complete(lambda files: ["all", *_device_names(files)])
schemes = _complete(_names("scheme"), several=True)
runtimes = _complete(_runtimes, several=True)
effort = _complete(_efforts)
run = _complete(_runs)
case = _complete(lambda files: sorted(str(case) for case in _cases(files)))
measured_devices = _complete(_of_cases("device"), several=True)
measured_models = _complete(_of_cases("model"), several=True)
measured_schemes = _complete(_of_cases("scheme"), several=True)
measured_runtimes = _complete(_of_cases("runtime"), several=True)
verdicts = _complete(lambda _: ("VALID", "WARN", "INVALID"), several=True)
