"""``farm``, ``python -m edge_farm``: the command line, or a sentence about the package that keeps it from starting."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

from edge_farm import installed


def main() -> None:
    """Run the command line and exit; exit status 3 where another package took the place of farm's own, 130 after Ctrl-C."""
    try:
        _run()
    except KeyboardInterrupt:  # while modules are imported: from then on the command line answers it
        sys.exit(128 + signal.SIGINT)


def _run() -> None:
    try:
        import orchestrator
        from orchestrator.cli.main import main as farm
    except Exception:  # another package's files raise what they like
        problem = installed.complaint()
        if problem is None:
            raise
        _refuse(*problem)
    if installed.shadowed() is not None or "Farm" not in dir(orchestrator):
        _refuse(*(installed.complaint() or (f"{orchestrator.__file__} is not farm's own", "install farm again")))
    farm()


def _refuse(words: str, hint: str) -> NoReturn:
    sys.stderr.write(f"farm: {words}\n      {hint}\n")
    sys.exit(3)


if __name__ == "__main__":
    main()
