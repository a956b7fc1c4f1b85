"""Commands from eight threads at once: every count exact, every place given back."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

import hystrixpy
from hystrixpy import (
    AsyncCommand,
    BadRequestError,
    Command,
    CommandProperties,
    EventType,
    SemaphoreRejectedError,
    ThreadPoolProperties,
    ThreadPoolRejectedError,
)

THREADS = 8
CALLS = 600


def together(work):
    """Call ``work(number)`` on eight threads that begin at one moment; what they returned."""
    start = threading.Barrier(THREADS)

    def begin(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return [future.result() for future in [pool.submit(begin, number) for number in range(THREADS)]]


def counts(key):
    """What happened to a key, without what did not, and without the derived EXCEPTION_THROWN."""
    found = hystrixpy.metrics(key).cumulative_counts()
    return {event.name: n for event, n in found.items() if n and event is not EventType.EXCEPTION_THROWN}


class Mixed(Command[int]):
    """Ends in one of four ways, in turn."""

    group = "mixed"
    pool_properties = ThreadPoolProperties(core_size=THREADS)

    def __init__(self, number):
        self.number = number

    def run(self):
        way = self.number % 4
        if way == 1:
            raise OSError
        if way == 2:
            raise BadRequestError("no")
        if way == 3:
            raise KeyboardInterrupt
        return self.number

    def fallback(self):
        if self.number % 8 == 1:
            raise LookupError
        return -1


class MixedInline(Mixed):
    properties = CommandProperties(
        isolation="semaphore", breaker_enabled=False, max_concurrent=100, fallback_max_concurrent=100
    )


class MixedOnPool(Mixed):
    properties = CommandProperties(timeout=None, breaker_enabled=False, fallback_max_concurrent=100)


def ended(made):
    """How one execution ended, by the name of what the caller got."""
    try:
        made.execute()
    except BaseException as error:
        return type(error).__name__
    return "value"


@pytest.mark.parametrize("kind", [MixedInline, MixedOnPool])
def test_every_outcome_is_counted_once(kind):
    """4,800 calls on one circuit, and what the callers saw is what was counted."""
    seen = sum(together(lambda _: Counter(ended(kind(number)) for number in range(CALLS))), Counter())
    quarter = THREADS * CALLS // 4
    half = quarter // 2
    refusals = {"LookupError": half, "BadRequestError": quarter, "KeyboardInterrupt": quarter}
    assert seen == {"value": quarter + half, **refusals}
    assert counts(kind.__name__) == {
        "SUCCESS": quarter,
        "FAILURE": quarter,
        "BAD_REQUEST": quarter,
        "CANCELLED": quarter,
        "FALLBACK_SUCCESS": half,
        "FALLBACK_FAILURE": half,
    }
    metrics = hystrixpy.metrics(kind.__name__)
    assert metrics.health == (2 * quarter, quarter, 50)
    assert (metrics.latency.count, metrics.total_latency.count) == (3 * quarter, 3 * quarter)
    assert metrics.concurrency == 0


@pytest.mark.parametrize("isolation", ["semaphore", "thread"])
def test_never_more_at_once_than_there_are_places(isolation):
    """Three places, eight threads: the rest is rejected and counted, and afterwards all three are free."""
    inside, lock, most = [0], threading.Lock(), [0]

    class Narrow(Command[None]):
        group = "narrow"
        pool_properties = ThreadPoolProperties(core_size=3)
        properties = CommandProperties(isolation=isolation, max_concurrent=3, breaker_enabled=False, timeout=None)

        def run(self):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            threading.Event().wait(0.0002)
            with lock:
                inside[0] -= 1

    def calls(_):
        refused = 0
        for _ in range(150):
            try:
                Narrow().execute()
            except (SemaphoreRejectedError, ThreadPoolRejectedError):
                refused += 1
        return refused

    refused = sum(together(calls))
    event = "SEMAPHORE_REJECTED" if isolation == "semaphore" else "THREAD_POOL_REJECTED"
    assert most[0] <= 3
    found = counts("Narrow")
    assert (found.get(event, 0), found["SUCCESS"]) == (refused, THREADS * 150 - refused)
    assert hystrixpy.metrics("Narrow").concurrency == 0
    for _ in range(3):
        Narrow().execute()


def test_one_trial_at_a_time(clock):
    """Eight threads after the sleep window: one is let through, seven are refused, whoever comes first."""
    refused = threading.Semaphore(0)

    class Trial(Command[None]):
        properties = CommandProperties(isolation="semaphore", breaker_volume_threshold=1)

        def __init__(self, works=True):
            self.works = works

        def run(self):
            if not self.works:
                raise OSError
            for _ in range(THREADS - 1):  # a trial that takes until all the others have been refused
                assert refused.acquire(timeout=30)

    def call(_):
        way = ended(Trial())
        if way == "CircuitOpenError":
            refused.release()
        return way

    assert ended(Trial(works=False)) == "OSError"
    clock.advance(5.0)
    assert Counter(together(call)) == {"value": 1, "CircuitOpenError": THREADS - 1}
    assert counts("Trial") == {"FAILURE": 1, "SHORT_CIRCUITED": 7, "FALLBACK_MISSING": 8, "SUCCESS": 1}
    assert not hystrixpy.circuit_breaker("Trial").is_open


def test_loops_and_threads_on_one_circuit():
    """Four loops and four threads call one key: coroutines and plain functions count together."""
    shared = CommandProperties(isolation="semaphore", breaker_enabled=False, max_concurrent=5000)

    class Plain(Command[None]):
        key, properties = "both", shared

        def run(self):
            pass

    class Later(AsyncCommand[None]):
        key, properties = "both", shared

        async def run(self):
            await asyncio.sleep(0)

    async def many():
        await asyncio.gather(*(Later().execute() for _ in range(CALLS)))

    def work(number):
        if number % 2:
            asyncio.run(many())
        else:
            for _ in range(CALLS):
                Plain().execute()

    together(work)
    assert counts("both") == {"SUCCESS": THREADS * CALLS}
    assert hystrixpy.metrics("both").concurrency == 0


def test_resets_while_commands_run():
    """Circuits come and go under the feet of eight threads: nobody sees an error, and no call is lost or doubled."""

    class Steady(Command[int]):
        properties = CommandProperties(isolation="semaphore", max_concurrent=100)

        def run(self):
            return 1

    def exported():
        sums = [each.events[EventType.SUCCESS] for each in hystrixpy.registry.retired() if each.key == "Steady"]
        return sum(sums)

    before = exported()
    done = threading.Event()

    def resetting():
        while not done.is_set():
            hystrixpy.reset()

    thread = threading.Thread(target=resetting)
    thread.start()
    try:
        assert together(lambda _: sum(Steady().execute() for _ in range(CALLS))) == [CALLS] * THREADS
    finally:
        done.set()
        thread.join()
    hystrixpy.reset()
    # A call that settles after its circuit was torn down counts nowhere: fewer at most by those in flight then.
    assert THREADS * CALLS * 0.5 < exported() - before <= THREADS * CALLS
