"""What does one count cost, inside the core (price: 15 ns) and from Python?"""

import threading

import pytest

from hystrixpy import RollingCounter
from hystrixpy._native import window

RECORDS = 100_000


@pytest.mark.benchmark(group="one count inside the core")
def test_count_inside_the_core(benchmark):
    """A rolling cell and the cumulative count; extra_info has the nanoseconds of one."""
    benchmark(window._time_records, RECORDS)
    benchmark.extra_info["ns_per_record"] = benchmark.stats.stats.min / RECORDS * 1e9


@pytest.mark.benchmark(group="one count from Python")
def test_rolling_counter_add(benchmark):
    """The time is read, the bucket found and the count made."""
    benchmark(RollingCounter().add)


@pytest.mark.benchmark(group="one count from Python")
def test_locked_integer(benchmark):
    """What the simplest exact counter in Python takes: a lock and an integer, no window."""
    lock, count = threading.Lock(), 0

    def add():
        nonlocal count
        with lock:
            count += 1

    benchmark(add)


@pytest.mark.benchmark(group="reading a counter")
def test_rolling_counter_sum(benchmark):
    """Ten cells are read."""
    benchmark(RollingCounter().sum)
