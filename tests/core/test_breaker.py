"""The rules of the breaker's states, one by one, by a manual clock."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from hystrixpy import CircuitBreaker, CircuitState
from tests.support.breakers import BROKEN, Held, exclude, fail, refusal, succeed

if TYPE_CHECKING:
    from hystrixpy.testing import ManualClock

pytestmark = pytest.mark.usefixtures("clock")

STATES = [CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN]


def opened(**rules: object) -> CircuitBreaker:
    breaker = CircuitBreaker("X", volume_threshold=4, **rules)  # type: ignore[arg-type]
    fail(breaker, 4)
    return breaker


def half_opened(clock: ManualClock, **rules: object) -> tuple[CircuitBreaker, Held]:
    breaker = opened(**rules)
    clock.advance(5.0)
    return breaker, Held(breaker)


def test_starts_closed() -> None:
    """A new breaker admits calls and has counted nothing."""
    breaker = CircuitBreaker("X")
    assert (breaker.state, breaker.is_open, breaker.allows_request(), breaker.health) == (
        "closed",
        False,
        True,
        (0, 0, 0),
    )


def test_opens_at_the_volume_threshold_exactly() -> None:
    """19 of 20 calls do not open it, however bad; the 20th does."""
    breaker = CircuitBreaker("X")
    fail(breaker, 19)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_opens_at_the_error_threshold_exactly() -> None:
    """Half of the calls failing is enough for 50 %."""
    breaker = CircuitBreaker("X", volume_threshold=4)
    succeed(breaker, 2)
    fail(breaker)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


def test_stays_closed_below_the_error_threshold() -> None:
    """49 % is not 50 %."""
    breaker = CircuitBreaker("X", volume_threshold=51)
    succeed(breaker, 51)
    fail(breaker, 49)
    assert (breaker.state, breaker.health) == ("closed", (100, 49, 49))


def test_a_success_opens_it_when_it_completes_the_volume() -> None:
    """Whatever call settles decides: the fourth one is a success, and three of four failed."""
    breaker = CircuitBreaker("X", volume_threshold=4)
    fail(breaker, 3)
    succeed(breaker)
    assert (breaker.state, breaker.health) == ("open", (4, 3, 75))


def test_errors_leave_the_window(clock: ManualClock) -> None:
    """After ten seconds errors no longer count, and the open bucket always does."""
    breaker = CircuitBreaker("X", volume_threshold=4)
    fail(breaker, 3)
    clock.advance(9.9)
    assert breaker.health == (3, 3, 100)
    clock.advance(0.1)
    assert breaker.health == (0, 0, 0)
    fail(breaker)
    assert breaker.state == "closed"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), SystemExit(1)])
def test_a_base_exception_counts_nowhere(error: BaseException) -> None:
    """Ctrl-C is nobody's failure."""
    breaker = CircuitBreaker("X", volume_threshold=1)
    fail(breaker, error=error)
    assert (breaker.state, breaker.health) == ("closed", (0, 0, 0))


def test_ignored_types_and_bad_requests_count_nowhere() -> None:
    """Subclasses of an ignored type included."""
    breaker = CircuitBreaker("X", volume_threshold=1, ignore=LookupError)
    fail(breaker, error=KeyError("x"))
    exclude(breaker)
    assert (breaker.ignore, breaker.health) == ((LookupError,), (0, 0, 0))


def test_refuses_while_the_sleep_window_lasts(clock: ManualClock) -> None:
    """Until the very microsecond at which it is over."""
    breaker = opened()
    clock.advance(4.999999)
    refusal(breaker)
    assert not breaker.allows_request()
    clock.advance(0.000001)
    assert breaker.allows_request()
    succeed(breaker)
    assert breaker.state == "closed"


def test_refused_calls_count_nowhere() -> None:
    """Refusals leave health as it was."""
    breaker = opened()
    refusal(breaker)
    assert breaker.health == (4, 4, 100)


def test_a_question_takes_no_trial(clock: ManualClock) -> None:
    """allows_request() changes nothing, however often it is asked."""
    breaker = opened()
    clock.advance(5.0)
    assert [breaker.allows_request() for _ in range(3)] == [True] * 3
    assert breaker.state == "open"


def test_the_first_call_after_the_sleep_window_is_the_trial(clock: ManualClock) -> None:
    """While it runs the others are refused."""
    breaker, trial = half_opened(clock)
    assert (breaker.state, breaker.is_open, breaker.allows_request()) == ("half_open", True, False)
    refusal(breaker)
    trial.end()
    assert breaker.state == "closed"


def test_closing_starts_health_at_zero(clock: ManualClock) -> None:
    """The trial's own success included: it was counted before the decision."""
    breaker, trial = half_opened(clock)
    trial.end()
    assert breaker.health == (0, 0, 0)
    fail(breaker, 3)
    assert (breaker.state, breaker.health) == ("closed", (3, 3, 100))


def test_a_failed_trial_opens_for_a_fresh_sleep_window(clock: ManualClock) -> None:
    """It counts as one more error, and five more seconds begin."""
    breaker, trial = half_opened(clock)
    clock.advance(2.0)
    trial.end(BROKEN)
    assert (breaker.state, breaker.health) == ("open", (5, 5, 100))
    clock.advance(4.9)
    refusal(breaker)
    clock.advance(0.1)
    succeed(breaker)
    assert breaker.state == "closed"


def test_a_neutral_trial_is_handed_back(clock: ManualClock) -> None:
    """The next call may try at once."""
    breaker = opened()
    clock.advance(5.0)
    exclude(breaker)
    assert (breaker.state, breaker.allows_request()) == ("half_open", True)
    succeed(breaker)
    assert breaker.state == "closed"


