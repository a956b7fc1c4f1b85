"""BaseExceptions that are no Exceptions end a command at once; everything it held is put right."""

from __future__ import annotations

import asyncio

import pytest

import hystrixpy
from hystrixpy import CircuitState, CommandInterrupted

KINDS = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, CommandInterrupted)


def raising(error):
    """A run that raises exactly this."""

    def run():
        raise error

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_it_propagates_without_a_fallback(target, kind):
    """CANCELLED: the very object reaches the caller (in the future, for queue), and health knows nothing of it."""
    guarded, error = target(lambda: pytest.fail("a fallback ran")), kind("stop")
    outcome = guarded.call(raising(error))
    assert outcome.error is error
    assert outcome.events == ("CANCELLED",)
    assert outcome.execution.exception is error
    assert guarded.counts == {"CANCELLED": 1}
    assert guarded.metrics.health == (0, 0, 0)


def test_the_place_is_free_again(target):
    """Twenty interrupted calls on one place leave it usable."""
    guarded = target(places=1)
    for _ in range(20):
        guarded.call(raising(KeyboardInterrupt()))
    assert guarded.call().value == "value"
    assert guarded.metrics.concurrency == 0
    assert guarded.counts == {"CANCELLED": 20, "SUCCESS": 1}


def test_a_trial_is_handed_back(target, clock):
    """An interrupted trial says nothing: the next call may try at once, and closes the breaker."""
    guarded = target(breaker_volume_threshold=1)
    breaker = hystrixpy.circuit_breaker(guarded.key)
    guarded.call(raising(OSError()))
    assert breaker.state is CircuitState.OPEN
    clock.advance(5.0)
    assert guarded.call(raising(KeyboardInterrupt())).events == ("CANCELLED",)
    assert breaker.state is CircuitState.HALF_OPEN
    assert guarded.call().value == "value"
    assert breaker.state is CircuitState.CLOSED


def test_a_bad_request_hands_a_trial_back_too(target, clock):
    """Neither success nor failure of the dependency."""
    guarded = target(breaker_volume_threshold=1)
    breaker = hystrixpy.circuit_breaker(guarded.key)
    guarded.call(raising(OSError()))
    clock.advance(5.0)
    guarded.call(raising(hystrixpy.BadRequestError("who?")))
    assert breaker.state is CircuitState.HALF_OPEN
    assert guarded.call().events == ("SUCCESS",)


@pytest.mark.parametrize("failed", ["raises", "outlasts its limit"])
def test_a_failing_trial_opens_again(target, clock, failed):
    """A failure or a timeout of the trial starts a fresh sleep window."""
    guarded = target(breaker_volume_threshold=1, timeout=0.02)
    breaker = hystrixpy.circuit_breaker(guarded.key)
    guarded.call(raising(OSError()))
    clock.advance(5.0)
    guarded.call(raising(OSError()), overrun=failed == "outlasts its limit")
    assert breaker.state is CircuitState.OPEN
    clock.advance(4.9)
    assert guarded.call().events == ("SHORT_CIRCUITED", "FALLBACK_MISSING")


@pytest.mark.parametrize("kind", KINDS)
def test_one_raised_by_the_fallback_propagates(target, kind):
    """FAILURE stays counted; the fallback neither succeeded nor failed."""
    error = kind("stop")
    guarded = target(raising(error), fallback_max_concurrent=1)
    outcome = guarded.call(raising(OSError()))
    assert outcome.error is error
    assert outcome.events == ("FAILURE", "CANCELLED")
    assert guarded.call(raising(OSError())).events == ("FAILURE", "CANCELLED")  # its place was given back


@pytest.mark.parametrize("kind", [MemoryError, RecursionError])
def test_a_fatal_failure_skips_the_fallback(target, kind):
    """FAILURE and FALLBACK_DISABLED: a fallback would hardly fare better."""
    guarded, error = target(lambda: pytest.fail("a fallback ran")), kind("no more")
    outcome = guarded.call(raising(error))
    assert outcome.error is error
    assert outcome.events == ("FAILURE", "FALLBACK_DISABLED")
    assert guarded.metrics.health == (1, 1, 100)


@pytest.mark.parametrize("kind", [MemoryError, RecursionError])
def test_a_fatal_failure_falls_back_if_told_to(target, kind):
    """fallback_on_fatal=True."""
    outcome = target(lambda: "fallback", fallback_on_fatal=True).call(raising(kind()))
    assert (outcome.value, outcome.events) == ("fallback", ("FAILURE", "FALLBACK_SUCCESS"))


def test_a_real_endless_recursion_is_a_failure(target):
    """The interpreter's own RecursionError, with the stack it leaves."""

    def run():
        return run()

    outcome = target(lambda: "fallback").call(run)
    assert isinstance(outcome.error, RecursionError)
    assert outcome.events == ("FAILURE", "FALLBACK_DISABLED")
