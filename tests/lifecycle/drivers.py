"""Every way to perform a command, behind one face, so that a scenario is written once.

A scenario says what ``run`` and ``fallback`` do with plain functions; the driver puts them into a command
class or a decorated function and performs it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties, Execution, ThreadPoolProperties, command

from .gates import PATIENCE, Gate, outlast_limit

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "target"


@dataclass
class Script:
    """What one call does: wait at ``hold``, outlast its limit if it shall, then ``run``."""

    run: Callable[[], Any]
    hold: Gate | None = None
    overrun: bool = False
    late: Gate = field(default_factory=Gate)
    error: BaseException | None = None  # what the fallback was told


@dataclass
class Outcome:
    """What the caller got, and what the command says of itself."""

    value: Any
    error: BaseException | None
    execution: Execution

    @property
    def events(self) -> tuple[str, ...]:
        return tuple(event.name for event in self.execution.events)


class Started:
    """A call under way in a thread of its own."""

    def __init__(self, driver: Driver, made: Any) -> None:
        self.made = made
        self._cancel: Future[Callable[[], object]] = Future()
        self._outcome: Future[Outcome] = Future()
        threading.Thread(target=self._go, args=(driver,), daemon=True).start()

    def _go(self, driver: Driver) -> None:
        self._outcome.set_result(driver.outcome(self.made, self._cancel.set_result))

    def cancel(self) -> None:
        """Cancel as a caller of this driver does."""
        self._cancel.result(PATIENCE)()

    def outcome(self) -> Outcome:
        return self._outcome.result(PATIENCE)


@dataclass(frozen=True)
class Driver:
    """One way to perform: the kind of command, and what the caller does with it."""

    name: str
    kind: type[Kind]
    perform: Callable[[Any, Callable[[Any], None]], tuple[Any, BaseException | None]]

    @property
    def isolation(self) -> str:
        return self.kind.isolation

    @property
    def is_async(self) -> bool:
        """True where run is a coroutine."""
        return self.kind.is_async

    @property
    def is_inline(self) -> bool:
        """True where run is called in the caller's thread and nothing can stop it."""
        return self.isolation == "semaphore" and not self.is_async

    @property
    def is_threaded(self) -> bool:
        """True where run runs on the pool."""
        return self.isolation == "thread"

    @property
    def is_cancellable(self) -> bool:
        """True where a caller can give up while run runs."""
        return not self.is_inline and self.perform is not by_execute

    @property
    def falls_back_apart(self) -> bool:
        """True where the fallback runs on the threads hystrix-fallback-<n>."""
        return self.perform is by_queue or (self.perform is by_await and self.isolation == "thread")

    @property
    def rejection(self) -> tuple[str, type[hystrixpy.CommandRejectedError]]:
        """Event and error of a full bulkhead."""
        if self.isolation == "thread":
            return "THREAD_POOL_REJECTED", hystrixpy.ThreadPoolRejectedError
        return "SEMAPHORE_REJECTED", hystrixpy.SemaphoreRejectedError

    def outcome(self, made: Any, seen: Callable[[Any], None] = lambda cancel: None) -> Outcome:
        value, error = self.perform(made, seen)
        return Outcome(value, error, made.execution)

    def __str__(self) -> str:
        return self.name


class Target:
    """One command key on one driver. ``places`` is the size of its bulkhead."""

    def __init__(
        self,
        driver: Driver,
        fallback: Any = None,
        *,
        places: int = 10,
        key: str = KEY,
        pool: ThreadPoolProperties | None = None,
        **properties: Any,
    ) -> None:
        self.driver, self.key = driver, key
        self.scripts: list[Script] = []
        given = CommandProperties(isolation=driver.isolation, **properties)  # type: ignore[arg-type]
        if driver.isolation == "semaphore":
            given = given.replace(max_concurrent=places)
        self._make = driver.kind.define(key, fallback, given, pool or ThreadPoolProperties(core_size=places))

    def make(self, run: Callable[[], Any] = lambda: "value", **script: Any) -> Any:
        """A command, not yet executed."""
        self.scripts.append(Script(run, **script))
        return self._make(self.scripts[-1])

    def call(self, run: Callable[[], Any] = lambda: "value", **script: Any) -> Outcome:
        """Execute once, in this thread."""
        return self.driver.outcome(self.make(run, **script))

    def start(self, run: Callable[[], Any] = lambda: "value", **script: Any) -> Started:
        """Execute once, in another thread."""
        return Started(self.driver, self.make(run, **script))

    @property
    def metrics(self) -> hystrixpy.CommandMetrics:
        return hystrixpy.metrics(self.key)

    @property
    def pool(self) -> hystrixpy.ThreadPool:
        return hystrixpy.thread_pool(hystrixpy.registry.circuit(self.key).thread_pool)

    @property
    def counts(self) -> dict[str, int]:
        """The cumulative counts that are not zero, EXCEPTION_THROWN (derived) left out."""
        counts = self.metrics.cumulative_counts()
        return {event.name: n for event, n in counts.items() if n and event.name != "EXCEPTION_THROWN"}

    def release(self) -> None:
        """Let everything that still hangs go on."""
        for script in self.scripts:
            script.late.open()
            if script.hold is not None:
                script.hold.open()


# -- the kinds of command ----------------------------------------------------------------------------


