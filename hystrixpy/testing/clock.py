"""Time that moves by hand."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from hystrixpy._native.clock import manual_advance, manual_start, manual_stop, now_ns

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

__all__ = ["ManualClock"]

_SECOND = 1_000_000_000
_LONGEST = 1e9
"""Seconds, some 31 years: the most one step may take."""


class ManualClock:
    """Stops the time of windows, breakers and latencies, which then moves by ``advance`` only.

    Timeouts, ``deadline()``, collapser delays and keep-alives stay on real time. The clock starts at
    a whole second and counts whole nanoseconds, so ten steps of 0.1 s are one second exactly. It is
    one for the process, all threads included: a second one at the same time is a ``RuntimeError``.
    When it ends, time runs on from where it stood and never goes back.

    >>> from hystrixpy import RollingCounter
    >>> with ManualClock() as clock:
    ...     calls = RollingCounter(window=10.0, buckets=10)
    ...     calls.add()
    ...     clock.advance(9.0)
    ...     before = calls.sum()
    ...     clock.advance(1.0)
    ...     before, calls.sum()
    (1, 0)
    """

    def __init__(self) -> None:
        self._on = False

    def __enter__(self) -> Self:
        manual_start()
        self._on = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._on = False
        manual_stop()

    def advance(self, seconds: float) -> None:
        """Move time forward by ``seconds``, rounded to whole nanoseconds.

        Raises ``ValueError`` for a negative or not finite number and for more than 31 years, and
        ``RuntimeError`` outside the ``with`` block.
        """
        if not isfinite(seconds) or not 0 <= seconds <= _LONGEST:
            raise ValueError(f"a clock moves by 0 to {_LONGEST:g} seconds, not by {seconds!r}")
        self._check_on()
        manual_advance(round(seconds * _SECOND))

    def now(self) -> float:
        """The time in seconds since an arbitrary start; ``RuntimeError`` outside the ``with`` block."""
        self._check_on()
        return now_ns() / _SECOND

    def _check_on(self) -> None:
        if not self._on:
            raise RuntimeError("this ManualClock is not on: use it inside `with ManualClock() as clock:`")

    def __repr__(self) -> str:
        return f"<ManualClock at {self.now():.9f} s>" if self._on else "<ManualClock, off>"
