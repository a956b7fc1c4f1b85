"""What must be impossible, whatever happens: each of it made to happen by hand."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hystrixpy import BadRequestError, CircuitBreaker
from tests.support.breakers import BROKEN, Held, exclude, fail, refusal, succeed

if TYPE_CHECKING:
    from hystrixpy.testing import ManualClock

NEUTRAL = [BadRequestError("yours"), asyncio.CancelledError(), KeyboardInterrupt()]


def small(**rules: int) -> CircuitBreaker:
    return CircuitBreaker("X", volume_threshold=2, **rules)  # type: ignore[arg-type]


# -- a result admitted under an earlier state decides nothing --


@pytest.mark.usefixtures("clock")
def test_a_late_success_does_not_close_an_open_breaker() -> None:
    """It was admitted while closed; it does not even enter health."""
    breaker = small()
    late = Held(breaker)
    fail(breaker, 2)
    late.end()
    assert (breaker.state, breaker.health) == ("open", (2, 2, 100))


def test_a_late_success_does_not_close_a_half_open_breaker(clock: ManualClock) -> None:
    """Only the trial's does."""
    breaker = small()
    late = Held(breaker)
    fail(breaker, 2)
    clock.advance(5.0)
    trial = Held(breaker)
    late.end()
    assert breaker.state == "half_open"
    trial.end()
    assert breaker.state == "closed"


def test_a_late_failure_does_not_open_a_half_open_breaker(clock: ManualClock) -> None:
    """The trial goes on."""
    breaker = small()
    late = Held(breaker)
    fail(breaker, 2)
    clock.advance(5.0)
    trial = Held(breaker)
    late.end(BROKEN)
    assert breaker.state == "half_open"
    trial.end()
    assert breaker.state == "closed"


def test_late_failures_do_not_open_a_breaker_that_closed_again(clock: ManualClock) -> None:
    """Nor do they enter the health of the new closed period."""
    breaker = small()
    late = [Held(breaker) for _ in range(5)]
    fail(breaker, 2)
    clock.advance(5.0)
    succeed(breaker)
    for call in late:
        call.end(BROKEN)
    assert (breaker.state, breaker.health) == ("closed", (0, 0, 0))


def test_results_admitted_before_a_reset_decide_nothing() -> None:
    """A reset is a new period."""
    breaker = small()
    late = [Held(breaker) for _ in range(5)]
    breaker.reset()
    for call in late:
        call.end(BROKEN)
    assert (breaker.state, breaker.health) == ("closed", (0, 0, 0))


@pytest.mark.parametrize("ending", [None, BROKEN])
def test_a_replaced_trial_decides_nothing(clock: ManualClock, ending: BaseException | None) -> None:
    """Its successor does."""
    breaker = small()
    fail(breaker, 2)
    clock.advance(5.0)
    lost = Held(breaker)
    clock.advance(5.0)
    successor = Held(breaker)
    lost.end(ending)
    assert breaker.state == "half_open"
    successor.end()
    assert breaker.state == "closed"


# -- stuck half-open --


def test_a_trial_that_never_reports_is_replaced_after_one_sleep_window(clock: ManualClock) -> None:
    """Not earlier, and by one trial only."""
    breaker = small()
    fail(breaker, 2)
    clock.advance(5.0)
    Held(breaker)
    clock.advance(4.999999)
    refusal(breaker)
    clock.advance(0.000001)
    assert breaker.allows_request()
    Held(breaker)
    refusal(breaker)


def test_replacing_a_trial_is_no_transition(clock: ManualClock) -> None:
    """Listeners hear of states; the next transition still reaches them."""
    told: list[str] = []
    breaker = CircuitBreaker("X", volume_threshold=2, on_transition=lambda _name, _old, new: told.append(new))
    fail(breaker, 2)
    for _ in range(3):
        clock.advance(5.0)
        last = Held(breaker)
    last.end()
    assert told == ["open", "half_open", "closed"]


def test_a_trial_admitted_later_has_a_sleep_window_of_its_own(clock: ManualClock) -> None:
    """The window of a lost trial counts from the last trial admitted, not from the state's beginning."""
    breaker = small()
    fail(breaker, 2)
    clock.advance(5.0)
    exclude(breaker)
    clock.advance(4.0)
    Held(breaker)
    clock.advance(4.0)
    refusal(breaker)
    clock.advance(1.0)
    succeed(breaker)
    assert breaker.state == "closed"


