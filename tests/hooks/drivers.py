"""Every way to execute a command, under one face: what the hook tests are run on."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hystrixpy import AsyncCommand, Command, CommandHook, CommandProperties, ThreadPoolProperties
from hystrixpy.hooks.hook import CALLBACKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 0.2  # room for a worker to begin on a busy machine
SMALL = ThreadPoolProperties(core_size=1)


class Recorder(CommandHook):
    """Writes down which callbacks fire, for the commands under test only (those with ``watched``)."""

    def __init__(self) -> None:
        self.fired: list[str] = []
        self.seen = threading.Condition()

    def note(self, name: str) -> None:
        with self.seen:
            self.fired.append(name.removeprefix("on_"))
            self.seen.notify_all()

    def wait_for(self, name: str) -> None:
        with self.seen:
            assert self.seen.wait_for(lambda: name in self.fired, 10), self.fired


def _callback(name: str) -> Callable[..., Any]:
    def callback(self: Recorder, command: Any, *subject: Any) -> Any:
        if getattr(command, "watched", False):
            self.note(name)
        return subject[0] if subject else None

    return callback


for _name in CALLBACKS:
    setattr(Recorder, _name, _callback(_name))


@dataclass(frozen=True)
class Plan:
    """What ``run`` and the fallback do: a value to return, or an exception to raise; ``hang`` until released."""

    run: Any = "value"
    fallback: Any = None
    hang: bool = False


def _do(what: Any) -> Any:
    if isinstance(what, BaseException):
        raise what
    return what


class _Sync(Command[Any]):
    watched = True
    group = "hooks"
    plan = Plan()
    release: threading.Event

    def run(self) -> Any:
        if self.plan.hang:
            self.release.wait(10)
        return _do(self.plan.run)


class _Async(AsyncCommand[Any]):
    watched = True
    group = "hooks"
    plan = Plan()
    release: threading.Event

    async def run(self) -> Any:
        while self.plan.hang and not self.release.is_set():
            await asyncio.sleep(0.005)
        return _do(self.plan.run)


class Driver:
    """One way to execute: ``execute()`` and ``queue()`` by isolation, ``await`` of both kinds."""

    def __init__(self, name: str, isolation: str, way: str, *, is_async: bool = False) -> None:
        self.name, self.isolation, self.way, self.is_async = name, isolation, way, is_async

    @property
    def in_thread(self) -> bool:
        return self.isolation == "thread"

    def make(self, plan: Plan, timeout: float | None = None, pool: ThreadPoolProperties = SMALL) -> Any:
        """An unexecuted command of a class of its own; all share the circuit ``Hooked``."""
        values: dict[str, Any] = {"timeout": timeout, "max_concurrent": 1}
        if not self.is_async:
            values["isolation"] = self.isolation
        body: dict[str, Any] = {
            "key": "Hooked",
            "plan": plan,
            "release": threading.Event(),
            "properties": CommandProperties(**values),
            "pool_properties": pool,
        }
        if plan.fallback is not None:
            body["fallback"] = lambda _self: _do(plan.fallback)
        return type("Hooked", (_Async if self.is_async else _Sync,), body)()

    def outcome(self, command: Any) -> Any:
        """Execute to the end: the value, or the exception that the caller got."""
        try:
            return self._value(command)
        except (Exception, CancelledError, asyncio.CancelledError) as error:
            return error

    def _value(self, command: Any) -> Any:
        if self.way == "execute":
            return command.execute()
        if self.way == "queue":
            return command.queue().result(10)
        if self.way == "task":
            return asyncio.run(_task(command))
        return asyncio.run(_await(command))

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """While entered, the bulkhead is full."""
        holder = self.make(Plan(hang=True))
        holder.watched = False
        thread = threading.Thread(target=self.outcome, args=(holder,))
        thread.start()
        wait_until(lambda: holder.execution.events == () and _is_active())
        try:
            yield
        finally:
            holder.release.set()
            thread.join()


def _is_active() -> bool:
    import hystrixpy

    try:
        return hystrixpy.metrics("Hooked").concurrency > 0
    except KeyError:
        return False


def wait_until(condition: Callable[[], object], timeout: float = 10.0) -> None:
    """Poll: for conditions that nothing announces."""
    import time

    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


async def _await(command: Any) -> Any:
    return await command


async def _task(command: Any) -> Any:
    return await command.queue()


DRIVERS = [
    Driver("semaphore execute", "semaphore", "execute"),
    Driver("semaphore queue", "semaphore", "queue"),
    Driver("semaphore await", "semaphore", "await"),
    Driver("thread execute", "thread", "execute"),
    Driver("thread queue", "thread", "queue"),
    Driver("thread await", "thread", "await"),
    Driver("async await", "semaphore", "await", is_async=True),
    Driver("async task", "semaphore", "task", is_async=True),
]
