"""What a breaker says: refusals, explain(), invalid arguments."""

from __future__ import annotations

import copy
import pickle
import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy import CircuitBreaker, CircuitOpenError, PropertyError
from tests.support.breakers import Held, fail, refusal, succeed

if TYPE_CHECKING:
    from hystrixpy.testing import ManualClock

pytestmark = pytest.mark.usefixtures("clock")


def opened(**rules: Any) -> CircuitBreaker:
    """40 calls, 60 % of them failed; the last one opened it."""
    breaker = CircuitBreaker("GetUser", volume_threshold=40, **rules)
    succeed(breaker, 16)
    fail(breaker, 24)
    return breaker


def test_a_refusal_says_why_and_when(clock: ManualClock) -> None:
    """The numbers that opened it, and the rest of the sleep window."""
    breaker = opened()
    clock.advance(1.8)
    error = refusal(breaker)
    assert str(error) == (
        "circuit 'GetUser' is open: 60% of 40 calls failed in the last 10 s (threshold 50%); next trial in 3.2 s"
    )
    assert (error.command_key, error.retry_after) == ("GetUser", pytest.approx(3.2))


def test_a_refusal_while_a_trial_runs(clock: ManualClock) -> None:
    """Retry once the trial would be given up as lost."""
    breaker = opened(window=0.5)
    clock.advance(5.0)
    Held(breaker)
    clock.advance(1.0)
    error = refusal(breaker)
    assert str(error) == (
        "circuit 'GetUser' is half-open and its trials are still running: no calls in the last 0.5 s "
        "(threshold 50%); next trial in 4.0 s at the latest"
    )
    assert error.retry_after == pytest.approx(4.0)


def test_a_refusal_by_force() -> None:
    """Nobody knows until when."""
    breaker = CircuitBreaker("GetUser")
    breaker.force_open()
    error = refusal(breaker)
    assert str(error).startswith("circuit 'GetUser' is forced open and admits no call until that is taken back; ")
    assert error.retry_after is None


def test_a_refusal_of_counting() -> None:
    """Errors, not percentages."""
    breaker = CircuitBreaker.counting(3, 1, 10.0, name="db")
    fail(breaker, 3)
    assert str(refusal(breaker)) == (
        "circuit 'db' is open: 3 errors without a quiet gap longer than 10 s (threshold 3); next trial in 10.0 s"
    )


def test_refusals_share_nothing() -> None:
    """A new exception each time, whose traceback does not grow with the number of refusals."""
    breaker = opened()
    errors = [refusal(breaker) for _ in range(50)]
    assert len({id(error) for error in errors}) == 50
    assert len({len(traceback.extract_tb(error.__traceback__)) for error in errors}) == 1
    assert errors[0].__context__ is None


def test_refusals_survive_pickling() -> None:
    """With everything they tell."""
    error = refusal(opened())
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (CircuitOpenError, str(error))
    assert (again.command_key, again.retry_after) == (error.command_key, error.retry_after)


def test_explain_closed() -> None:
    """What it has seen, and what would open it."""
    breaker = CircuitBreaker("GetUser")
    succeed(breaker, 3)
    fail(breaker)
    assert breaker.explain() == (
        "circuit 'GetUser' is closed and never was open: 25% of 4 calls failed in the last 10 s (threshold 50%); "
        "it opens at 50% of at least 20 calls."
    )


def test_explain_open(clock: ManualClock) -> None:
    """Since when, why, and when the next trial is."""
    breaker = opened()
    clock.advance(1.5)
    assert breaker.explain() == (
        "circuit 'GetUser' is open since 1.5 s: 60% of 40 calls failed in the last 10 s (threshold 50%); "
        "next trial in 3.5 s."
    )
    clock.advance(3.5)
    assert breaker.explain().endswith("; the next call is a trial.")


