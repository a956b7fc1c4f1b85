"""reset() and shutdown(): new circuits start at zero, what settles late stays with the old ones."""

from __future__ import annotations

import threading

import pytest

import hystrixpy
from hystrixpy import EventType, ThreadPoolRejectedError

from .gates import Gate


def fail():
    """A run that fails."""
    raise OSError


def test_new_circuits_start_at_zero(target):
    """Counts, health, latencies and breaker."""
    guarded = target(breaker_volume_threshold=1)
    guarded.call(fail)
    hystrixpy.reset()
    assert guarded.counts == {}
    assert guarded.metrics.health == (0, 0, 0)
    assert guarded.metrics.latency.count == 0
    assert guarded.call().events == ("SUCCESS",)


def test_what_settles_late_counts_nowhere_in_the_new_ones(target):
    """In flight across a reset: the old numbers take it, the new ones stay empty, the caller has its value."""
    guarded, gate = target(), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    old = guarded.metrics
    hystrixpy.reset(timeout=0)
    assert guarded.metrics.concurrency == 0
    gate.open()
    assert started.outcome().value == "value"
    assert old.cumulative_count(EventType.SUCCESS) == 1
    assert (old.concurrency, guarded.metrics.concurrency) == (0, 0)
    assert guarded.counts == {}


def test_a_late_failure_does_not_open_the_new_breaker(target):
    """It is of the old circuit's history."""
    guarded, gate = target(breaker_volume_threshold=1), Gate()
    started = guarded.start(fail, hold=gate)
    gate.wait_reached()
    hystrixpy.reset(timeout=0)
    gate.open()
    started.outcome()
    assert not hystrixpy.circuit_breaker(guarded.key).is_open
    assert guarded.call().events == ("SUCCESS",)


def test_late_permits_go_back_where_they_were_taken(target):
    """One place, taken across a reset: the new circuit has its own place throughout."""
    guarded, gate = target(places=1), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    hystrixpy.reset(timeout=0)
    assert guarded.call().value == "value"
    gate.open()
    started.outcome()
    assert guarded.call().value == "value"
    assert guarded.counts == {"SUCCESS": 2}


def exported(guarded):
    """(successes, failures, latencies) of the torn-down circuits of a key; tests before this one left some, too."""
    sums = [each for each in hystrixpy.registry.retired() if each.key == guarded.key]
    return [
        sum(each.events[EventType.SUCCESS] for each in sums),
        sum(each.events[EventType.FAILURE] for each in sums),
        sum(sum(each.latency) for each in sums),
    ]


def test_what_torn_down_circuits_counted_stays_in_the_exported_sums(target):
    """registry.retired() adds up over resets."""
    guarded = target()
    before = exported(guarded)
    for _ in range(3):
        guarded.call()
        guarded.call(fail)
        hystrixpy.reset()
    assert [now - then for now, then in zip(exported(guarded), before, strict=True)] == [3, 3, 6]


def test_reset_takes_back_what_was_forced(target):
    """Nothing of the old breaker is left."""
    guarded = target()
    hystrixpy.circuit_breaker(guarded.key).force_open()
    assert guarded.call().execution.is_short_circuited
    hystrixpy.reset()
    assert guarded.call().value == "value"


def test_reset_joins_the_pools(threaded):
    """Threads end; the next call starts new ones."""
    guarded = threaded()
    guarded.call()
    hystrixpy.reset()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hystrix-")]
    assert guarded.call().value == "value"


def test_reset_returns_after_its_timeout_though_a_worker_hangs(threaded):
    """The hanging thread is left to itself."""
    guarded, gate = threaded(timeout=None), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    hystrixpy.reset(timeout=0.05)
    gate.open()
    assert started.outcome().value == "value"


def test_reset_without_anything_does_nothing():
    """Twice in a row, before any command."""
    hystrixpy.reset()
    hystrixpy.reset()
    assert hystrixpy.command_keys() == hystrixpy.thread_pool_keys() == ()


def test_shutdown_lets_what_runs_end_and_refuses_what_comes(threaded):
    """THREAD_POOL_REJECTED with a message that says why, until reset()."""
    guarded = threaded()
    guarded.call()
    hystrixpy.shutdown()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("hystrix-")]
    outcome = guarded.call()
    assert isinstance(outcome.error, ThreadPoolRejectedError)
    assert "was shut down" in str(outcome.error)
    hystrixpy.reset()
    assert guarded.call().value == "value"


def test_shutdown_does_not_concern_semaphores(unthreaded):
    """They need no thread."""
    guarded = unthreaded()
    guarded.call()
    hystrixpy.shutdown()
    assert guarded.call().value == "value"


def test_shutdown_without_waiting_returns_at_once(threaded):
    """And what runs ends all the same, in time."""
    guarded, gate = threaded(), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    hystrixpy.shutdown(wait=False)
    gate.open()
    assert started.outcome().value == "value"


def test_limits_hold_after_a_shutdown_that_does_not_wait(threaded):
    """Nobody hangs because the timer went first."""
    guarded, gate = threaded(timeout=0.1), Gate()
    started = guarded.start(hold=gate)
    gate.wait_reached()
    hystrixpy.shutdown(wait=False)
    assert started.outcome().events == ("TIMEOUT", "FALLBACK_MISSING")


@pytest.mark.parametrize("timeout", ["1", True, float("nan")])
def test_a_timeout_that_is_no_number_tears_nothing_down(timeout):
    """PropertyError that shows the value, and the circuits are still there: half a reset helps nobody."""

    @hystrixpy.command(isolation="semaphore")
    def standing():
        return 1

    standing()
    with pytest.raises(hystrixpy.PropertyError, match=r"timeout = .*: must be a number of seconds, or None"):
        hystrixpy.reset(timeout=timeout)
    assert hystrixpy.metrics("standing").cumulative_count(EventType.SUCCESS) == 1


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 10**400, -1])
def test_any_number_is_a_timeout(timeout):
    """More than a lifetime waits as long as it takes, less than nothing does not wait."""

    @hystrixpy.command
    def once():
        return 1

    once()
    hystrixpy.reset(timeout=timeout)
    assert hystrixpy.command_keys() == ()
