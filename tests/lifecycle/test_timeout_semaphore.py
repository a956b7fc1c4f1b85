"""SEMAPHORE, synchronous: nothing can stop run, so the limit is judged when it returns."""

from __future__ import annotations

import pytest

import hystrixpy
from hystrixpy import BadRequestError, CommandTimeoutError

from .gates import Gate


def raising(error):
    """A run that raises exactly this."""

    def run():
        raise error

    return run


@pytest.mark.parametrize("late", [OSError("late"), BadRequestError("late"), MemoryError()])
def test_whatever_it_raises_late_is_a_timeout(inline, late):
    """The fallback answers, told of the timeout."""
    guarded = inline(lambda: "fallback", timeout=0.01)
    outcome = guarded.call(raising(late), overrun=True)
    assert (outcome.value, outcome.events) == ("fallback", ("TIMEOUT", "FALLBACK_SUCCESS"))
    assert isinstance(guarded.scripts[0].error, CommandTimeoutError)
    assert guarded.metrics.health == (1, 1, 100)


def test_whatever_it_returns_late_is_a_timeout(inline):
    """The value is dropped: the caller's fallback says what holds for a late answer."""
    outcome = inline(timeout=0.01).call(lambda: "late", overrun=True)
    assert isinstance(outcome.error, CommandTimeoutError)
    assert outcome.events == ("TIMEOUT", "FALLBACK_MISSING")
    assert outcome.execution.latency >= 0.01


def test_a_late_base_exception_stays_cancelled(inline):
    """Ctrl-C is Ctrl-C."""
    error = KeyboardInterrupt()
    outcome = inline(lambda: pytest.fail("a fallback ran"), timeout=0.01).call(raising(error), overrun=True)
    assert outcome.error is error
    assert outcome.events == ("CANCELLED",)


def test_the_permit_stays_taken_until_run_returns(inline):
    """Over the limit or not: the work runs."""
    guarded, gate = inline(places=1, timeout=0.01), Gate()

    def run():
        gate.wait()

    first = guarded.start(run, overrun=True)
    gate.wait_reached()
    assert guarded.call().events == ("SEMAPHORE_REJECTED", "FALLBACK_MISSING")
    gate.open()
    assert first.outcome().events == ("TIMEOUT", "FALLBACK_MISSING")
    assert guarded.call().value == "value"


def test_without_a_limit_there_is_no_deadline(target):
    """timeout=None, on every driver."""
    assert target(timeout=None).call(hystrixpy.deadline).value is None


def test_the_limit_counts_real_time(inline, clock):
    """A manual clock moves windows and latencies, not limits."""
    outcome = inline(timeout=5.0).call(lambda: clock.advance(100.0))
    assert outcome.events == ("SUCCESS",)
    assert outcome.execution.latency == pytest.approx(100.0)
