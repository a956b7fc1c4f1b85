"""What does it cost to count a duration, and to look at a window of them?"""

import pytest

from hystrixpy import LatencyHistogram, LatencySnapshot
from hystrixpy._native import histogram

RECORDS = 100_000


def filled() -> LatencySnapshot:
    latencies = LatencyHistogram()
    for power in range(-18, 10):
        latencies.record(2.0**power)
    return latencies.snapshot()


@pytest.mark.benchmark(group="one duration inside the core")
def test_record_inside_the_core(benchmark):
    """Bucket index, rolling cell, cumulative count; extra_info has the nanoseconds of one."""
    benchmark(histogram._time_records, RECORDS)
    benchmark.extra_info["ns_per_record"] = benchmark.stats.stats.min / RECORDS * 1e9


@pytest.mark.benchmark(group="one duration from Python")
def test_record(benchmark):
    """The time is read as well."""
    benchmark(LatencyHistogram().record, 0.025)


@pytest.mark.benchmark(group="looking at durations")
def test_snapshot(benchmark):
    """6 x 255 cells are added up."""
    benchmark(LatencyHistogram().snapshot)


@pytest.mark.benchmark(group="looking at durations")
def test_percentile(benchmark):
    """One pass over 255 counts."""
    benchmark(filled().percentile, 99)


@pytest.mark.benchmark(group="looking at durations")
def test_merge(benchmark):
    """Two snapshots become one."""
    benchmark(filled().merge, filled())
