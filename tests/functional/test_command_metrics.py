"""What metrics(key) says after real commands, by the hand-moved clock."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import hystrixpy
from hystrixpy import (
    BadRequestError,
    Command,
    CommandProperties,
    CommandTimeoutError,
    EventType,
    SemaphoreRejectedError,
    command,
)
from hystrixpy.testing import ManualClock

SEMAPHORE = CommandProperties(isolation="semaphore", breaker_volume_threshold=1000, max_concurrent=100)


def only(**counts):
    """A mapping of all events that is zero but for these."""
    return {event: counts.get(event.name, 0) for event in EventType}


@pytest.fixture
def lookup(clock):
    """A command that takes as long as it is told, and ends as it is told."""

    class Lookup(Command[str]):
        properties = SEMAPHORE

        def __init__(self, seconds=0.0, error=None):
            self.seconds, self.error = seconds, error

        def run(self):
            clock.advance(self.seconds)
            if self.error is not None:
                raise self.error
            return "found"

    return Lookup


def test_a_key_is_known_before_its_first_execution(lookup):
    """All its numbers are zero then."""
    metrics = hystrixpy.metrics("Lookup")
    assert lookup.__name__ == metrics.key
    assert metrics.rolling_counts() == metrics.cumulative_counts() == only()
    assert metrics.health == (0, 0, 0)
    assert (metrics.latency.count, metrics.concurrency, metrics.max_concurrency, metrics.abandoned) == (0, 0, 0, 0)


def test_an_unknown_key_names_the_nearest_one(lookup):
    """A typing error is found at once."""
    lookup().execute()
    with pytest.raises(KeyError, match="Lookup"):
        hystrixpy.metrics("Lokup")


def test_every_outcome_is_counted_under_its_name(lookup):
    """Success, failure without a fallback, and a bad request, which health does not count."""
    lookup().execute()
    with pytest.raises(OSError, match="down"):
        lookup(error=OSError("down")).execute()
    with pytest.raises(BadRequestError):
        lookup(error=BadRequestError("no such user")).execute()
    metrics = hystrixpy.metrics("Lookup")
    expected = only(SUCCESS=1, FAILURE=1, BAD_REQUEST=1, FALLBACK_MISSING=1, EXCEPTION_THROWN=2)
    assert metrics.cumulative_counts() == metrics.rolling_counts() == expected
    assert metrics.health == (2, 1, 50)


def test_rolling_counts_leave_with_the_window_and_cumulative_ones_stay(lookup, clock):
    """After the rolling window only the cumulative counts know of the call."""
    lookup().execute()
    metrics = hystrixpy.metrics("Lookup")
    clock.advance(9.0)
    assert metrics.rolling_count(EventType.SUCCESS) == 1
    clock.advance(1.0)
    assert metrics.rolling_counts() == only()
    assert metrics.health == (0, 0, 0)
    assert metrics.cumulative_counts() == only(SUCCESS=1)


def test_latencies_stay_for_the_percentile_window(lookup, clock):
    """A minute by default, longer than the counts."""
    lookup(seconds=0.5).execute()
    metrics = hystrixpy.metrics("Lookup")
    assert metrics.latency.max == pytest.approx(0.5, rel=0.05)
    clock.advance(49.0)
    assert metrics.latency.count == 1
    clock.advance(11.0)
    assert metrics.latency.count == 0


def test_total_latency_includes_the_fallback_and_latency_does_not(clock):
    """Two histograms answer two questions."""

    @command(key="slow", properties=SEMAPHORE, fallback=lambda: clock.advance(4.0))
    def slow():
        clock.advance(2.0)
        raise OSError

    slow()
    metrics = hystrixpy.metrics("slow")
    assert metrics.latency.mean == pytest.approx(2.0, rel=0.05)
    assert metrics.total_latency.mean == pytest.approx(6.0, rel=0.05)


def test_what_never_ran_is_in_no_latency(lookup):
    """A short-circuited call is counted and leaves both histograms alone."""
    hystrixpy.circuit_breaker("Lookup").force_open()
    with pytest.raises(hystrixpy.CircuitOpenError):
        lookup().execute()
    metrics = hystrixpy.metrics("Lookup")
    assert metrics.cumulative_count(EventType.SHORT_CIRCUITED) == 1
    assert (metrics.latency.count, metrics.total_latency.count) == (0, 0)


def test_closing_starts_health_again_and_keeps_the_counts(clock):
    """The successful trial closes the breaker; what led to opening it is history for health only."""

    @command(key="flaky", properties=SEMAPHORE.replace(breaker_volume_threshold=2))
    def flaky(works):
        if not works:
            raise OSError

    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - any will do
            flaky(False)
    assert hystrixpy.metrics("flaky").health == (2, 2, 100)
    clock.advance(5.0)
    flaky(True)
    metrics = hystrixpy.metrics("flaky")
    assert metrics.health == (0, 0, 0)
    assert metrics.rolling_counts() == only(SUCCESS=1, FAILURE=2, FALLBACK_MISSING=2, EXCEPTION_THROWN=2)


def test_concurrency_is_what_runs_now_and_its_maximum_stays_for_the_window(clock):
    """Two nested executions of one key are two; afterwards only the maximum remembers."""
    seen = []

    @command(key="nested", properties=SEMAPHORE)
    def nested(depth):
        seen.append(hystrixpy.metrics("nested").concurrency)
        if depth:
            nested(depth - 1)

    nested(1)
    metrics = hystrixpy.metrics("nested")
    assert seen == [1, 2]
    assert (metrics.concurrency, metrics.max_concurrency) == (0, 2)
    clock.advance(10.0)
    assert metrics.max_concurrency == 0


def test_a_rejection_counts_as_an_error():
    """No permit left: SEMAPHORE_REJECTED, in health, in no latency."""

    @command(key="narrow", properties=SEMAPHORE.replace(max_concurrent=1))
    def narrow(depth):
        if depth:
            narrow(depth - 1)

    with pytest.raises(SemaphoreRejectedError):
        narrow(1)
    metrics = hystrixpy.metrics("narrow")
    expected = only(SEMAPHORE_REJECTED=1, FAILURE=1, FALLBACK_MISSING=2, EXCEPTION_THROWN=2)
    assert metrics.cumulative_counts() == expected
    assert metrics.health == (2, 2, 100)
    assert metrics.latency.count == 1


def test_abandoned_runs_are_visible_until_they_return():
    """The caller has its timeout, the worker its slot; the gauge falls when run is over, and nothing counts twice."""
    release = threading.Event()

    @command(key="hung", timeout=0.02)
    def hung():
        release.wait(30)

    with pytest.raises(CommandTimeoutError):
        hung()
    metrics = hystrixpy.metrics("hung")
    assert (metrics.abandoned, metrics.concurrency) == (1, 0)
    release.set()
    hystrixpy.shutdown(wait=True)
    assert metrics.abandoned == 0
    assert metrics.cumulative_counts() == only(TIMEOUT=1, FALLBACK_MISSING=1, EXCEPTION_THROWN=1)
    assert metrics.latency.count == 1


def test_counts_are_exact_under_eight_threads():
    """Counters, health and both histograms agree on every single call."""

    @command(key="busy", properties=SEMAPHORE.replace(breaker_enabled=False), fallback=lambda works: works)
    def busy(works):
        if not works:
            raise OSError

    def calls():
        for number in range(1000):
            busy(number % 4 != 0)

    with ManualClock(), ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(calls) for _ in range(8)]:
            future.result()
        metrics = hystrixpy.metrics("busy")
        expected = only(SUCCESS=6000, FAILURE=2000, FALLBACK_SUCCESS=2000)
        assert metrics.cumulative_counts() == metrics.rolling_counts() == expected
        assert metrics.health == (8000, 2000, 25)
        assert (metrics.latency.count, metrics.total_latency.count) == (8000, 8000)
        assert metrics.concurrency == 0


def test_after_a_reset_new_numbers_start_at_zero(lookup):
    """Who still holds the old object sees the old circuit."""
    lookup().execute()
    old = hystrixpy.metrics("Lookup")
    hystrixpy.reset()
    assert hystrixpy.metrics("Lookup").cumulative_counts() == only()
    assert old.cumulative_counts() == only(SUCCESS=1)


def test_the_numbers_of_a_key_take_32_kilobytes_at_most(lookup):
    """With the default windows, so that 10,000 keys work."""
    lookup().execute()
    assert hystrixpy.registry.circuit("Lookup").memory() <= 32 * 1024
