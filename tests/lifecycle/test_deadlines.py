"""Nested limits only shrink, whatever kind of command is nested in whatever other kind."""

from __future__ import annotations

import asyncio
import threading

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties, CommandTimeoutError
from tests.support.pools import eventually

from .gates import outlast_limit


def inner(kind, timeout, work=hystrixpy.deadline):
    """A command of a kind that tells what time it has left."""
    if kind == "async":

        class Inner(AsyncCommand[object]):
            properties = CommandProperties(timeout=timeout)

            async def run(self):
                return work()

        return Inner()

    class InnerSync(Command[object]):
        key, thread_pool = "Inner", "the inner pool"
        properties = CommandProperties(timeout=timeout, isolation=kind)

        def run(self):
            return work()

    return InnerSync()


def test_a_shorter_limit_outside_holds_inside(target, nest):
    """60 s of its own are worth nothing where 5 are left."""
    left = target(timeout=5.0).call(nest(lambda kind: inner(kind, 60.0))).value
    assert 4.0 < left <= 5.0


def test_a_shorter_limit_inside_is_kept(target, nest):
    """5 s of its own stay 5 where 60 are left."""
    left = target(timeout=60.0).call(nest(lambda kind: inner(kind, 5.0))).value
    assert 4.0 < left <= 5.0


def test_no_limit_inside_inherits_the_one_outside(target, nest):
    """timeout=None means: as long as the caller allows."""
    left = target(timeout=5.0).call(nest(lambda kind: inner(kind, None))).value
    assert 4.0 < left <= 5.0


def test_with_nothing_left_it_is_a_timeout_at_once(driver, nest, target):
    """TIMEOUT inside, run never called, whose message says where the time went."""
    seen = []

    def made(kind):
        outlast_limit()
        seen.append(inner(kind, 60.0, lambda: pytest.fail("run was called")))
        return seen[0]

    guarded = target(timeout=0.4 if driver.is_threaded else 0.01)  # a worker has to begin within it
    outcome = guarded.call(nest(made))
    hystrixpy.shutdown()  # an abandoned run has to come to its inner command
    assert outcome.events == ("TIMEOUT", "FALLBACK_MISSING")
    assert [event.name for event in seen[0].execution.events] == ["TIMEOUT", "FALLBACK_MISSING"]
    assert seen[0].execution.latency is not None
    assert isinstance(seen[0].execution.exception, CommandTimeoutError)
    assert "the enclosing command's limit was used up" in str(seen[0].execution.exception)


def test_outside_of_commands_there_is_no_deadline():
    """None, not 0."""
    assert hystrixpy.deadline() is None


def test_the_deadline_never_goes_below_zero(inline):
    """Late code reads 0.0."""
    left = []

    def run():
        left.append(hystrixpy.deadline())

    inline(timeout=0.005).call(run, overrun=True)
    assert left == [0.0]


def test_the_inner_limit_ends_the_inner_command_only():
    """The inner one times out and falls back; the outer one has time to spare."""

    class Inner(AsyncCommand[str]):
        properties = CommandProperties(timeout=0.01)

        async def run(self):
            await asyncio.Event().wait()

        async def fallback(self):
            await asyncio.sleep(0)
            return "fallback"

    class Outer(AsyncCommand[str]):
        properties = CommandProperties(timeout=10.0)

        async def run(self):
            return await Inner()

    assert asyncio.run(Outer().execute()) == "fallback"
    assert hystrixpy.metrics("Inner").cumulative_count(hystrixpy.EventType.TIMEOUT) == 1
    assert hystrixpy.metrics("Outer").cumulative_count(hystrixpy.EventType.SUCCESS) == 1


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_one_limit_for_both_ends_the_inner_one_first(kind):
    """Two TIMEOUTs, the inner one's fallback included; the task is left as it was found."""
    told = []
    gate = threading.Event()

    class InnerThread(Command[str]):
        properties = CommandProperties(timeout=30.0)

        def run(self):
            gate.wait(30)

    class InnerAsync(AsyncCommand[str]):
        properties = CommandProperties(timeout=30.0)

        async def run(self):
            await asyncio.Event().wait()

        def fallback(self):
            told.append("inner")
            return "inner"

    class Outer(AsyncCommand[str]):
        properties = CommandProperties(timeout=0.03)

        async def run(self):
            return await (InnerThread() if kind == "thread" else InnerAsync())

        def fallback(self):
            told.append("outer")
            return "outer"

    async def main():
        assert await Outer() == "outer"
        for _ in range(5):
            await asyncio.sleep(0)
        assert asyncio.current_task().cancelling() == 0

    asyncio.run(main())
    gate.set()
    name = "InnerThread" if kind == "thread" else "InnerAsync"
    if kind == "thread":  # the loop may be quicker than the timer's thread, which has claimed the outcome by then
        eventually(lambda: hystrixpy.metrics(name).concurrency == 0)
    assert hystrixpy.metrics(name).cumulative_count(hystrixpy.EventType.TIMEOUT) == 1
    assert hystrixpy.metrics("Outer").cumulative_count(hystrixpy.EventType.TIMEOUT) == 1
    assert told == (["outer"] if kind == "thread" else ["inner", "outer"])
