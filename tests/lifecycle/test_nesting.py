"""Commands nested in a worker of the pool that they need: rejected at once while no thread is free, never stuck."""

from __future__ import annotations

import asyncio
import threading

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, Command, CommandProperties, ThreadPoolProperties, ThreadPoolRejectedError

from .gates import Gate, eventually

QUEUEING = ThreadPoolProperties(core_size=1, max_queue_size=10, queue_rejection_threshold=10)
WAYS = {
    "execute": lambda made: made.execute(),
    "queue": lambda made: made.queue().result(30),
    "await": lambda made: asyncio.run(awaited(made)),
    "in another command": lambda made: Between(made).execute(),
    "on another pool": lambda made: Elsewhere(made).execute(),
    "in a coroutine": lambda made: asyncio.run(Later(made).execute()),
}


async def awaited(made):
    """A coroutine of a command."""
    return await made


class Nested(Command[object]):
    """On a pool of one thread whose queue has room: waiting in it would be waiting for oneself."""

    group, pool_properties = "own", QUEUEING
    properties = CommandProperties(timeout=10.0)

    def __init__(self, work=lambda: "inner"):
        self.work = work

    def run(self):
        return self.work()


class Between(Command[object]):
    """An inline command between the two."""

    properties = CommandProperties(isolation="semaphore")

    def __init__(self, made):
        self.made = made

    def run(self):
        return self.made.execute()


class Elsewhere(Between):
    """A worker of another pool between the two."""

    group = "elsewhere"
    properties = CommandProperties()


class Later(AsyncCommand[object]):
    """A coroutine between the two."""

    def __init__(self, made):
        self.made = made

    async def run(self):
        return await self.made


@pytest.mark.parametrize("way", WAYS)
def test_it_is_rejected_with_an_explanation(way):
    """However deep, and by whichever call."""
    inner = Nested()
    with pytest.raises(ThreadPoolRejectedError, match="from inside a worker of its own thread pool 'own'") as caught:
        Nested(lambda: WAYS[way](inner)).execute()
    assert "give the nested command a thread_pool of its own" in str(caught.value)
    assert inner.execution.is_thread_pool_rejected


@pytest.mark.parametrize("way", WAYS)
def test_with_a_free_thread_it_runs(way):
    """Two threads are enough for two levels."""
    hystrixpy.configure({"thread_pool": {"own": {"core_size": 2}}})
    assert Nested(lambda: WAYS[way](Nested())).execute() == "inner"


@pytest.mark.parametrize("way", WAYS)
def test_on_a_pool_of_its_own_it_runs(way):
    """As the message says."""

    class Other(Nested):
        key, thread_pool = "Other", "another"

    assert Nested(lambda: WAYS[way](Other())).execute() == "inner"


def test_who_does_not_descend_from_a_worker_waits_in_the_queue():
    """The same pool, the same moment, another thread."""
    gate = Gate()
    outer = Nested(gate.wait).queue()
    gate.wait_reached()
    waiting = Nested().queue()
    assert hystrixpy.thread_pool("own").queue_size == 1
    gate.open()
    assert waiting.result(30) == "inner"
    outer.result(30)


def test_a_fallback_does_not_descend_from_the_worker_left_behind():
    """The abandoned run still holds the only thread; the fallback may wait for it in the queue."""
    gate, answers = Gate(), []

    class Slow(Nested):
        key = "Slow"
        properties = CommandProperties(timeout=0.3)

        def run(self):
            gate.wait()

        def fallback(self):
            inner = threading.Thread(target=lambda: answers.append(waiting.result(30)))
            waiting = Nested().queue()
            assert hystrixpy.thread_pool("own").queue_size == 1
            gate.open()
            inner.start()
            inner.join()
            return "fallback"

    assert Slow().execute() == "fallback"
    assert answers == ["inner"]
    eventually(lambda: hystrixpy.thread_pool("own").active == 0)
