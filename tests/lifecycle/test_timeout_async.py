"""asyncio: the limit cancels the work at its next await, and nothing of that is left over afterwards."""

from __future__ import annotations

import asyncio

import pytest

import hystrixpy
from hystrixpy import AsyncCommand, CommandProperties, CommandTimeoutError

from .gates import Gate


class Work(AsyncCommand[object]):
    """What a test tells it to do, within 20 ms."""

    properties = CommandProperties(timeout=0.02, max_concurrent=2000, breaker_enabled=False)

    def __init__(self, work, key=None):
        super().__init__(key=key)
        self.work = work

    async def run(self):
        return await self.work()


async def for_ever():
    """Wait for what never comes."""
    await asyncio.Event().wait()


def events(made):
    """The names of what happened."""
    return [event.name for event in made.execution.events]


async def settled():
    """Give whatever is still on its way to this task the chance to arrive."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_work_is_cancelled_at_its_next_await(in_task):
    """run sees CancelledError, the caller CommandTimeoutError."""
    seen = []

    async def work():
        try:
            await for_ever()
        except asyncio.CancelledError as error:
            seen.append(error)
            raise

    outcome = in_task(timeout=0.02).call(work)
    assert isinstance(outcome.error, CommandTimeoutError)
    assert outcome.events == ("TIMEOUT", "FALLBACK_MISSING")
    assert len(seen) == 1


@pytest.mark.parametrize("then", ["returns", "raises"])
def test_swallowing_the_cancellation_is_a_timeout_all_the_same(in_task, then):
    """The caller waits until run ends, the permit stays taken, and what it says then is dropped."""
    gate = Gate()

    async def work():
        try:
            await for_ever()
        except asyncio.CancelledError:
            await gate.wait_in_task()
        if then == "raises":
            raise OSError
        return "late"

    guarded = in_task(lambda: "fallback", places=1, timeout=0.02)
    first = guarded.start(work)
    gate.wait_reached()
    assert guarded.call().events == ("SEMAPHORE_REJECTED", "FALLBACK_SUCCESS")
    gate.open()
    outcome = first.outcome()
    assert (outcome.value, outcome.events) == ("fallback", ("TIMEOUT", "FALLBACK_SUCCESS"))
    assert guarded.call().value == "value"


def test_a_cancellation_from_outside_is_cancelled_and_propagates():
    """The task stays cancelled: its count of requests is the caller's business."""

    async def main():
        made = Work(for_ever)
        task = asyncio.create_task(made.execute())
        await settled()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelling() == 1
        assert events(made) == ["CANCELLED"]

    asyncio.run(main())


@pytest.mark.parametrize("first", ["outside", "limit"])
def test_when_both_come_at_once_outside_wins(first):
    """Whichever of the two asked first, before the task could answer."""

    async def main():
        loop = asyncio.get_running_loop()
        made = Work(for_ever)
        task = asyncio.create_task(made.execute())

        def block():
            due = loop.time() + 0.03
            if first == "limit":
                loop.call_at(due, task.cancel)  # the limit's timer is earlier, and both are due when we return
            else:
                loop.call_soon(task.cancel)
            while loop.time() < due + 0.01:
                pass

        loop.call_later(0.005, block)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert events(made) == ["CANCELLED"]
        assert task.cancelling() == 1

    asyncio.run(main())


@pytest.mark.parametrize("before", [0, 1, 2])
def test_the_tasks_count_of_cancellations_is_what_it_was(before):
    """Also in a task that was cancelled before, and went on. No stray CancelledError comes afterwards."""

    async def main():
        task = asyncio.current_task()
        for _ in range(before):
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(0)
        with pytest.raises(CommandTimeoutError):
            await Work(for_ever)
        assert task.cancelling() == before
        await settled()
        assert task.cancelling() == before

    asyncio.run(main())


def test_a_run_that_ends_in_the_last_moment_leaves_no_cancellation_behind():
    """Runs that block the loop beyond their limit and end without another await: TIMEOUT, and nothing after it."""

    async def main():
        loop = asyncio.get_running_loop()

        async def block():
            await asyncio.sleep(0)
            end = loop.time() + 0.021
            while loop.time() < end:
                pass

        for _ in range(5):
            made = Work(block)
            with pytest.raises(CommandTimeoutError):
                await made
            await settled()
        assert asyncio.current_task().cancelling() == 0

    asyncio.run(main())


def test_a_limit_of_asyncio_around_a_command():
    """asyncio.timeout cancels from outside: CANCELLED for us, TimeoutError for the caller."""

    async def main():
        made = Work(for_ever)
        hystrixpy.configure({"command": {"Work": {"timeout": 10.0}}})
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.02):
                await made
        assert type(caught.value) is TimeoutError
        assert events(made) == ["CANCELLED"]

    asyncio.run(main())


def test_a_limit_of_asyncio_inside_run():
    """Its TimeoutError is a failure of run; ours passes through it as a timeout."""

    async def main():
        async def short():
            async with asyncio.timeout(0.001):
                await for_ever()

        async def long():
            async with asyncio.timeout(10):
                await for_ever()

        one, other = Work(short), Work(long)
        with pytest.raises(TimeoutError):
            await one
        with pytest.raises(CommandTimeoutError):
            await other
        assert events(one) == ["FAILURE", "FALLBACK_MISSING"]
        assert events(other) == ["TIMEOUT", "FALLBACK_MISSING"]

    asyncio.run(main())


def test_task_groups_and_gather_inside_run_are_cancelled_with_it():
    """Every child ends before the caller goes on."""

    async def main():
        ended = []

        async def child():
            try:
                await for_ever()
            finally:
                ended.append(1)

        async def group():
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child())
                tasks.create_task(child())

        async def gather():
            await asyncio.gather(child(), child())

        for work in (group, gather):
            with pytest.raises(CommandTimeoutError):
                await Work(work)
        await settled()
        assert len(ended) == 4
        assert asyncio.current_task().cancelling() == 0

    asyncio.run(main())


def test_a_thousand_limits_of_one_loop():
    """All at once, of many lengths, most of them never reached."""

    async def main():
        async def quick():
            await asyncio.sleep(0)
            return "quick"

        slow = [Work(for_ever, key=f"slow {number % 7}") for number in range(500)]
        fast = [Work(quick) for _ in range(500)]
        limits = {f"slow {number}": {"timeout": 0.02 + number / 500} for number in range(7)}
        hystrixpy.configure({"command": limits | {"Work": {"timeout": 30.0}}})
        ended = await asyncio.gather(*(made.execute() for made in slow + fast), return_exceptions=True)
        assert {type(error) for error in ended[:500]} == {CommandTimeoutError}
        assert ended[500:] == ["quick"] * 500
        assert sum(hystrixpy.metrics(key).cumulative_count(hystrixpy.EventType.TIMEOUT) for key in limits) == 500

    asyncio.run(main())


def test_a_second_loop_has_limits_of_its_own():
    """Loops come and go in one thread."""
    for _ in range(3):

        async def main():
            with pytest.raises(CommandTimeoutError):
                await Work(for_ever)

        asyncio.run(main())
    assert hystrixpy.metrics("Work").cumulative_count(hystrixpy.EventType.TIMEOUT) == 3
