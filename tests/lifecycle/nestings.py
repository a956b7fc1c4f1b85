"""Every way to execute a command inside the run of another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .drivers import Driver


@dataclass(frozen=True)
class Nesting:
    """An inner command of some kind, and how the outer run performs it; ``perform`` None: run awaits it."""

    name: str
    kind: str
    perform: Callable[[Any], Any] | None = None

    def fits(self, outer: Driver) -> bool:
        """Whether a run of this driver can do that: await on a loop, or start a loop where none runs."""
        if self.perform is None:
            return outer.is_async
        return self.kind != "async" or not (outer.is_async or outer.name == "semaphore-await")

    def __call__(self, make: Callable[[str], Any]) -> Callable[[], Any]:
        """A run that executes what ``make`` gives for the kind, and returns its result."""
        perform = self.perform or (lambda made: made)
        return lambda: perform(make(self.kind))

    def __str__(self) -> str:
        return self.name


NESTINGS = (
    Nesting("semaphore execute", "semaphore", lambda made: made.execute()),
    Nesting("thread execute", "thread", lambda made: made.execute()),
    Nesting("thread queue", "thread", lambda made: made.queue().result(30)),
    Nesting("async in asyncio.run", "async", lambda made: asyncio.run(made.execute())),
    Nesting("semaphore await", "semaphore"),
    Nesting("thread await", "thread"),
    Nesting("async await", "async"),
)
