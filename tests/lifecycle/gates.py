"""Where a scenario waits: a gate that the test opens, for threads and tasks alike."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import hystrixpy

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 30.0
"""Seconds after which a test that waits has failed; nothing ever waits that long when it passes."""


class Gate:
    """Closed until ``open()``. ``reached`` tells that somebody waits at it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self._tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def open(self) -> None:
        """Let everybody through, now and later."""
        with self._lock:
            self._opened.set()
            waiting, self._tasks = self._tasks, []
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def wait(self) -> None:
        """Wait in a thread."""
        self.reached.set()
        assert self._opened.wait(PATIENCE), "nobody opened the gate"

    async def wait_in_task(self) -> None:
        """Wait on the event loop."""
        event = asyncio.Event()
        with self._lock:
            if self._opened.is_set():
                return
            self._tasks.append((asyncio.get_running_loop(), event))
        self.reached.set()
        await asyncio.wait_for(event.wait(), PATIENCE)

    def wait_reached(self) -> None:
        """Wait until somebody waits at the gate."""
        assert self.reached.wait(PATIENCE), "nobody came to the gate"


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds that another thread brings about on its own, such as a worker becoming free."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        threading.Event().wait(0.001)


def outlast_limit() -> None:
    """Return only when the time limit of the running command has passed (it counts real time)."""
    left = hystrixpy.deadline()
    assert left is not None, "there is no limit to outlast"
    while left > 0:
        threading.Event().wait(left)
        left = hystrixpy.deadline()
