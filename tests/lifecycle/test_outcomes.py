"""Every row of the outcome table, on every driver, with and without a fallback."""

from __future__ import annotations

from asyncio import CancelledError as TaskCancelledError
from concurrent.futures import CancelledError as FutureCancelledError

import pytest

import hystrixpy
from hystrixpy import BadRequestError, CircuitOpenError, CommandTimeoutError

from .gates import Gate

CANCELLED = (FutureCancelledError, TaskCancelledError)


def raising(error):
    """A run that raises exactly this."""

    def run():
        raise error

    return run


def health_of(target):
    """(total, errors) as the breaker sees them."""
    health = target.metrics.health
    return health.total, health.errors


def with_full_bulkhead(target):
    """Take the only place, call once more, and let the first one go on."""
    gate = Gate()
    first = target.start(hold=gate)
    gate.wait_reached()
    outcome = target.call()
    gate.open()
    assert first.outcome().value == "value"
    return outcome


def test_a_value(target):
    """SUCCESS: counted in health, no fallback, the caller gets the value."""
    guarded = target(lambda: "fallback")
    outcome = guarded.call(lambda: 42)
    assert (outcome.value, outcome.error, outcome.events) == (42, None, ("SUCCESS",))
    assert guarded.counts == {"SUCCESS": 1}
    assert health_of(guarded) == (1, 0)
    assert outcome.execution.is_success
    assert outcome.execution.exception is None


def test_an_exception_without_fallback(target):
    """FAILURE: an error in health, and the caller gets that very exception."""
    guarded, error = target(), OSError("down")
    outcome = guarded.call(raising(error))
    assert outcome.error is error
    assert error.__cause__ is None
    assert outcome.events == ("FAILURE", "FALLBACK_MISSING")
    assert guarded.counts == {"FAILURE": 1, "FALLBACK_MISSING": 1}
    assert health_of(guarded) == (1, 1)
    assert outcome.execution.is_failure
    assert outcome.execution.exception is error


def test_an_exception_with_fallback(target):
    """FAILURE, FALLBACK_SUCCESS: an error in health, and the caller gets the fallback's value."""
    guarded, error = target(lambda: "fallback"), OSError("down")
    outcome = guarded.call(raising(error))
    assert (outcome.value, outcome.error) == ("fallback", None)
    assert outcome.events == ("FAILURE", "FALLBACK_SUCCESS")
    assert guarded.scripts[0].error is error
    assert health_of(guarded) == (1, 1)
    assert outcome.execution.is_from_fallback
    assert outcome.execution.exception is error


@pytest.mark.parametrize("error", [BadRequestError("no such user"), LookupError("none"), KeyError("a subclass")])
def test_a_bad_request_never_falls_back(target, error):
    """BAD_REQUEST for BadRequestError and ignored types: not in health, and the caller gets that very exception."""
    guarded = target(lambda: "fallback", ignore=(LookupError,))
    outcome = guarded.call(raising(error))
    assert outcome.error is error
    assert outcome.events == ("BAD_REQUEST",)
    assert guarded.counts == {"BAD_REQUEST": 1}
    assert health_of(guarded) == (0, 0)
    assert outcome.execution.is_bad_request


def test_the_time_limit_without_fallback(target):
    """TIMEOUT: an error in health, CommandTimeoutError for the caller."""
    guarded = target(timeout=0.02)
    outcome = guarded.call(overrun=True)
    assert isinstance(outcome.error, CommandTimeoutError)
    assert isinstance(outcome.error, TimeoutError)
    assert outcome.error.command_key == guarded.key
    assert outcome.events == ("TIMEOUT", "FALLBACK_MISSING")
    assert health_of(guarded) == (1, 1)
    assert outcome.execution.is_timed_out
    assert outcome.execution.exception is outcome.error


def test_the_time_limit_with_fallback(target):
    """TIMEOUT, FALLBACK_SUCCESS: the fallback is told of the CommandTimeoutError."""
    guarded = target(lambda: "fallback", timeout=0.02)
    outcome = guarded.call(overrun=True)
    assert (outcome.value, outcome.error) == ("fallback", None)
    assert outcome.events == ("TIMEOUT", "FALLBACK_SUCCESS")
    assert isinstance(guarded.scripts[0].error, CommandTimeoutError)
    assert health_of(guarded) == (1, 1)


def test_an_open_breaker_without_fallback(target):
    """SHORT_CIRCUITED: run is not called, nothing in health, CircuitOpenError for the caller."""
    guarded = target()
    hystrixpy.circuit_breaker(guarded.key).force_open()
    outcome = guarded.call(lambda: pytest.fail("run was called"))
    assert isinstance(outcome.error, CircuitOpenError)
    assert outcome.error.command_key == guarded.key
    assert outcome.events == ("SHORT_CIRCUITED", "FALLBACK_MISSING")
    assert health_of(guarded) == (0, 0)
    assert outcome.execution.is_short_circuited


def test_an_open_breaker_with_fallback(target):
    """SHORT_CIRCUITED, FALLBACK_SUCCESS."""
    guarded = target(lambda: "fallback")
    hystrixpy.circuit_breaker(guarded.key).force_open()
    outcome = guarded.call()
    assert (outcome.value, outcome.events) == ("fallback", ("SHORT_CIRCUITED", "FALLBACK_SUCCESS"))
    assert isinstance(guarded.scripts[0].error, CircuitOpenError)


def test_a_full_bulkhead_without_fallback(target):
    """SEMAPHORE_REJECTED or THREAD_POOL_REJECTED: an error in health, the rejection for the caller."""
    guarded = target(places=1)
    event, kind = guarded.driver.rejection
    outcome = with_full_bulkhead(guarded)
    assert isinstance(outcome.error, kind)
    assert outcome.error.command_key == guarded.key
    assert outcome.events == (event, "FALLBACK_MISSING")
    assert guarded.counts == {"SUCCESS": 1, event: 1, "FALLBACK_MISSING": 1}
    assert health_of(guarded) == (2, 1)
    assert outcome.execution.is_rejected
    assert outcome.execution.is_thread_pool_rejected == (event == "THREAD_POOL_REJECTED")
    assert outcome.execution.is_semaphore_rejected == (event == "SEMAPHORE_REJECTED")


def test_a_full_bulkhead_with_fallback(target):
    """The fallback answers, and is told of the rejection."""
    guarded = target(lambda: "fallback", places=1)
    event, kind = guarded.driver.rejection
    outcome = with_full_bulkhead(guarded)
    assert (outcome.value, outcome.events) == ("fallback", (event, "FALLBACK_SUCCESS"))
    assert isinstance(guarded.scripts[1].error, kind)


def test_a_cancelled_caller(cancellable):
    """CANCELLED: no fallback, not in health, CancelledError for the caller; only where a caller can go away."""
    guarded, gate = cancellable(lambda: pytest.fail("a fallback ran")), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    started.cancel()
    outcome = started.outcome()
    assert isinstance(outcome.error, CANCELLED)
    assert outcome.events == ("CANCELLED",)
    assert guarded.counts == {"CANCELLED": 1}
    assert health_of(guarded) == (0, 0)
    assert outcome.execution.is_cancelled
    assert isinstance(outcome.execution.exception, CANCELLED)


def test_exceptions_thrown_are_derived(target):
    """EXCEPTION_THROWN is the sum of bad requests and of fallbacks that did not help."""
    guarded = target()
    guarded.call(raising(BadRequestError("no")))
    guarded.call(raising(OSError("down")))
    guarded.call()
    assert guarded.metrics.cumulative_count(hystrixpy.EventType.EXCEPTION_THROWN) == 2
