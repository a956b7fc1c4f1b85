"""Callers that go away in unusual moments: in the queue, in a fallback, with their whole loop."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties, ThreadPoolProperties

from .gates import Gate, eventually


class Held(Command[None]):
    """One thread, and room in the queue."""

    group, pool_properties = "held", ThreadPoolProperties(core_size=1, max_queue_size=5)
    properties = CommandProperties(timeout=None)

    def __init__(self, gate):
        self.gate = gate

    def run(self):
        self.gate.wait()


class Later(AsyncCommand[str]):
    """Fails, and waits in its fallback."""

    properties = CommandProperties(timeout=5.0, max_concurrent=1, fallback_max_concurrent=1)

    async def run(self):
        raise OSError

    async def fallback(self):
        await asyncio.Event().wait()


class Waiting(Later):
    """Waits in run."""

    async def run(self):
        await asyncio.Event().wait()


def events(made):
    """The names of what happened."""
    return [event.name for event in made.execution.events]


def test_of_an_await_in_the_queue():
    """It leaves the queue, run is never called, and no latency is known."""
    gate = Gate()

    async def awaited(made):
        await made

    async def main():
        running = asyncio.create_task(awaited(Held(gate)))
        await asyncio.to_thread(gate.wait_reached)
        made = Held(gate)
        queued = asyncio.create_task(awaited(made))
        await asyncio.sleep(0)
        assert hystrixpy.thread_pool("held").queue_size == 1
        queued.cancel()
        with pytest.raises(asyncio.CancelledError):
            await queued
        assert hystrixpy.thread_pool("held").queue_size == 0
        assert (events(made), made.execution.latency) == (["CANCELLED"], None)
        gate.open()
        await running

    asyncio.run(main())


def test_in_an_async_fallback():
    """FAILURE stays, CANCELLED comes to it; the place of the fallback is free again."""

    async def main():
        for _ in range(3):
            made = Later()
            task = asyncio.create_task(made.execute())
            await asyncio.sleep(0)
            assert hystrixpy.metrics("Later").concurrency == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert events(made) == ["FAILURE", "CANCELLED"]
        assert hystrixpy.metrics("Later").concurrency == 0

    asyncio.run(main())


def test_before_the_task_of_a_queued_coroutine_began():
    """Nothing has happened, nothing is counted."""

    async def main():
        made = Waiting()
        task = made.queue()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert events(made) == []

    asyncio.run(main())


def test_of_all_tasks_when_the_loop_ends():
    """asyncio.run cancels what is left: CANCELLED, and the permit is back."""
    made = Waiting()

    async def main():
        made.queue()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert events(made) == ["CANCELLED"]
    assert hystrixpy.metrics("Waiting").concurrency == 0


def test_of_a_task_that_is_destroyed_with_its_loop():
    """Nobody cancelled it; when the next loop of the thread takes over, nothing keeps it: its permit comes back."""
    loop = asyncio.new_event_loop()
    task = loop.create_task(Waiting().execute())
    task._log_destroy_pending = False
    loop.run_until_complete(asyncio.sleep(0.001))
    loop.close()
    del loop, task
    with pytest.raises(hystrixpy.SemaphoreRejectedError):
        asyncio.run(refused())
    gc.collect()  # the limits of the old loop
    gc.collect()  # the task that they kept
    metrics = hystrixpy.metrics("Waiting")
    assert (metrics.concurrency, metrics.cumulative_count(hystrixpy.EventType.CANCELLED)) == (0, 1)


async def refused():
    """A command with a limit of its own, on a circuit without a place and without a fallback."""
    hystrixpy.configure({"command": {"Waiting": {"fallback_enabled": False}}})

    class Limited(AsyncCommand[None]):
        async def run(self):
            await asyncio.sleep(0)

    await Limited()
    await Waiting()


def test_a_coroutine_that_was_never_awaited_took_nothing():
    """Calling execute() alone begins nothing."""
    made = Waiting()
    made.execute().close()
    assert events(made) == []
    assert hystrixpy.metrics("Waiting").concurrency == 0


def test_a_coroutine_closed_half_way_gives_its_permit_back():
    """GeneratorExit goes through run like every BaseException."""

    async def main():
        made = Waiting()
        coroutine = made.execute()
        coroutine.send(None)
        coroutine.close()
        assert events(made) == ["CANCELLED"]
        assert hystrixpy.metrics("Waiting").concurrency == 0

    asyncio.run(main())


def test_cancelling_from_many_threads_counts_once():
    """Eight cancel one future."""
    gate = Gate()
    future = Held(gate).queue()
    gate.wait_reached()
    start = threading.Barrier(8)

    def cancel():
        start.wait()
        assert future.cancel()

    threads = [threading.Thread(target=cancel) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gate.open()
    metrics = hystrixpy.metrics("Held")
    eventually(lambda: metrics.abandoned == 0)
    assert metrics.cumulative_count(hystrixpy.EventType.CANCELLED) == 1
    assert metrics.concurrency == 0
