"""What does the hop to a worker and back cost? Idle: a call now and then. Warm: one call after the other.

Beside ThreadPoolExecutor.submit().result() and asyncio.to_thread. extra_info has p50 and p99 in microseconds and the
CPU seconds per 1,000 calls: spinning before sleeping buys its speed with those.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hystrixpy import Command, CommandProperties, ThreadPoolProperties

POOL = ThreadPoolProperties(core_size=64)
PAUSE = 0.002


class Hop(Command[int]):
    thread_pool = "bench"
    properties = CommandProperties(timeout=30.0)
    pool_properties = POOL

    def run(self):
        return 1


def work():
    return 1


def by_command():
    return lambda: Hop().execute()


def by_executor():
    executor = ThreadPoolExecutor(64)
    return lambda: executor.submit(work).result()


WAYS = {"command": by_command, "executor": by_executor}
every_way = pytest.mark.parametrize("way", WAYS)


def note(benchmark, seconds, cpu):
    """Percentiles of single calls, and what they burnt."""
    seconds.sort()
    benchmark.extra_info["p50_us"] = round(seconds[len(seconds) // 2] * 1e6, 1)
    benchmark.extra_info["p99_us"] = round(seconds[len(seconds) * 99 // 100] * 1e6, 1)
    benchmark.extra_info["cpu_s_per_1000"] = round(cpu / len(seconds) * 1000, 4)


def timed(call, count, pause=0.0):
    """The seconds of each call."""
    seconds = []
    for _ in range(count):
        if pause:
            time.sleep(pause)
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


@pytest.mark.benchmark(group="round trip, idle")
@every_way
def test_idle(benchmark, way):
    """A call every 2 ms: all have gone to sleep in between."""
    call = WAYS[way]()
    call()
    burnt = time.process_time()
    seconds = timed(call, 300, PAUSE)
    note(benchmark, list(seconds), time.process_time() - burnt)
    benchmark.pedantic(call, setup=lambda: time.sleep(PAUSE), rounds=200)


@pytest.mark.benchmark(group="round trip, warm")
@every_way
def test_warm(benchmark, way):
    """One call after the other."""
    call = WAYS[way]()
    timed(call, 100)
    burnt = time.process_time()
    note(benchmark, timed(call, 3000), time.process_time() - burnt)
    benchmark.pedantic(call, rounds=100, iterations=50)


@pytest.mark.benchmark(group="round trips of many callers")
@pytest.mark.parametrize("callers", [8, 64])
@every_way
def test_callers(benchmark, way, callers):
    """3,200 calls shared out among the callers."""
    call = WAYS[way]()
    every = []

    def share():
        threads = [
            threading.Thread(target=lambda: every.extend(timed(call, 3200 // callers))) for _ in range(callers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    burnt = time.process_time()
    benchmark.pedantic(share, rounds=5)
    note(benchmark, every, time.process_time() - burnt)


@pytest.mark.benchmark(group="1,000 awaited round trips")
@pytest.mark.parametrize("way", ["command", "to_thread"])
def test_awaited(benchmark, way):
    """One after another, in one task."""

    async def many():
        for _ in range(1000):
            await (Hop() if way == "command" else asyncio.to_thread(work))

    with asyncio.Runner() as runner:
        benchmark.pedantic(lambda: runner.run(many()), rounds=5, warmup_rounds=1)


@pytest.mark.benchmark(group="CPU at rest")
def test_rest(benchmark):
    """A second in which a started pool has nothing to do; and one with 1,000 calls."""
    timed(by_command(), 100)
    time.sleep(0.05)
    burnt = time.process_time()
    benchmark.pedantic(time.sleep, (1.0,), rounds=1)
    benchmark.extra_info["cpu_s_at_rest"] = round(time.process_time() - burnt, 4)
    burnt, call = time.process_time(), by_command()
    end = time.perf_counter() + 1.0
    while time.perf_counter() < end:
        call()
        time.sleep(0.0009)
    benchmark.extra_info["cpu_s_at_1000_per_s"] = round(time.process_time() - burnt, 4)
