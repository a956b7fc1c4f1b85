"""The rules of eapache/go-resiliency's breaker, one by one, and where ours is stricter on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hystrixpy import CircuitBreaker
from tests.support.breakers import BROKEN, Held, exclude, fail, refusal, succeed

if TYPE_CHECKING:
    from hystrixpy.testing import ManualClock

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def breaker() -> CircuitBreaker:
    """Three errors open it, two successes close it, ten seconds."""
    return CircuitBreaker.counting(3, 2, 10.0, name="db")


def half_open(breaker: CircuitBreaker, clock: ManualClock) -> None:
    fail(breaker, 3)
    clock.advance(10.0)


def test_is_a_circuit_breaker(breaker: CircuitBreaker) -> None:
    """With all its faces, and a default name."""
    assert isinstance(breaker, CircuitBreaker)
    assert breaker.name == "db"
    assert CircuitBreaker.counting(1, 1, 1.0).name == "counting breaker"


def test_opens_at_the_threshold(breaker: CircuitBreaker) -> None:
    """Two errors do not, the third does."""
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_a_success_takes_nothing_back(breaker: CircuitBreaker) -> None:
    """It is not about consecutive errors."""
    for _ in range(3):
        succeed(breaker, 10)
        fail(breaker)
    assert breaker.state == "open"


def test_errors_add_up_over_gaps_not_longer_than_the_timeout(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """However long it takes in all."""
    for _ in range(2):
        fail(breaker)
        clock.advance(10.0)
    fail(breaker)
    assert breaker.state == "open"


def test_a_longer_gap_starts_the_count_again(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """By a microsecond."""
    fail(breaker, 2)
    clock.advance(10.000001)
    fail(breaker, 2)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_neutral_endings_neither_count_nor_end_a_gap(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """Bad requests are not errors."""
    fail(breaker, 2)
    clock.advance(6.0)
    exclude(breaker)
    clock.advance(6.0)
    fail(breaker)
    assert breaker.state == "closed"


def test_is_half_open_after_the_timeout_without_a_call(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """As if its timer had fired; it is open until then."""
    fail(breaker, 3)
    clock.advance(9.999999)
    assert breaker.state == "open"
    refusal(breaker)
    clock.advance(0.000001)
    assert (breaker.state, breaker.is_open, breaker.allows_request()) == ("half_open", True, True)


def test_so_many_successes_close_it(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """Two, and the errors before are forgotten."""
    half_open(breaker, clock)
    succeed(breaker)
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.state == "closed"
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_one_error_opens_it_again(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """Whatever succeeded before, and for a whole timeout."""
    half_open(breaker, clock)
    succeed(breaker)
    fail(breaker)
    assert breaker.state == "open"
    clock.advance(10.0)
    succeed(breaker)
    assert breaker.state == "half_open"


def test_half_open_admits_as_many_at_a_time_as_have_to_succeed(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """go-resiliency lets everybody through."""
    half_open(breaker, clock)
    trials = [Held(breaker), Held(breaker)]
    refusal(breaker)
    for trial in trials:
        trial.end()
    assert breaker.state == "closed"


def test_a_failure_admitted_while_closed_does_not_open_it_later(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """go-resiliency opens again."""
    late = Held(breaker)
    half_open(breaker, clock)
    succeed(breaker)
    late.end(BROKEN)
    assert breaker.state == "half_open"


def test_a_success_of_an_earlier_half_open_does_not_count_later(breaker: CircuitBreaker, clock: ManualClock) -> None:
    """go-resiliency counts it."""
    half_open(breaker, clock)
    early = Held(breaker)
    fail(breaker)
    clock.advance(10.0)
    succeed(breaker)
    early.end()
    assert breaker.state == "half_open"


def test_reset_forgets_the_errors(breaker: CircuitBreaker) -> None:
    """Two before and two after do not make three."""
    fail(breaker, 2)
    breaker.reset()
    fail(breaker, 2)
    assert breaker.state == "closed"


def test_tells_transitions(clock: ManualClock) -> None:
    """Half-open is told by the call that makes it so."""
    told: list[str] = []
    breaker = CircuitBreaker.counting(1, 1, 10.0, on_transition=lambda _name, _old, new: told.append(new))
    fail(breaker)
    clock.advance(10.0)
    assert (breaker.state, told) == ("half_open", ["open"])
    succeed(breaker)
    assert told == ["open", "half_open", "closed"]
