"""The ``farm`` command, made of the other modules' commands; errors become an exit status."""

from __future__ import annotations

import errno
import io
import sys
from typing import Annotated

import typer

from orchestrator.cli import bench, completion, datasets, db, devices, doctor, models, report, results, run, runs, web
from orchestrator.cli.aliases import Aliased
from orchestrator.cli.interrupts import STATUS, Interrupts
from orchestrator.cli.output import OutputGroup, choose
from orchestrator.cli.password_warning import warn_of_password

#: What a disk says that is full, read-only, somebody else's, or has something else where a file should be.
PLACES = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
)

app = typer.Typer(
    name="farm",
    cls=OutputGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Measure quantized image classifiers on the very devices that will run them.",
    epilog="Start with: farm run.  Exit status: 0 fine, 1 a case failed or is INVALID, 2 usage, 3 nothing could run.",
)
app.command("run", cls=run.ResumeLatest, epilog=run.EPILOG)(run.run)
app.command("bench", cls=Aliased, epilog=bench.EPILOG)(bench.bench)
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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without × still gets its table
    warn_of_password(sys.argv[1:])
    completion.answer_shells()
    try:
        with Interrupts():
            app(prog_name="farm")
    except KeyboardInterrupt:
        sys.exit(STATUS)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        from orchestrator.errors import FarmError, UsageError

        if isinstance(error, OSError) and error.errno in PLACES:  # the user's disk, not our bug
            error = FarmError(f"{error.filename or 'the disk'}: {error.strerror}")
        if not isinstance(error, FarmError):
            raise
        from orchestrator.cli.context import errors_console
        from orchestrator.cli.terminal import plain

        screen = errors_console()
        screen.print(f"[bold red]farm:[/] {plain(error.message)}", soft_wrap=True)
        if error.hint:
            screen.print(f"      {plain(error.hint)}", soft_wrap=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)


if __name__ == "__main__":
    main()
