"""Pools for tests, and works that a test holds back until it lets them go."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hystrixpy import ThreadPool, ThreadPoolProperties, ThreadPoolRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

PATIENCE = 10.0
"""Seconds after which a test gives up; never waited for in a test that passes."""


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until another thread has brought something about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.0002)


class Crowd:
    """A pool and the works that were given to it; each work runs until the test lets it go."""

    def __init__(self, key: str, **sizes: object) -> None:
        self.pool = ThreadPool(key, ThreadPoolProperties(**sizes))
        self.begun: list[int] = []
        self._gates: list[threading.Event] = []
        self._works: list[tuple[threading.Event, Future[int]]] = []

    def add(self) -> bool:
        """Submit one more work that is held back; False: turned away."""
        gate, number = threading.Event(), len(self._works)
        try:
            future = self.pool.call(self._work, gate, number)
        except ThreadPoolRejectedError:
            return False
        self._works.append((gate, future))
        return True

    def _work(self, gate: threading.Event, number: int) -> int:
        self.begun.append(number)
        assert gate.wait(PATIENCE)
        return number

    def fill(self, count: int) -> None:
        """Add that many, all of which must be accepted; return when as many of them run as can."""
        assert [self.add() for _ in range(count)] == [True] * count
        self.settle()

    def gate(self) -> threading.Event:
        """An Event that is set at the end of the test at the latest."""
        gate = threading.Event()
        self._gates.append(gate)
        return gate

    def let_go(self, number: int) -> None:
        """End one work, and wait until the pool has taken notice."""
        gate, future = self._works[number]
        gate.set()
        assert future.result(PATIENCE) == number

    def let_all_go(self) -> None:
        for gate in [*self._gates, *(gate for gate, _future in self._works)]:
            gate.set()
        for _gate, future in self._works:
            future.result(PATIENCE)

    def settle(self) -> None:
        """Wait until no accepted work is on its way to a thread."""
        eventually(lambda: self.pool.active + self.pool.queue_size == self.unfinished)

    @property
    def unfinished(self) -> int:
        return sum(not future.done() for _gate, future in self._works)

    @property
    def running(self) -> set[int]:
        """Which works have begun and are not over."""
        return {number for number in self.begun if not self._works[number][1].done()}

    def resize(self, **sizes: object) -> None:
        self.pool.configure(ThreadPoolProperties(**sizes))


@contextmanager
def crowd(key: str = "users", **sizes: object) -> Iterator[Crowd]:
    """A Crowd whose pool is gone, to the last thread, afterwards."""
    made = Crowd(key, **sizes)
    try:
        yield made
    finally:
        made.let_all_go()
        assert made.pool.shutdown(timeout=PATIENCE)
        assert not [thread for thread in threading.enumerate() if thread.name.startswith(f"hystrix-{key}-")]
