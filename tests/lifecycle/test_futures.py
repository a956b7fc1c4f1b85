"""CommandFuture is a concurrent.futures.Future in all that people use, and can be cancelled while run runs."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError, Future, as_completed, wait

import pytest

import hystrixpy
from hystrixpy import Command, CommandFuture, CommandInterrupted, CommandProperties, ThreadPoolProperties

from .gates import PATIENCE, Gate, eventually


class Fetch(Command[object]):
    """Waits at its gate, then does what it is told."""

    pool_properties = ThreadPoolProperties(core_size=2, max_queue_size=10, queue_rejection_threshold=10)
    properties = CommandProperties(timeout=None)

    def __init__(self, gate=None, work=lambda: "value"):
        self.gate, self.work = gate, work

    def run(self):
        if self.gate is not None:
            self.gate.wait()
        return self.work()


def fail():
    """A run that fails."""
    raise OSError


def held(count):
    """So many futures whose commands wait at one gate."""
    gate = Gate()
    return gate, [Fetch(gate).queue() for _ in range(count)]


def test_it_is_a_future():
    """And not done before it is."""
    gate, (future,) = held(1)
    assert isinstance(future, CommandFuture)
    assert isinstance(future, Future)
    assert not future.done()
    gate.open()
    assert future.result(PATIENCE) == "value"
    assert future.done()
    assert future.exception() is None


def test_result_waits_as_long_as_it_is_told():
    """TimeoutError of the waiting, which changes nothing about the command."""
    gate, (future,) = held(1)
    with pytest.raises(TimeoutError):
        future.result(0.001)
    gate.open()
    assert future.result(PATIENCE) == "value"


def test_wait_and_as_completed():
    """Both see every end: value, error and cancellation."""
    gate, futures = held(3)
    failing = Fetch(work=fail).queue()
    futures[2].cancel()
    gate.open()
    every = [*futures, failing]
    assert wait(every, PATIENCE).not_done == set()
    assert set(as_completed(every, PATIENCE)) == set(every)
    assert [future.cancelled() for future in every] == [False, False, True, False]
    assert isinstance(failing.exception(), OSError)


def test_wait_hears_of_a_cancellation_at_once():
    """Although the worker runs on."""
    gate, (future,) = held(1)
    gate.wait_reached()
    threading.Thread(target=future.cancel).start()
    assert wait([future], PATIENCE).done == {future}
    gate.open()


def test_done_callbacks_come_once_with_the_future():
    """Before and after it is done, on success, failure and cancellation."""
    told, gate = [], Gate()
    future = Fetch(gate).queue()
    future.add_done_callback(told.append)
    gate.open()
    future.result(PATIENCE)
    eventually(lambda: told == [future])
    future.add_done_callback(told.append)
    assert told == [future, future]


def test_a_raising_callback_hurts_nobody():
    """Logged by concurrent.futures; the worker goes on."""

    def broken(future):
        raise LookupError

    for _ in range(5):
        future = Fetch().queue()
        future.add_done_callback(broken)
        assert future.result(PATIENCE) == "value"


def test_a_callback_may_execute_commands_of_the_same_pool():
    """Its slot is free already: five deep on a pool of two threads."""
    done, depth = threading.Event(), []

    def again(future):
        depth.append(future.result())
        if len(depth) < 5:
            Fetch().queue().add_done_callback(again)
        else:
            done.set()

    Fetch().queue().add_done_callback(again)
    assert done.wait(PATIENCE)
    assert depth == ["value"] * 5


def test_wrap_future():
    """From asyncio, in both directions."""

    async def main():
        gate = Gate()
        assert await asyncio.wrap_future(Fetch().queue()) == "value"
        future = Fetch(gate).queue()
        wrapped = asyncio.wrap_future(future)
        wrapped.cancel()
        await asyncio.sleep(0)
        assert future.cancelled()
        gate.open()

    asyncio.run(main())


def test_cancel_while_queued_takes_it_out_of_the_queue():
    """run is never called, the place in the queue is free, and no latency is known."""
    gate, futures = held(2)
    made = Fetch(work=lambda: pytest.fail("run was called"))
    eventually(lambda: hystrixpy.thread_pool(__name__).active == 2)
    future = made.queue()
    assert hystrixpy.thread_pool(__name__).queue_size == 1
    assert not future.running()
    assert future.cancel()
    assert hystrixpy.thread_pool(__name__).queue_size == 0
    with pytest.raises(CancelledError):
        future.result(PATIENCE)
    assert [event.name for event in made.execution.events] == ["CANCELLED"]
    assert (made.execution.latency, made.execution.total_latency) == (None, None)
    gate.open()
    wait(futures, PATIENCE)


def test_cancel_while_running_leaves_the_worker_its_slot():
    """The caller has CancelledError; abandoned counts the run until it returns."""
    gate, (future,) = held(1)
    gate.wait_reached()
    assert future.running()
    assert future.cancel()
    assert future.cancelled()
    assert not future.running()
    metrics, pool = hystrixpy.metrics("Fetch"), hystrixpy.thread_pool(__name__)
    assert (metrics.abandoned, metrics.concurrency, pool.active, pool.abandoned) == (1, 0, 1, 1)
    gate.open()
    eventually(lambda: pool.active == 0)
    assert (metrics.abandoned, pool.abandoned) == (0, 0)
    assert metrics.cumulative_count(hystrixpy.EventType.CANCELLED) == 1
    assert metrics.cumulative_count(hystrixpy.EventType.SUCCESS) == 0
    assert metrics.latency.count == 0


def test_cancel_is_false_only_when_done():
    """And true again when it is cancelled already."""
    future = Fetch().queue()
    future.result(PATIENCE)
    assert not future.cancel()
    gate, (other,) = held(1)
    assert other.cancel()
    assert other.cancel()
    gate.open()
    assert hystrixpy.metrics("Fetch").cumulative_count(hystrixpy.EventType.CANCELLED) == 1


def test_interrupt_on_cancel_raises_inside_run():
    """CommandInterrupted in the worker, which survives."""
    started, interrupted = threading.Event(), threading.Event()

    class Loop(Command[None]):
        properties = CommandProperties(interrupt_on_cancel=True, timeout=None)

        def run(self):
            started.set()
            try:
                while True:
                    pass
            except CommandInterrupted:
                interrupted.set()
                raise

    future = Loop().queue()
    assert started.wait(PATIENCE)
    future.cancel()
    assert interrupted.wait(PATIENCE)
    eventually(lambda: hystrixpy.metrics("Loop").abandoned == 0)


def test_cancel_during_the_fallback():
    """The caller goes; the fallback ends on its own thread, and what it gives is dropped."""
    gate = Gate()

    class Falling(Command[str]):
        def run(self):
            raise OSError

        def fallback(self):
            gate.wait()
            return "dropped"

    future = Falling().queue()
    gate.wait_reached()
    assert future.cancel()
    with pytest.raises(CancelledError):
        future.result(PATIENCE)
    gate.open()
    eventually(lambda: hystrixpy.metrics("Falling").concurrency == 0)


def test_a_queued_semaphore_command_is_done_at_once():
    """It ran in the caller's thread."""

    class Inline(Command[str]):
        properties = CommandProperties(isolation="semaphore")

        def run(self):
            return threading.current_thread().name

    future = Inline().queue()
    assert future.done()
    assert future.result() == threading.current_thread().name
