"""Exceptions pass through as they are; what counts as which outcome depends on who raised."""

from __future__ import annotations

import traceback

import pytest

import hystrixpy
from hystrixpy import (
    BadRequestError,
    CircuitOpenError,
    CommandFailedError,
    CommandTimeoutError,
    EventType,
    SemaphoreRejectedError,
)


def raising(error):
    """A run that raises exactly this."""

    def run():
        raise error

    return run


@pytest.mark.parametrize(
    "error",
    [TimeoutError("slow"), CommandTimeoutError("another's"), CircuitOpenError("inner"), SemaphoreRejectedError()],
)
def test_what_run_raises_itself_is_a_failure(target, error):
    """A TimeoutError of the client, or a refusal of a nested command, is no outcome of this command's machinery."""
    guarded = target()
    outcome = guarded.call(raising(error))
    assert outcome.error is error
    assert outcome.events == ("FAILURE", "FALLBACK_MISSING")
    assert not outcome.execution.is_timed_out
    assert not outcome.execution.is_short_circuited
    assert guarded.metrics.health == (1, 1, 100)


def test_an_open_circuit_inside_run_is_a_failure_outside(target):
    """The inner command is short-circuited, the outer one failed: each counts its own."""

    @hystrixpy.command(key="inner", isolation="semaphore")
    def inner():
        raise AssertionError

    hystrixpy.circuit_breaker("inner").force_open()
    guarded = target(lambda: "fallback")
    outcome = guarded.call(inner)
    assert (outcome.value, outcome.events) == ("fallback", ("FAILURE", "FALLBACK_SUCCESS"))
    assert isinstance(outcome.execution.exception, CircuitOpenError)
    assert outcome.execution.exception.command_key == "inner"
    assert hystrixpy.metrics("inner").cumulative_count(EventType.SHORT_CIRCUITED) == 1


def test_raise_hystrix_errors_wraps_a_failure(target):
    """CommandFailedError with the original as cause, and the kind of failure."""
    guarded, error = target(raise_hystrix_errors=True), OSError("down")
    outcome = guarded.call(raising(error))
    assert type(outcome.error) is CommandFailedError
    assert outcome.error.__cause__ is error
    assert outcome.error.failure_type is EventType.FAILURE
    assert outcome.error.fallback_exception is None
    assert outcome.error.command_key == guarded.key
    assert "OSError('down')" in str(outcome.error)
    assert outcome.execution.exception is error


def test_raise_hystrix_errors_keeps_the_error_of_the_fallback(target):
    """Both are at hand: the cause is run's, the attribute the fallback's."""
    error, broken = OSError("down"), LookupError("no default")
    outcome = target(raising(broken), raise_hystrix_errors=True).call(raising(error))
    assert type(outcome.error) is CommandFailedError
    assert outcome.error.__cause__ is error
    assert outcome.error.fallback_exception is broken


class UnshowableError(Exception):
    """Its repr is broken."""

    def __repr__(self):
        raise RuntimeError("no repr")


def test_an_exception_that_cannot_be_shown_is_named_by_its_class(target):
    """The caller gets the wrapper all the same, not the error of the repr."""
    error = UnshowableError()
    outcome = target(raise_hystrix_errors=True).call(raising(error))
    assert isinstance(outcome.error, CommandFailedError)
    assert outcome.error.__cause__ is error
    assert "command 'target' failed: UnshowableError(...)" in str(outcome.error)


@pytest.mark.parametrize("error", [BadRequestError("who?"), KeyboardInterrupt()])
def test_raise_hystrix_errors_wraps_nothing_else(target, error):
    """Bad requests and BaseExceptions stay themselves."""
    assert target(raise_hystrix_errors=True).call(raising(error)).error is error


def test_raise_hystrix_errors_leaves_timeouts_and_refusals_alone(target):
    """They are hystrix errors already."""
    guarded = target(raise_hystrix_errors=True, timeout=0.02)
    assert type(guarded.call(overrun=True).error) is CommandTimeoutError
    hystrixpy.circuit_breaker(guarded.key).force_open()
    assert type(guarded.call().error) is CircuitOpenError


def test_ignore_takes_the_place_of_nothing_else(target):
    """Subclasses are ignored with their base; others are failures."""
    guarded = target(ignore=(LookupError, ValueError))
    assert guarded.call(raising(KeyError())).events == ("BAD_REQUEST",)
    assert guarded.call(raising(UnicodeError())).events == ("BAD_REQUEST",)
    assert guarded.call(raising(TypeError())).events == ("FAILURE", "FALLBACK_MISSING")


def test_a_bad_request_of_our_own_kind_may_be_subclassed(target):
    """As users do, to tell their bad requests apart."""

    class NoSuchUserError(BadRequestError):
        pass

    outcome = target(lambda: "fallback").call(raising(NoSuchUserError("42")))
    assert type(outcome.error) is NoSuchUserError
    assert outcome.events == ("BAD_REQUEST",)


def test_refusals_are_new_objects_and_grow_nothing(target):
    """A thousand rejections: each its own exception with a traceback as short as the first one's."""
    guarded = target()
    hystrixpy.circuit_breaker(guarded.key).force_open()
    calls = 1000 if "execute" in guarded.driver.name or guarded.driver.name == "fn-semaphore" else 50
    errors = [guarded.call().error for _ in range(calls)]
    assert len({id(error) for error in errors}) == calls
    lengths = [len(traceback.extract_tb(error.__traceback__)) for error in errors]
    assert lengths == [lengths[0]] * calls
    assert all(error.__context__ is None and error.__cause__ is None for error in errors)


def test_a_failure_keeps_the_traceback_of_run(target):
    """Who reads the log finds the line that failed."""

    def the_line_that_failed():
        raise OSError

    error = target().call(the_line_that_failed).error
    assert traceback.extract_tb(error.__traceback__)[-1].name == "the_line_that_failed"


def test_no_error_is_raised_by_queue_itself(targets):
    """Refusals, state errors and failures alike are in the future."""
    from .drivers import DRIVERS, Target

    guarded = Target(DRIVERS[4])
    targets.append(guarded)
    hystrixpy.circuit_breaker(guarded.key).force_open()
    made = guarded.make()
    assert isinstance(made.queue().exception(10), CircuitOpenError)
    assert isinstance(made.queue().exception(10), hystrixpy.CommandStateError)
