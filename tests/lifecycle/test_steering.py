"""Forcing and resetting a breaker by key and by property, on every driver."""

from __future__ import annotations

import hystrixpy
from hystrixpy import CircuitState

SHORT = ("SHORT_CIRCUITED", "FALLBACK_MISSING")


def fail():
    """A run that fails."""
    raise OSError


def opened(guarded):
    """Open the breaker by two failures."""
    for _ in range(2):
        guarded.call(fail)
    breaker = hystrixpy.circuit_breaker(guarded.key)
    assert breaker.state is CircuitState.OPEN
    return breaker


def test_forced_open_refuses_until_it_is_taken_back(target):
    """Whatever the health; then the real state counts again."""
    guarded = target()
    breaker = hystrixpy.circuit_breaker(guarded.key)
    breaker.force_open()
    assert breaker.is_open
    refused = guarded.call()
    assert refused.events == SHORT
    assert "forced open" in str(refused.error)
    breaker.unforce()
    assert guarded.call().events == ("SUCCESS",)


def test_forced_closed_admits_whatever_happened(target):
    """It goes on counting."""
    guarded = target(breaker_volume_threshold=2)
    breaker = opened(guarded)
    breaker.force_closed()
    assert guarded.call().events == ("SUCCESS",)
    assert not breaker.is_open
    breaker.unforce()
    assert guarded.call().events == SHORT


def test_the_same_by_property(target):
    """A change of the configuration holds from the next call on."""
    guarded = target(breaker_volume_threshold=2)
    assert guarded.call().events == ("SUCCESS",)
    hystrixpy.configure({"command": {guarded.key: {"breaker_force_open": True}}})
    assert guarded.call().events == SHORT
    hystrixpy.configure({"command": {guarded.key: {"breaker_force_closed": True}}})
    for _ in range(4):
        assert guarded.call(fail).events == ("FAILURE", "FALLBACK_MISSING")
    hystrixpy.configure({})
    assert guarded.call().events in (SHORT, ("SUCCESS",))


def test_reset_closes_it(target):
    """Health starts again; cumulative counts stay."""
    guarded = target(breaker_volume_threshold=2)
    opened(guarded).reset()
    assert guarded.metrics.health == (0, 0, 0)
    assert guarded.call().events == ("SUCCESS",)
    assert guarded.counts == {"FAILURE": 2, "FALLBACK_MISSING": 2, "SUCCESS": 1}


def test_a_disabled_breaker_admits_everything(target):
    """And counts all the same."""
    guarded = target(breaker_enabled=False, breaker_volume_threshold=1)
    for _ in range(5):
        assert guarded.call(fail).events == ("FAILURE", "FALLBACK_MISSING")
    assert guarded.metrics.health == (5, 5, 100)


def test_the_window_moves_it(target, clock):
    """OPEN, after the sleep window one trial, and closed by its success."""
    guarded = target(breaker_volume_threshold=2)
    breaker = opened(guarded)
    assert guarded.call().events == SHORT
    clock.advance(5.0)
    assert guarded.call().events == ("SUCCESS",)
    assert breaker.state is CircuitState.CLOSED
    assert guarded.metrics.health == (0, 0, 0)


def test_other_properties_change_for_the_next_call(target):
    """Timeout and fallback of a live key."""
    guarded = target(lambda: "fallback")
    assert guarded.call(fail).value == "fallback"
    hystrixpy.configure({"command": {guarded.key: {"fallback_enabled": False, "timeout": 0.02}}})
    assert guarded.call(fail).events == ("FAILURE", "FALLBACK_DISABLED")
    assert guarded.call(overrun=True).events == ("TIMEOUT", "FALLBACK_DISABLED")
