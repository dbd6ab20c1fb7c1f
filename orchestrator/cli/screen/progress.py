"""The screen of a run, on standard error.

It moves only when something happens. A spinner would be work of ours beside the measurement on the device `local`.
"""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Self

from orchestrator.cli.screen.board import Board
from orchestrator.cli.screen.event_lines import EventLines, Kind
from orchestrator.cli.screen.output import Loudness
from orchestrator.cli.screen.pace import SHARE, Pace

if TYPE_CHECKING:
    from rich.console import RenderableType

    from orchestrator.cli.screen.board import DoneSteps
    from orchestrator.cli.screen.output import Output
    from orchestrator.cli.screen.time_left import Estimates
    from orchestrator.domain.event import Event


class Screen:
    """Shows events: a block that is drawn anew on a terminal, with lasting lines above it; plain lines elsewhere.

    ``estimates`` are of what was not carried out yet, ``done_steps`` returns which steps of a run that goes on need no doing.
    ``is_live`` is whether there is such a block; where it is left out, ``output`` decides. Drawing takes ``drawing_share`` of the time at most.
    """

    def __init__(
        self,
        output: Output,
        *,
        estimates: Estimates | None = None,
        done_steps: DoneSteps | None = None,
        is_live: bool | None = None,
        drawing_share: float = SHARE,
    ) -> None:
        from rich.live import Live

        self._console = output.console
        self.is_live = output.is_live if is_live is None else is_live
        self.board = Board(estimates=estimates, done_steps=done_steps)
        self._lines = EventLines(self.board)
        self._kinds = _kinds(output.loudness, is_live=self.is_live)
        self._live = Live(
            console=self._console,
            get_renderable=self._rendered,
            transient=True,
            auto_refresh=False,
            vertical_overflow="crop",
        )
        #: Lasting lines that wait for the block to be drawn anew: each that is printed draws it, too.
        self._waiting: list[str] = []
        #: Columns that each line of the block took when it was drawn last.
        self._drawn: list[int] = []
        self._is_drawing = False
        self._was_resized = False
        self._before: object = None
        #: Held by whoever changes or draws the block.
        self._lock = threading.RLock()
        self._pace = Pace(self._draw, self._lock, share=drawing_share)

    def __enter__(self) -> Self:
        if self.is_live:
            self._live.start()
            self._console.show_cursor()  # whatever kills the command leaves a terminal that has one
            if threading.current_thread() is threading.main_thread():
                self._before = signal.signal(signal.SIGWINCH, lambda *_: self._resized())
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGWINCH, self._before)  # type: ignore[arg-type]  # what `signal` returned
        self._pace.stop()
        if self.is_live:
            self._print_waiting()
            self._live.stop()

    def show(self, event: Event) -> None:
        """Show what happened."""
        with self._lock:
            self.board.follow(event)
            self._is_drawing = True
            lines = [line for line in self._lines.of(event) if line.kind in self._kinds]
            self._waiting += [line.markup for line in lines]
            if not self.is_live or any(line.kind is Kind.PROBLEM for line in lines):
                self._print_waiting()
            if self.is_live:
                self._pace.ask()
            self._is_drawing = False
            if self._was_resized:
                self._resized()

    def _draw(self) -> None:
        self._print_waiting()
        self._live.refresh()

    def _print_waiting(self) -> None:
        """Print the lines that wait, in one go beside a block, where they are for a person, who reads whole words; elsewhere one event is one line."""
        waiting, self._waiting = self._waiting, []
        for markup in ["\n".join(waiting)] if self.is_live and waiting else waiting:
            self._console.print(markup, soft_wrap=not self.is_live)

    def _rendered(self) -> RenderableType:
        """Return the block, laid out: whoever draws it again needs not do that."""
        from rich.segment import Segment, Segments

        block = self.board.render(self._console.width, self._console.height)
        lines = self._console.render_lines(block, pad=False)
        self._drawn = [Segment.get_line_length(line) for line in lines]
        ends = [Segment.line()] * (len(lines) - 1) + [Segment("")]
        return Segments([segment for line, end in zip(lines, ends, strict=False) for segment in (*line, end)])

    def _resized(self) -> None:
        """Draw the block anew, once nothing else is drawn; a terminal that became narrower has broken the lines of the old one."""
        with self._lock:
            self._was_resized = self._is_drawing
            if self._is_drawing:
                return
            from rich.control import Control
            from rich.segment import ControlType

            width = max(1, self._console.width)
            for _ in range(sum(max(0, columns - 1) // width for columns in self._drawn)):
                self._console.control(
                    Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1))
                )
            self._live.refresh()


def _kinds(loudness: Loudness, *, is_live: bool) -> frozenset[Kind]:
    """Return what is printed."""
    if loudness is Loudness.QUIET:
        return frozenset({Kind.PROBLEM})
    if loudness is Loudness.VERBOSE:
        return frozenset(Kind)
    return frozenset({Kind.PROBLEM, Kind.NEWS} if is_live else set(Kind) - {Kind.DETAIL})