def play(script: Script) -> Any:
    """Run a script in a thread."""
    if script.hold is not None:
        script.hold.wait()
    if script.overrun and hystrixpy.current_command().execution.is_executed_in_thread:
        script.late.wait()
    elif script.overrun:
        outlast_limit()
    return script.run()


async def play_in_task(script: Script) -> Any:
    """Run a script on the event loop."""
    if script.hold is not None:
        await script.hold.wait_in_task()
    if script.overrun:
        await script.late.wait_in_task()
    value = script.run()
    return await value if isawaitable(value) else value


class Kind:
    """How run and fallback get into a command; ``define`` returns what makes a command of a script."""

    isolation: ClassVar[str]
    is_async: ClassVar[bool] = False

    @classmethod
    def define(cls, key: str, fallback: Any, properties: Any, pool: Any) -> Callable[[Script], Any]:
        raise NotImplementedError


class SemaphoreClass(Kind):
    isolation = "semaphore"

    @classmethod
    def define(cls, key: str, fallback: Any, properties: Any, pool: Any) -> Callable[[Script], Any]:
        body: dict[str, Any] = {"key": key, "properties": properties, "pool_properties": pool}
        body |= {"__init__": _keep_script, "run": lambda self: play(self.script)}
        if fallback is not None:
            body["fallback"] = _sync_fallback(fallback)
        return type("Target", (Command,), body)


class ThreadClass(SemaphoreClass):
    isolation = "thread"


class AsyncClass(Kind):
    isolation = "semaphore"
    is_async = True

    @classmethod
    def define(cls, key: str, fallback: Any, properties: Any, pool: Any) -> Callable[[Script], Any]:
        async def run(self: Any) -> Any:
            return await play_in_task(self.script)

        body: dict[str, Any] = {"key": key, "properties": properties, "__init__": _keep_script, "run": run}
        if fallback is not None:
            body["fallback"] = _async_fallback(fallback)
        return type("Target", (AsyncCommand,), body)


class SemaphoreFunction(Kind):
    isolation = "semaphore"

    @classmethod
    def define(cls, key: str, fallback: Any, properties: Any, pool: Any) -> Callable[[Script], Any]:
        told = None if fallback is None else lambda script, error: _told(script, error, fallback)
        return command(key=key, properties=properties, pool_properties=pool, fallback=told)(play).command


class ThreadFunction(SemaphoreFunction):
    isolation = "thread"


class AsyncFunction(Kind):
    isolation = "semaphore"
    is_async = True

    @classmethod
    def define(cls, key: str, fallback: Any, properties: Any, pool: Any) -> Callable[[Script], Any]:
        async def told(script: Script, error: BaseException) -> Any:
            value = _told(script, error, fallback)
            return await value if isawaitable(value) else value

        given = None if fallback is None else told
        return command(key=key, properties=properties, fallback=given)(play_in_task).command


def _keep_script(self: Any, script: Script) -> None:
    self.script = script


def _told(script: Script, error: BaseException, fallback: Callable[[], Any]) -> Any:
    script.error = error
    return fallback()


def _sync_fallback(fallback: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda self: _told(self.script, self.execution.exception, fallback)


def _async_fallback(fallback: Callable[[], Any]) -> Callable[[Any], Any]:
    async def told(self: Any) -> Any:
        value = _told(self.script, self.execution.exception, fallback)
        return await value if isawaitable(value) else value

    return told


# -- what the caller does ----------------------------------------------------------------------------


def by_execute(made: Any, seen: Callable[[Any], None]) -> tuple[Any, BaseException | None]:
    try:
        return made.execute(), None
    except BaseException as error:
        return None, error


def by_queue(made: Any, seen: Callable[[Any], None]) -> tuple[Any, BaseException | None]:
    future = made.queue()
    seen(future.cancel)
    try:
        return future.result(PATIENCE), None
    except BaseException as error:
        return None, error


def by_await(made: Any, seen: Callable[[Any], None]) -> tuple[Any, BaseException | None]:
    async def main() -> tuple[Any, BaseException | None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        seen(lambda: loop.call_soon_threadsafe(task.cancel))
        try:
            return await made, None
        except BaseException as error:
            return None, error

    return asyncio.run(main())


def by_task(made: Any, seen: Callable[[Any], None]) -> tuple[Any, BaseException | None]:
    tasks: list[asyncio.Task[Any]] = []

    async def main() -> None:
        tasks.append(made.queue())
        loop = asyncio.get_running_loop()
        seen(lambda: loop.call_soon_threadsafe(tasks[0].cancel))
        await asyncio.wait(tasks)

    with suppress(KeyboardInterrupt, SystemExit):  # a task that raises one of these also stops the loop
        asyncio.run(main())
    try:
        return tasks[0].result(), None
    except BaseException as error:
        return None, error


DRIVERS = (
    Driver("semaphore-execute", SemaphoreClass, by_execute),
    Driver("semaphore-queue", SemaphoreClass, by_queue),
    Driver("semaphore-await", SemaphoreClass, by_await),
    Driver("thread-execute", ThreadClass, by_execute),
    Driver("thread-queue", ThreadClass, by_queue),
    Driver("thread-await", ThreadClass, by_await),
    Driver("async-await", AsyncClass, by_await),
    Driver("async-queue", AsyncClass, by_task),
    Driver("fn-semaphore", SemaphoreFunction, by_execute),
    Driver("fn-thread", ThreadFunction, by_execute),
    Driver("fn-async", AsyncFunction, by_await),
)