def test_explain_half_open(clock: ManualClock) -> None:
    """Trials under way, and successes so far."""
    breaker = opened(half_open_trials=2, half_open_successes=3)
    clock.advance(5.0)
    succeed(breaker)
    Held(breaker)
    clock.advance(2.0)
    assert breaker.explain() == (
        "circuit 'GetUser' is half-open, last trial 2.0 s ago: 1 of 2 trials running, 1 of 3 successes; "
        "58% of 41 calls failed in the last 10 s (threshold 50%); the next call is a trial."
    )


def test_explain_closed_again(clock: ManualClock) -> None:
    """Since when."""
    breaker = opened()
    clock.advance(5.0)
    succeed(breaker)
    clock.advance(60.0)
    assert breaker.explain().startswith("circuit 'GetUser' is closed since 60.0 s: no calls in the last 10 s")


def test_explain_forced() -> None:
    """The real state first, then what a person did to it."""
    breaker = CircuitBreaker("GetUser")
    breaker.force_closed()
    assert breaker.explain().endswith(" Forced closed by hand: every call is admitted until unforce().")
    breaker.force_open()
    assert breaker.explain().endswith(" Forced open by hand: no call is admitted until unforce().")


def test_explain_counting(clock: ManualClock) -> None:
    """The same three states in the words of errors."""
    breaker = CircuitBreaker.counting(3, 1, 10.0, name="db")
    fail(breaker, 2)
    assert breaker.explain() == (
        "circuit 'db' is closed and never was open: 2 errors without a quiet gap longer than 10 s (threshold 3); "
        "it opens at 3."
    )
    fail(breaker)
    clock.advance(10.0)
    assert breaker.explain().startswith("circuit 'db' is half-open, no trial yet: 3 errors")


def test_repr_names_it_and_its_state() -> None:
    """Enough for a log line."""
    assert repr(CircuitBreaker("db")) == "<CircuitBreaker 'db': closed>"


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_cannot_be_pickled_or_copied(copying: Any) -> None:
    """A copy would be another breaker: that is said, not done."""
    with pytest.raises(TypeError, match="'db' lives in this process and cannot be pickled"):
        copying(CircuitBreaker("db"))


WRONG: dict[str, list[Any]] = {
    "volume_threshold": [0, -1, True, 1.0, "20", None, float("nan")],
    "error_threshold": [0, 101, True, 50.0, "50", None],
    "sleep_window": [-0.1, float("nan"), float("inf"), True, "5", None, Decimal(5)],
    "window": [0, 0.009, -1, float("nan"), float("inf"), True, "10", None],
    "half_open_trials": [0, True, 1.5],
    "half_open_successes": [0, False, 1.5],
    "ignore": [ValueError("x"), "ValueError", (ValueError, 1), int, 1],
    "on_transition": ["print", 1],
}


@pytest.mark.parametrize(("argument", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_an_invalid_argument_is_named_with_its_value(argument: str, value: Any) -> None:
    """And what would be valid."""
    with pytest.raises(PropertyError) as caught:
        CircuitBreaker("X", **{argument: value})
    assert str(caught.value).startswith(f"{argument}={value!r} is invalid: it must be ")


@pytest.mark.parametrize("arguments", [(0, 1, 1.0), (1, 0, 1.0), (1, 1, -1.0), (True, 1, 1.0), (1, 1, float("nan"))])
def test_counting_refuses_what_could_never_open_or_close(arguments: tuple[Any, Any, Any]) -> None:
    """Thresholds of at least 1, a timeout that is not negative."""
    with pytest.raises(PropertyError):
        CircuitBreaker.counting(*arguments)


def test_a_name_is_text() -> None:
    """It goes into messages and metrics."""
    with pytest.raises(PropertyError, match="name=None is invalid"):
        CircuitBreaker(None)  # type: ignore[arg-type]


def test_counts_beyond_the_native_width_mean_unlimited() -> None:
    """No overflow, and no upper bound."""
    huge = 10**30
    breaker = CircuitBreaker(
        "X", volume_threshold=huge, sleep_window=1e300, half_open_trials=huge, half_open_successes=huge
    )
    fail(breaker, 50)
    assert breaker.state == "closed"
    breaker = CircuitBreaker.counting(huge, huge, 1e300)
    fail(breaker, 50)
    assert breaker.state == "closed"
