"""The ``farm`` command, made of the other modules' commands; errors become an exit status."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import (
    attach,
    bench,
    collect,
    completion,
    datasets,
    db,
    devices,
    doctor,
    models,
    report,
    results,
    run,
    runs,
    stop,
    web,
)
from orchestrator.cli.aliases import FarmGroup
from orchestrator.cli.password_warning import warn_of_password
from orchestrator.cli.screen.interrupts import STATUS, Interrupts, status_of
from orchestrator.cli.screen.output import choose

if TYPE_CHECKING:
    from orchestrator.errors import FarmError

#: What a disk says that is full, read-only, somebody else's, or has something else where a file should be.
PLACES = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
)

app = typer.Typer(
    name="farm",
    cls=FarmGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Measure quantized image classifiers on the very devices that will run them.",
    epilog="Start with: farm run.  Exit status: 0 fine, 1 a case failed or is INVALID, 2 usage, 3 nothing could run.",
)
app.command("run", cls=run.ResumeLatest, epilog=run.EPILOG)(run.run)
app.command("attach", epilog=attach.EPILOG)(attach.attach)
app.command("stop", epilog=stop.EPILOG)(stop.stop)
app.command("collect", epilog=collect.EPILOG)(collect.collect)
app.command("bench", epilog=bench.EPILOG)(bench.bench)
app.add_typer(devices.app)
app.add_typer(results.app)
app.command("report", epilog=report.EPILOG)(report.report)
app.add_typer(runs.app)
app.command("web", epilog=web.EPILOG)(web.web)
app.add_typer(models.app)
app.add_typer(datasets.app)
app.add_typer(db.app)
app.command("doctor", epilog=doctor.EPILOG)(doctor.doctor)
app.command("completion", epilog=completion.EPILOG)(completion.completion)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"farm {version('edge-farm')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    *,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the answer and errors alone; stands before a command or after it.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print each attempt, and each question to a device, too; likewise.")
    ] = False,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", help="Append lines, redraw none: for screen readers and logs; likewise, or set FARM_PLAIN=1."
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version  # its callback answers
    choose(context, quiet=quiet, verbose=verbose, plain=plain)


def main() -> None:
    """Run the command line and exit."""
    _collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × still gets its table
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else a thread for each core, twice, with nothing to multiply
    warn_of_password(sys.argv[1:])
    completion.answer_shells()
    try:
        with Interrupts():
            app(prog_name="farm")
    except KeyboardInterrupt as pressed:
        sys.exit(status_of(pressed))
    except SystemExit as ended:  # Typer makes `STATUS` of every `KeyboardInterrupt`
        sys.exit(_status(ended))
    except Exception as error:
        from orchestrator.errors import FarmError

        if isinstance(error, OSError) and error.errno in PLACES:  # the user's disk, not our bug
            error = FarmError(f"{error.filename or 'the disk'}: {error.strerror}")
        if not isinstance(error, FarmError):
            raise
        sys.exit(_show(error))


def _status(ended: SystemExit) -> int | str | None:
    """Return the exit status of a command: 0 where who reads has seen enough, of which Typer makes 1."""
    if isinstance(ended.__context__, BrokenPipeError) and _is_reader_gone():
        return 0
    return status_of(ended) if ended.code == STATUS else ended.code


def _is_reader_gone() -> bool:
    """Return whether standard output is a pipe that is read no more: another pipe or a socket breaks for other reasons."""
    with suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(1, 0)  # errors are reported unasked
        return any(happened & select.POLLERR for _, happened in poll.poll(0))
    return False


def _collect_rarely() -> None:
    """Look for unused cycles rarely, and at the end not at all: imports make some 150,000 objects that all stay, and looking at them again and again takes a third of a short command's time."""
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)


def _show(error: FarmError) -> int:
    """Print what a user can act on; return the exit status."""
    from orchestrator.cli.context import errors_console
    from orchestrator.cli.screen.terminal import plain
    from orchestrator.errors import UsageError

    screen = errors_console()
    screen.print(f"[bold red]farm:[/] {plain(error.message)}", soft_wrap=True)
    if error.hint:
        screen.print(f"      {plain(error.hint)}", soft_wrap=True)
    return 2 if isinstance(error, UsageError) else 1


if __name__ == "__main__":
    main()