def test_several_trials_at_a_time_and_several_successes(clock: ManualClock) -> None:
    """Three may run, and the fourth success closes."""
    breaker, first = half_opened(clock, half_open_trials=3, half_open_successes=4)
    others = [Held(breaker), Held(breaker)]
    refusal(breaker)
    for trial in [first, *others]:
        trial.end()
    assert breaker.state == "half_open"
    succeed(breaker)
    assert breaker.state == "closed"


def test_one_failed_trial_of_several_opens(clock: ManualClock) -> None:
    """Successes before it are worth nothing, and those after it decide nothing."""
    breaker, first = half_opened(clock, half_open_trials=3, half_open_successes=2)
    second, third = Held(breaker), Held(breaker)
    first.end()
    second.end(BROKEN)
    third.end()
    assert breaker.state == "open"


def test_a_window_of_sleep_of_zero_tries_at_once() -> None:
    """The call after the one that opened it is the trial."""
    breaker = opened(sleep_window=0)
    succeed(breaker)
    assert breaker.state == "closed"


def test_forced_open_admits_nothing_and_keeps_the_state(clock: ManualClock) -> None:
    """Neither the state nor its timer is touched."""
    breaker = CircuitBreaker("X")
    breaker.force_open()
    clock.advance(100.0)
    assert (breaker.state, breaker.is_open, breaker.allows_request()) == ("closed", True, False)
    assert refusal(breaker).retry_after is None
    breaker.unforce()
    succeed(breaker)


def test_forced_closed_admits_and_counts_and_the_real_state_shows_afterwards() -> None:
    """It opens behind the scenes."""
    breaker = CircuitBreaker("X", volume_threshold=4)
    breaker.force_closed()
    fail(breaker, 5)
    assert (breaker.state, breaker.is_open, breaker.allows_request()) == ("open", False, True)
    assert breaker.health == (5, 5, 100)
    breaker.unforce()
    refusal(breaker)


def test_forced_closed_makes_no_trials(clock: ManualClock) -> None:
    """A success of a call that was forced through closes nothing."""
    breaker = opened()
    breaker.force_closed()
    clock.advance(6.0)
    succeed(breaker)
    assert breaker.state == "open"


@pytest.mark.parametrize("order", [("force_open", "force_closed"), ("force_closed", "force_open")])
def test_forced_open_beats_forced_closed(order: tuple[str, str]) -> None:
    """In whichever order they were said."""
    breaker = CircuitBreaker("X")
    for force in order:
        getattr(breaker, force)()
    refusal(breaker)


def test_reset_closes_with_health_at_zero_and_keeps_forcing() -> None:
    """Forcing by hand is taken back by hand."""
    breaker = opened()
    breaker.force_open()
    breaker.reset()
    assert (breaker.state, breaker.health, breaker.is_open) == ("closed", (0, 0, 0), True)


def test_reset_of_a_closed_breaker_starts_health_at_zero() -> None:
    """That is no transition."""
    told: list[object] = []
    breaker = CircuitBreaker("X", volume_threshold=4, on_transition=lambda *news: told.append(news))
    fail(breaker, 3)
    breaker.reset()
    fail(breaker, 3)
    assert (breaker.state, breaker.health, told) == ("closed", (3, 3, 100), [])


def test_transitions_are_told_in_order(clock: ManualClock) -> None:
    """With the name and both states, as members of CircuitState."""
    told: list[tuple[str, CircuitState, CircuitState]] = []
    breaker = opened(on_transition=lambda *news: told.append(news))
    clock.advance(5.0)
    succeed(breaker)
    closed, open_, half_open = STATES
    assert told == [("X", closed, open_), ("X", open_, half_open), ("X", half_open, closed)]
    assert all(isinstance(state, CircuitState) for news in told for state in news[1:])


def test_a_listener_may_use_the_breaker() -> None:
    """It is called outside any lock; what it causes is told after it returned."""
    told: list[tuple[str, str]] = []

    def listen(_name: str, old: str, new: str) -> None:
        told.append((old, new))
        if new == "open":
            breaker.reset()
            told.append(("reset", "returned"))

    breaker = CircuitBreaker("X", volume_threshold=1, on_transition=listen)
    fail(breaker)
    assert told == [("closed", "open"), ("reset", "returned"), ("open", "closed")]
    assert breaker.state == "closed"


def test_a_raising_listener_is_logged_once_and_breaks_no_call(caplog: pytest.LogCaptureFixture) -> None:
    """The caller gets its own exception; the listener goes on being called."""
    calls: list[object] = []

    def listen(*news: object) -> None:
        calls.append(news)
        raise ZeroDivisionError

    breaker = CircuitBreaker("X", volume_threshold=1, on_transition=listen)
    fail(breaker)
    breaker.reset()
    assert len(calls) == 2
    assert [record.message for record in caplog.records if record.exc_info] == [
        "on_transition of circuit 'X' raised; it is not logged again"
    ]


def test_transitions_are_logged(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    """Opening is a WARNING with numbers, the rest INFO."""
    caplog.set_level(logging.INFO, "hystrixpy")
    breaker = opened()
    clock.advance(5.0)
    fail(breaker)
    clock.advance(5.0)
    succeed(breaker)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "circuit 'X' opened: 100% of 4 calls failed in the last 10 s (threshold 50%); next trial in 5.0 s"),
        ("INFO", "circuit 'X' is half-open: up to 1 call(s) at a time are let through as trials"),
        (
            "WARNING",
            "circuit 'X' opened again, a trial failed: 100% of 5 calls failed in the last 10 s (threshold 50%); "
            "next trial in 5.0 s",
        ),
        ("INFO", "circuit 'X' is half-open: up to 1 call(s) at a time are let through as trials"),
        ("INFO", "circuit 'X' closed: calls go through again"),
    ]
