"""Failures of one link in a row, borne until patience is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.event import LinkLost
from orchestrator.runs import retry

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.errors import Transient


class LinkFailures:
    """Counts the failures of the link to a device since it was heard last; ``clock`` is in seconds, ``draw`` spreads waits.

    Silence counts from then too; where the device ``is_quiet`` without a failure, from the first one.
    """

    def __init__(
        self,
        run: str,
        device: str,
        patience_s: float,
        *,
        is_quiet: bool,
        clock: Callable[[], float],
        draw: Callable[[float, float], float],
    ) -> None:
        self._run, self._device, self._patience_s = run, device, patience_s
        self._is_quiet, self._clock, self._draw = is_quiet, clock, draw
        self.forget()

    def forget(self) -> None:
        """Begin a new row: the device is heard."""
        self._count, self._heard = 0, self._clock()

    def next(self, error: Transient, *, held_by_us: bool) -> LinkLost:
        """Count a failure, and return the event that says how long to wait; raises ``error`` where patience is over.

        ``held_by_us`` is as `retry.after_link_error` takes it.
        """
        if self._is_quiet and not self._count:
            self.forget()
        self._count += 1
        decision = retry.after_link_error(
            error,
            failures=self._count,
            silent_s=self._clock() - self._heard,
            patience_s=self._patience_s,
            held_by_us=held_by_us,
            draw=self._draw,
        )
        if decision.next is retry.Next.GIVE_UP:
            raise error
        return LinkLost(
            run=self._run,
            device=self._device,
            reason=error.message,
            wait_s=decision.wait_s,
            failures=self._count,
            most=decision.most,
        )
