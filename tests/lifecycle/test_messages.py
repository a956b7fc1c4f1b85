"""Errors are read by the person on call: what happened, with numbers, and what to do."""

from __future__ import annotations

import pickle
import re

import pytest

import hystrixpy
from hystrixpy import errors

from .gates import Gate

MESSAGES = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, BaseException)]


def fail():
    """A run that fails."""
    raise OSError("down")


def test_of_a_timeout(target):
    """The key, the time taken and the limit."""
    error = target(timeout=0.02).call(overrun=True).error
    assert re.fullmatch(r"command 'target' timed out after 0\.0\d\d s \(timeout 0\.02 s\).*", str(error))


def test_of_an_open_circuit(target, clock):
    """As DESIGN writes it: percentage, calls, window, threshold, and when the next trial is."""
    guarded = target(breaker_volume_threshold=4)
    for number in range(5):
        guarded.call(fail if number % 5 < 3 else lambda: None)
    clock.advance(1.8)
    error = guarded.call().error
    assert str(error) == (
        "circuit 'target' is open: 75% of 4 calls failed in the last 10 s (threshold 50%); next trial in 3.2 s"
    )
    assert error.retry_after == pytest.approx(3.2)


def test_of_a_full_bulkhead(target):
    """How many are running, the property that says so, and what to do."""
    guarded, gate = target(places=1), Gate()
    first = guarded.start(hold=gate)
    gate.wait_reached()
    text = str(guarded.call().error)
    gate.open()
    first.outcome()
    if guarded.driver.isolation == "thread":
        assert re.search(r"'target' rejected by thread pool '.*': all 1 threads are busy .* 0 commands", text)
        assert "core_size" in text
    else:
        assert "'target' rejected: 1 executions are already running (max_concurrent)" in text
    assert "shed load, or raise" in text


def test_of_a_fallback_without_a_place(target):
    """How many are running, the property, and what run had failed with."""
    gate = Gate()
    guarded = target(lambda: gate.wait_in_task() if guarded.driver.is_async else gate.wait(), fallback_max_concurrent=1)
    first = guarded.start(fail)
    gate.wait_reached()
    text = str(guarded.call(fail).error)
    gate.open()
    first.outcome()
    assert "the fallback of 'target' was rejected: 1 fallbacks are already running (fallback_max_concurrent)" in text
    assert "OSError('down')" in text
    assert "threads" not in text          # the other reason there is, with a text of its own


def raised(target):
    """One error of every kind that a command raises."""
    guarded = target(timeout=0.2, raise_hystrix_errors=True, places=1, breaker_enabled=False)
    gate = Gate()
    made = guarded.make(fail)
    yield guarded.driver.outcome(made).error
    yield guarded.driver.outcome(made).error
    first = guarded.start(hold=gate)
    gate.wait_reached()
    yield guarded.call().error
    gate.open()
    first.outcome()
    yield guarded.call(overrun=True).error
    hystrixpy.configure({"command": {guarded.key: {"breaker_enabled": True, "breaker_force_open": True}}})
    yield guarded.call().error


def test_every_error_survives_pickling(target):
    """Kind, text and attributes: they must cross process pools."""
    for error in raised(target):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert again.__dict__ == error.__dict__
        assert again.command_key == "target"


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_error_can_be_made_by_hand_and_pickled(kind):
    """Tests of users do that."""
    error = kind("text")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.args) == (kind, ("text",))


def test_retry_after_is_none_where_nobody_knows(target):
    """Only an open breaker knows when it makes sense to come back."""
    guarded, gate = target(places=1), Gate()
    first = guarded.start(hold=gate)
    gate.wait_reached()
    error = guarded.call().error
    gate.open()
    first.outcome()
    assert error.retry_after is None
