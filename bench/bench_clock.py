"""What does it cost to read the time? (One native reading is part of every call's price.)"""

import time

import pytest

from hystrixpy._native.clock import now_ns, real_ns
from hystrixpy.testing import ManualClock

pytestmark = pytest.mark.benchmark(group="reading the time")


def test_now_ns(benchmark):
    """The clock of windows and breakers, from Python."""
    benchmark(now_ns)


def test_now_ns_while_manual(benchmark):
    """The same while a test holds the time: no system clock is read."""
    with ManualClock():
        benchmark(now_ns)


def test_real_ns(benchmark):
    """The clock of timeouts, from Python."""
    benchmark(real_ns)


def test_time_monotonic(benchmark):
    """What the standard library takes."""
    benchmark(time.monotonic)
