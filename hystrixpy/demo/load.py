"""Calls at a steady rate, whatever the calls do: from threads for the blocking commands, from a loop for the async one.

Each caller keeps its own timetable. One that falls behind (its call was slow) skips what it missed instead of catching
up in a burst, as independent users would.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

__all__ = ["AsyncLoad", "ThreadLoad"]


def timetable(interval: float, first: float, clock: Callable[[], float] = time.monotonic) -> Iterator[float]:
    """Seconds to wait before each call, for ever: one call per ``interval``, none made up for."""
    due = clock() + first
    while True:
        yield max(0.0, due - clock())
        missed = max(0, int((clock() - due) / interval))
        due += interval * (1 + missed)


class ThreadLoad:
    """``rate`` calls of ``call(number)`` per second, from ``callers`` threads; a context manager."""

    def __init__(self, call: Callable[[int], object], rate: float, callers: int) -> None:
        self._call = call
        self._interval = callers / rate
        self._numbers = count()
        self._over = threading.Event()
        first = [self._interval * place / callers for place in range(callers)]
        self._threads = [threading.Thread(target=self._main, args=(wait,), daemon=True) for wait in first]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        """Make no further call, and wait until those under way have ended."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _main(self, first: float) -> None:
        for wait in timetable(self._interval, first):
            if self._over.wait(wait):
                return
            # What a call raises, its circuit has counted: the user it stands for sees an error page and comes again.
            with contextlib.suppress(Exception):
                self._call(next(self._numbers))


class AsyncLoad:
    """``rate`` calls of ``await call(number)`` per second, each a task of one loop in one thread; a context manager."""

    def __init__(self, call: Callable[[int], Awaitable[object]], rate: float) -> None:
        self._call = call
        self._interval = 1 / rate
        self._numbers = count()
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Make no further call, and wait until those under way have ended."""
        self._over.set()
        self._thread.join()

    async def _main(self) -> None:
        async with asyncio.TaskGroup() as calls:
            for wait in timetable(self._interval, first=0.0):
                await asyncio.sleep(wait)
                if self._over.is_set():
                    return
                calls.create_task(self._one())

    async def _one(self) -> None:
        with contextlib.suppress(Exception):
            await self._call(next(self._numbers))
