"""Where a fallback runs: in the caller's thread, on the fallback threads, or in the task; never in the failed pool."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

import hystrixpy
from hystrixpy import Command, CommandProperties, FallbackRejectedError

from .gates import Gate, eventually

PLACE = contextvars.ContextVar("place", default="nowhere")


def here():
    """The name of this thread, and the task if there is one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.current_thread().name, task


def fail():
    """A run that fails."""
    raise OSError


def check(driver, place):
    """Where DESIGN says that a fallback of this driver runs."""
    name, task = place
    if driver.falls_back_apart:
        assert name.startswith("hystrix-fallback-")
        assert task is None
    else:
        assert name == threading.current_thread().name
        assert (task is not None) == driver.name.endswith(("async", "await", "async-queue"))


def test_after_a_failure(target, driver):
    """execute(): the calling thread; queue() and await of a thread command: fallback threads; asyncio: the task."""
    check(driver, target(here).call(fail).value)


def test_after_a_timeout(target, driver):
    """The same, although the worker still hangs."""
    check(driver, target(here, timeout=0.02).call(overrun=True).value)


def test_after_a_short_circuit(target, driver):
    """The same, although no thread was ever asked for."""
    guarded = target(here)
    hystrixpy.circuit_breaker(guarded.key).force_open()
    outcome = guarded.call()
    assert outcome.error is None
    check(driver, outcome.value)


def test_after_a_rejection(target, driver):
    """The same, although the pool is full."""
    guarded, gate = target(here, places=1), Gate()
    first = guarded.start(hold=gate)
    gate.wait_reached()
    place = guarded.call().value
    gate.open()
    first.outcome()
    check(driver, place)


def test_in_the_context_of_the_caller(target):
    """A fallback sees the contextvars that run saw."""
    token = PLACE.set("in the call")
    try:
        assert target(PLACE.get).call(fail).value == "in the call"
    finally:
        PLACE.reset(token)


class Hanging(Command[str]):
    """Fails at once, and falls back for as long as the gate is closed."""

    properties = CommandProperties(isolation="semaphore", fallback_max_concurrent=100, breaker_enabled=False)

    def __init__(self, gate, key):
        super().__init__(key=key)
        self.gate = gate

    def run(self):
        raise OSError

    def enter(self):
        """For who wants to count."""

    def fallback(self):
        self.enter()
        self.gate.wait()
        return threading.current_thread().name


def test_ten_threads_serve_all_fallbacks_nobody_waits_for():
    """Over all keys; the eleventh is rejected at once, and execute() does not need them."""
    gate, inside = Gate(), []

    class Counted(Hanging):
        def enter(self):
            inside.append(1)

    futures = [Counted(gate, f"key {number % 3}").queue() for number in range(10)]
    eleventh = Counted(gate, "key 0").queue()
    assert isinstance(eleventh.exception(10), FallbackRejectedError)
    assert "threads that all keys share for the fallbacks of queue() and await" in str(eleventh.exception())
    eventually(lambda: len(inside) == 10)  # each on a thread of its own
    gate.open()
    names = {future.result(10) for future in futures}
    assert names == {f"hystrix-fallback-{number}" for number in range(1, 11)}
    assert Counted(gate, "key 0").execute() == threading.current_thread().name


def test_the_fallback_threads_are_daemons():
    """They never keep a program alive."""
    gate = Gate()
    future = Hanging(gate, "key").queue()
    gate.wait_reached()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("hystrix-fallback-")]
    gate.open()
    future.result(10)
    assert [thread.daemon for thread in threads] == [True]


def test_a_sync_fallback_of_an_async_command_runs_in_the_task():
    """A plain def is accepted, and called where the coroutine runs."""

    class Fetch(hystrixpy.AsyncCommand[object]):
        async def run(self):
            raise OSError

        def fallback(self):
            return asyncio.current_task().get_name()

    async def main():
        assert await Fetch() == asyncio.current_task().get_name()

    asyncio.run(main())


@pytest.mark.parametrize("wait", ["execute", "queue"])
def test_a_fallback_may_execute_another_command(wait):
    """Chained commands: the second one's breaker, numbers and fallback are its own."""

    class Second(Command[str]):
        def run(self):
            return "second"

    class First(Command[str]):
        def run(self):
            raise OSError

        def fallback(self):
            return Second().execute()

    made = First()
    assert (made.execute() if wait == "execute" else made.queue().result(10)) == "second"
    assert hystrixpy.metrics("Second").cumulative_count(hystrixpy.EventType.SUCCESS) == 1
