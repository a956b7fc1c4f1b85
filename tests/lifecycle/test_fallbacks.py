"""What a fallback can do, on every driver: answer, fail, be missing, switched off, or find no place."""

from __future__ import annotations

import hystrixpy
from hystrixpy import FallbackRejectedError

from .gates import Gate

DOWN = "down"


def fail():
    """A run that fails."""
    raise OSError(DOWN)


def held(driver, gate):
    """A fallback that waits at the gate."""
    return lambda: gate.wait_in_task() if driver.is_async else gate.wait()


def test_a_failing_fallback_is_what_the_caller_gets(target):
    """FALLBACK_FAILURE; the original is the cause."""
    broken = LookupError("no default")

    def fallback():
        raise broken

    guarded = target(fallback)
    outcome = guarded.call(fail)
    assert outcome.error is broken
    assert outcome.events == ("FAILURE", "FALLBACK_FAILURE")
    assert isinstance(broken.__cause__, OSError)
    assert broken.__cause__ is outcome.execution.exception
    assert outcome.execution.fallback_exception is broken
    assert not outcome.execution.is_from_fallback
    assert guarded.metrics.cumulative_count(hystrixpy.EventType.EXCEPTION_THROWN) == 1


def test_a_fallback_not_implemented_is_a_failing_one(target):
    """Overridden is overridden, whatever it raises."""

    def fallback():
        raise NotImplementedError

    outcome = target(fallback).call(fail)
    assert isinstance(outcome.error, NotImplementedError)
    assert outcome.events == ("FAILURE", "FALLBACK_FAILURE")


def test_a_fallback_may_raise_the_original_again(target):
    """The same object arrives, and is not its own cause."""
    original = OSError(DOWN)

    def run():
        raise original

    def fallback():
        raise guarded.scripts[0].error

    guarded = target(fallback)
    outcome = guarded.call(run)
    assert outcome.error is original
    assert original.__cause__ is None


def test_a_cause_of_its_own_is_not_turned_into_a_circle(target):
    """The fallback unwraps what run wrapped: the chain stays as run made it."""
    inner = OSError(DOWN)

    def run():
        raise LookupError("wrapped") from inner

    def fallback():
        raise inner

    outcome = target(fallback).call(run)
    assert outcome.error is inner
    assert inner.__cause__ is None


def test_a_disabled_fallback_is_not_called(target):
    """FALLBACK_DISABLED; the caller gets what run raised."""
    outcome = target(lambda: "fallback", fallback_enabled=False).call(fail)
    assert isinstance(outcome.error, OSError)
    assert outcome.events == ("FAILURE", "FALLBACK_DISABLED")


def test_a_fallback_without_a_place_is_rejected(target, driver):
    """FALLBACK_REJECTION: never waited for; FallbackRejectedError with what made run fail as its cause."""
    gate = Gate()
    guarded = target(held(driver, gate), fallback_max_concurrent=1)
    first = guarded.start(fail)
    gate.wait_reached()
    outcome = guarded.call(fail)
    gate.open()
    assert isinstance(outcome.error, FallbackRejectedError)
    assert isinstance(outcome.error.__cause__, OSError)
    assert outcome.error.command_key == guarded.key
    assert outcome.events == ("FAILURE", "FALLBACK_REJECTION")
    assert first.outcome().events == ("FAILURE", "FALLBACK_SUCCESS")


def test_the_place_of_a_fallback_is_free_again(target):
    """One place, many calls, whether the fallback succeeds or fails."""

    def fallback():
        if len(guarded.scripts) % 2:
            raise LookupError

    guarded = target(fallback, fallback_max_concurrent=1, breaker_enabled=False)
    for _ in range(20):
        guarded.call(fail)
    assert guarded.counts == {"FAILURE": 20, "FALLBACK_SUCCESS": 10, "FALLBACK_FAILURE": 10}


def test_places_of_run_are_free_while_the_fallback_runs(target, driver):
    """A dependency with one place: its fallback takes none of it."""
    gate = Gate()
    guarded = target(held(driver, gate), places=1)
    first = guarded.start(fail)
    gate.wait_reached()
    assert guarded.metrics.concurrency == 1  # the caller still waits
    assert guarded.call().value == "value"
    gate.open()
    first.outcome()
    assert guarded.metrics.concurrency == 0


def test_the_execution_can_be_looked_at_during_the_fallback(target):
    """What made run fail is known, and nothing is complete yet."""
    seen = []

    def fallback():
        execution = hystrixpy.current_command().execution
        seen.append((execution.is_complete, execution.is_failure, execution.exception, execution.latency is not None))
        return "fallback"

    outcome = target(fallback).call(fail)
    assert seen == [(False, True, outcome.execution.exception, True)]
    assert outcome.execution.is_complete


def test_nothing_limits_the_time_of_a_fallback(target):
    """The limit was the dependency's; an enclosing command's would still hold."""
    outcome = target(hystrixpy.deadline, timeout=5.0).call(fail)
    assert outcome.value is None
    assert outcome.events == ("FAILURE", "FALLBACK_SUCCESS")
