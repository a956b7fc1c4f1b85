"""Collapsers under many threads and loops at once: nothing is lost, asked twice or left waiting."""

from __future__ import annotations

import asyncio
import contextvars
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hystrixpy import (
    CollapserError,
    EventType,
    RequestContext,
    RequestContextError,
    ThreadPoolProperties,
    collapse,
    collapser_metrics,
    command,
    metrics,
)
from hystrixpy._native import timer

THREADS, EACH, MOST = 8, 150, 7
ROOMY = ThreadPoolProperties(max_queue_size=1000, queue_rejection_threshold=1000)

remembers = pytest.mark.parametrize("cache_key", [None, str], ids=["plain", "remembering"])


def together(work: Any, *arguments: Any) -> list[Any]:
    """Run ``work`` in eight threads, each in a copy of this context; what each returned."""
    with ThreadPoolExecutor(THREADS) as pool:
        contexts = [contextvars.copy_context() for _ in range(THREADS)]
        futures = [pool.submit(context.run, work, number, *arguments) for number, context in enumerate(contexts)]
        return [future.result(60) for future in futures]


def test_every_request_of_eight_threads_is_in_exactly_one_batch() -> None:
    """Sizes, counters and answers are exact, full batches and those of the timer together."""
    asked: list[list[int]] = []

    @collapse(key="Exact", scope="global", delay=0.001, max_batch_size=MOST, cache_enabled=False)
    @command(pool_properties=ROOMY, timeout=None)
    def exact(numbers: list[int]) -> list[int]:
        asked.append(numbers)
        return [-number for number in numbers]

    def work(thread: int) -> bool:
        mine = range(thread * EACH, (thread + 1) * EACH)
        futures = [exact.queue(number) for number in mine]
        return [future.result(30) for future in futures] == [-number for number in mine]

    assert all(together(work))
    assert sorted(number for batch in asked for number in batch) == list(range(THREADS * EACH))
    assert max(map(len, asked)) <= MOST
    numbers = collapser_metrics("Exact")
    assert (numbers.batches, numbers.batched_requests) == (len(asked), THREADS * EACH)
    assert numbers.batch_size_cumulative.counts == Counter(map(len, asked))
    assert metrics("exact").cumulative_count(EventType.COLLAPSED) == THREADS * EACH
    assert timer.pending() == 0


@remembers
def test_threads_and_loops_that_cancel_are_all_answered(cache_key: Any) -> None:
    """Half of the threads queue, half run a loop; who did not cancel has its own answer, nobody waits for ever."""

    @collapse(delay=0.001, max_batch_size=MOST, cache_key=cache_key)
    @command(max_concurrent=1000, timeout=None)
    async def on_loop(numbers: list[int]) -> list[int]:
        await asyncio.sleep(0)
        return [-number for number in numbers]

    @collapse(delay=0.001, max_batch_size=MOST, cache_key=cache_key)
    @command(pool_properties=ROOMY, timeout=None)
    def plain(numbers: list[int]) -> list[int]:
        return [-number for number in numbers]

    def queue_all(seed: int) -> int:
        chance, answered = random.Random(seed), 0
        for _ in range(EACH // 10):
            futures = {number: plain.queue(number) for number in chance.sample(range(20), 10)}
            gone = {number for number, future in futures.items() if chance.random() < 0.3 and future.cancel()}
            for number, future in futures.items():
                assert future.cancelled() if number in gone else future.result(30) == -number
                answered += 1
        return answered

    async def await_all(seed: int) -> int:
        chance, answered = random.Random(seed), 0
        for _ in range(EACH // 10):
            futures = {number: on_loop.one(number) for number in chance.sample(range(20), 5)}
            mixed = {number: asyncio.wrap_future(plain.queue(number)) for number in chance.sample(range(20), 5)}
            for number, future in [*futures.items(), *mixed.items()]:
                if chance.random() < 0.3:
                    future.cancel()
                outcome = (await asyncio.wait_for(asyncio.gather(future, return_exceptions=True), 30))[0]
                assert outcome == -number or isinstance(outcome, asyncio.CancelledError)
                answered += 1
        return answered

    def work(thread: int) -> int:
        return queue_all(thread) if thread % 2 else asyncio.run(await_all(thread))

    with RequestContext():
        assert together(work) == [EACH // 10 * 10] * THREADS


@remembers
def test_contexts_that_close_in_the_midst_leave_nobody_waiting(cache_key: Any) -> None:
    """Each request ends in its answer, or in the error of its context."""

    @collapse(delay=0.0005, max_batch_size=MOST, cache_key=cache_key)
    @command(pool_properties=ROOMY, timeout=None)
    def plain(numbers: list[int]) -> list[int]:
        return [-number for number in numbers]

    def work(thread: int, context: RequestContext) -> int:
        if thread == 0:
            plain.queue(100).exception(30)
            context.close()
        outcomes = [plain.queue(number) for number in range(20)]
        for number, future in enumerate(outcomes):
            error = future.exception(30)
            assert isinstance(error, CollapserError | RequestContextError) or future.result() == -number
        return len(outcomes)

    for _ in range(20):
        with RequestContext() as context:
            assert together(work, context) == [20] * THREADS
    assert timer.pending() == 0