def test_a_sleep_window_of_zero_does_not_mint_trials(clock: ManualClock) -> None:
    """There is no sleep window to give a trial up after, so that is after a second."""
    breaker = CircuitBreaker("X", volume_threshold=2, sleep_window=0)
    fail(breaker, 2)
    Held(breaker)
    clock.advance(0.9)
    refusal(breaker)
    clock.advance(0.1)
    succeed(breaker)
    assert breaker.state == "closed"


def test_stays_usable_through_more_generations_than_its_word_holds(clock: ManualClock) -> None:
    """70,000 resets: the 16-bit generation wraps round, and what came before is not mixed up with it."""
    breaker = small()
    for part in range(5):
        for _ in range(14_000 + part):
            breaker.reset()
        fail(breaker, 2)
        assert breaker.health == (2, 2, 100)
        clock.advance(5.0)
        trial = Held(breaker)
        refusal(breaker)
        trial.end()
        assert (breaker.state, breaker.health) == ("closed", (0, 0, 0))


# -- trials minted or lost --


@pytest.mark.parametrize("error", NEUTRAL, ids=lambda error: type(error).__name__)
def test_a_neutral_ending_hands_the_trial_back_exactly_once(clock: ManualClock, error: BaseException) -> None:
    """After any number of them there is still one trial, not none and not two."""
    breaker = small()
    fail(breaker, 2)
    clock.advance(5.0)
    for _ in range(10):
        Held(breaker).end(error)
    trial = Held(breaker)
    refusal(breaker)
    trial.end()
    assert breaker.state == "closed"


def test_stray_endings_of_an_earlier_half_open_mint_nothing(clock: ManualClock) -> None:
    """Three trials of the first half-open end during the second: it still has three."""
    breaker = small(half_open_trials=3, half_open_successes=4)
    fail(breaker, 2)
    clock.advance(5.0)
    early = [Held(breaker) for _ in range(3)]
    early[0].end(BROKEN)
    clock.advance(5.0)
    first = Held(breaker)
    for call in early[1:]:
        call.end(BadRequestError("late"))
    others = [Held(breaker), Held(breaker)]
    refusal(breaker)
    for call in [first, *others]:
        call.end()
    succeed(breaker)
    assert breaker.state == "closed"


def test_a_call_that_ctrl_c_ended_in_a_listener_gives_its_trial_back(clock: ManualClock) -> None:
    """The listener of OPEN -> HALF_OPEN is interrupted: the call is not made, and the trial is free."""

    def listen(_name: str, _old: str, new: str) -> None:
        if new == "half_open":
            raise KeyboardInterrupt

    breaker = CircuitBreaker("X", volume_threshold=2, on_transition=listen)
    fail(breaker, 2)
    clock.advance(5.0)
    with pytest.raises(KeyboardInterrupt):
        breaker.call(pytest.fail, "the call was made")
    succeed(breaker)
    assert breaker.state == "closed"


def test_nothing_depends_on_the_wall_clock(monkeypatch: pytest.MonkeyPatch, clock: ManualClock) -> None:
    """It leaps by a day between any two looks, back and forth."""
    days = itertools.cycle([1e9, 1e9 + 86_400, 1e9 - 86_400])
    monkeypatch.setattr(time, "time", lambda: next(days))
    breaker = small()
    fail(breaker, 2)
    refusal(breaker)
    clock.advance(5.0)
    succeed(breaker)
    assert breaker.state == "closed"


@pytest.mark.serial
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_goes_on_telling_transitions(clock: ManualClock) -> None:
    """Although the thread that was telling one while the process forked does not exist there."""
    inside, go_on = threading.Event(), threading.Event()
    told: list[str] = []

    def listen(_name: str, _old: str, new: str) -> None:
        told.append(new)
        if new == "open" and os.getpid() == parent:
            inside.set()
            assert go_on.wait(30)

    parent = os.getpid()
    breaker = CircuitBreaker("X", volume_threshold=2, on_transition=listen)
    thread = threading.Thread(target=fail, args=(breaker, 2))
    thread.start()
    assert inside.wait(30)
    child = os.fork()
    if child == 0:
        try:
            clock.advance(5.0)
            succeed(breaker)
            os._exit(0 if told == ["open", "half_open", "closed"] else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    thread.join(30)
    assert told == ["open"]
