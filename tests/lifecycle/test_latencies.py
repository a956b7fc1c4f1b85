"""latency and total_latency of every outcome: what they are, and where there is none."""

from __future__ import annotations

import pytest

import hystrixpy
from hystrixpy import BadRequestError

from .gates import Gate


def raising(error, clock, seconds):
    """A run that takes its time and then raises."""

    def run():
        clock.advance(seconds)
        raise error

    return run


def latencies(outcome):
    """(latency, total latency) of a command."""
    return outcome.execution.latency, outcome.execution.total_latency


def test_of_a_success(target, clock):
    """Both are the time of run."""
    guarded = target()
    outcome = guarded.call(lambda: clock.advance(2.0))
    assert latencies(outcome) == (pytest.approx(2.0), pytest.approx(2.0))
    assert guarded.metrics.latency.max == pytest.approx(2.0, rel=0.05)
    assert guarded.metrics.total_latency.count == 1


def test_of_a_failure_with_a_fallback(target, clock):
    """latency is run, total latency what the caller waited."""
    guarded = target(lambda: clock.advance(3.0))
    outcome = guarded.call(raising(OSError(), clock, 2.0))
    assert latencies(outcome) == (pytest.approx(2.0), pytest.approx(5.0))
    assert guarded.metrics.latency.max == pytest.approx(2.0, rel=0.05)
    assert guarded.metrics.total_latency.max == pytest.approx(5.0, rel=0.05)


def test_of_a_failing_fallback(target, clock):
    """The caller waited for it all the same."""
    guarded = target(raising(LookupError(), clock, 3.0))
    assert latencies(guarded.call(raising(OSError(), clock, 2.0))) == (pytest.approx(2.0), pytest.approx(5.0))


def test_of_a_bad_request(target, clock):
    """It ran, so it took time."""
    guarded = target()
    outcome = guarded.call(raising(BadRequestError(), clock, 2.0))
    assert latencies(outcome) == (pytest.approx(2.0), pytest.approx(2.0))
    assert guarded.metrics.latency.count == 1


def test_of_a_timeout(target):
    """Always both: the time at which it was given up, or for inline runs the real time."""
    guarded = target(timeout=0.02)
    outcome = guarded.call(overrun=True)
    latency, total = latencies(outcome)
    assert 0.0199 <= latency <= total  # a loop's timer may come 0.1 ms early
    assert (guarded.metrics.latency.count, guarded.metrics.total_latency.count) == (1, 1)


def test_of_a_short_circuit(target, clock):
    """None, even if a fallback took long; and in neither histogram."""
    guarded = target(lambda: clock.advance(3.0))
    hystrixpy.circuit_breaker(guarded.key).force_open()
    assert latencies(guarded.call()) == (None, None)
    assert (guarded.metrics.latency.count, guarded.metrics.total_latency.count) == (0, 0)


def test_of_a_rejection(target, clock):
    """None, and in neither histogram."""
    guarded, gate = target(lambda: clock.advance(3.0), places=1), Gate()
    first = guarded.start(hold=gate)
    gate.wait_reached()
    outcome = guarded.call()
    assert latencies(outcome) == (None, None)
    assert guarded.metrics.latency.count == 0
    gate.open()
    first.outcome()


def test_of_a_cancelled_run(target, clock):
    """It has its time, but the histograms leave it out."""
    guarded = target()
    outcome = guarded.call(raising(KeyboardInterrupt(), clock, 2.0))
    assert latencies(outcome) == (pytest.approx(2.0), pytest.approx(2.0))
    assert (guarded.metrics.latency.count, guarded.metrics.total_latency.count) == (0, 0)


def test_before_and_during_run(target):
    """None until they are known."""
    seen = []
    guarded = target()
    made = guarded.make(lambda: seen.append(hystrixpy.current_command().execution.latency))
    assert (made.execution.latency, made.execution.total_latency, made.execution.events) == (None, None, ())
    guarded.driver.outcome(made)
    assert seen == [None]


def test_switched_off_histograms_leave_the_execution_its_times(target, clock):
    """percentile_enabled=False."""
    guarded = target(percentile_enabled=False)
    assert latencies(guarded.call(lambda: clock.advance(2.0))) == (pytest.approx(2.0), pytest.approx(2.0))
    assert guarded.metrics.latency.count == 0


def test_the_execution_as_text(target):
    """For logs: key and events."""
    guarded = target()
    made = guarded.make()
    assert repr(made.execution) == "<Execution of 'target': not executed>"
    guarded.driver.outcome(made)
    assert repr(made.execution) == "<Execution of 'target': SUCCESS>"
    assert made.execution.event_counts == {hystrixpy.EventType.SUCCESS: 1}
