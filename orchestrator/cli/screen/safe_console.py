"""A console that no text steers."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment

from orchestrator.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType


class SafeConsole(Console):
    """rich's console; control characters in a text become U+FFFD, wherever the text is from.

    A database may hold what an older farm, or another program, put there.
    """

    def on_broken_pipe(self) -> None:
        """End quietly: who reads has seen enough, as ``| head`` does. rich itself would end with exit status 1."""
        self.quiet = True
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise SystemExit(0)

    def _check_buffer(self) -> None:
        """Write what waits. A terminal that is gone refuses that a moment before SIGHUP comes: this is that signal."""
        try:
            super()._check_buffer()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.quiet = True
            signal.raise_signal(signal.SIGHUP)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of ``renderable``, each text in them printable."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
