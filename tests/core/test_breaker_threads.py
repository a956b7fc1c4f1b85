"""One breaker, many threads: what is counted, admitted and told is exact."""

from __future__ import annotations

import contextlib
import itertools
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from hystrixpy import BadRequestError, CircuitBreaker, CircuitOpenError, HealthCounts
from tests.support.breakers import BROKEN, Held, anew, fail, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hystrixpy.testing import ManualClock

THREADS = 8


@pytest.fixture(autouse=True)
def _many_switches() -> Iterator[None]:
    """Let the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run ``work(i)`` in so many threads that start at once; raise what one of them raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(threads)

    def run(index: int) -> None:
        start.wait(30)
        try:
            work(index)
        except BaseException as error:
            errors.append(error)

    crowd = [threading.Thread(target=run, args=(index,)) for index in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    assert not any(thread.is_alive() for thread in crowd)
    if errors:
        raise errors[0]


class Gauge:
    """How many run at once, and how many ever did; the calls it guards always fail."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running = self.most = self.calls = 0

    def __call__(self, error: Exception) -> None:
        with self.lock:
            self.calls += 1
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0)  # offer the processor to a thread that should not be here
        with self.lock:
            self.running -= 1
        raise anew(error)


def attempt(breaker: CircuitBreaker, gauge: Gauge, error: Exception) -> bool:
    """Whether the call was made."""
    try:
        breaker.call(gauge, error)
    except CircuitOpenError:
        return False
    except type(error):
        return True
    raise AssertionError("the gauge did not raise")


@pytest.mark.usefixtures("clock")
def test_health_is_exact() -> None:
    """Every call of every thread is in it, once."""
    breaker = CircuitBreaker("X", volume_threshold=10**9)

    def work(index: int) -> None:
        for call in range(1000):
            if (index + call) % 4:
                breaker.call(int)
            else:
                fail(breaker)

    together(work)
    assert breaker.health == HealthCounts(8000, 2000, 25)


@pytest.mark.usefixtures("clock")
def test_opens_at_the_exact_call() -> None:
    """Calls that were admitted before it opened may still end; none of them is counted any more."""
    breaker = CircuitBreaker("X", volume_threshold=100)
    gauge = Gauge()
    together(lambda _index: [attempt(breaker, gauge, BROKEN) for _ in range(100)] and None)
    assert breaker.state == "open"
    assert 100 <= breaker.health.total <= 100 + THREADS - 1
    assert breaker.health.total <= gauge.calls <= breaker.health.total + THREADS


@pytest.mark.parametrize("trials", [1, 3])
def test_as_many_trials_as_allowed_and_no_more(clock: ManualClock, trials: int) -> None:
    """Eight threads come at the end of the sleep window: so many get in, all others are refused."""
    breaker = CircuitBreaker("X", volume_threshold=1, half_open_trials=trials, half_open_successes=trials)
    for _ in range(20):
        fail(breaker)
        clock.advance(5.0)
        admitted: list[Held] = []
        refused: list[CircuitOpenError] = []

        def work(_index: int, admitted: list[Held] = admitted, refused: list[CircuitOpenError] = refused) -> None:
            try:
                admitted.append(Held(breaker))
            except CircuitOpenError as error:
                refused.append(error)

        together(work)
        assert (len(admitted), len(refused)) == (trials, THREADS - trials)
        together(lambda index, admitted=admitted: admitted[index].end(), trials)  # type: ignore[misc]
        assert breaker.state == "closed"


def test_a_lost_trial_is_replaced_by_one_trial_only(clock: ManualClock) -> None:
    """Eight threads come when the lease is over."""
    breaker = CircuitBreaker("X", volume_threshold=1)
    fail(breaker)
    for _ in range(20):
        clock.advance(5.0)
        admitted: list[Held] = []

        def work(_index: int, admitted: list[Held] = admitted) -> None:
            with contextlib.suppress(CircuitOpenError):
                admitted.append(Held(breaker))

        together(work)
        assert len(admitted) == 1


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("error", [BROKEN, BadRequestError("yours")], ids=["failing", "neutral"])
def test_one_trial_at_a_time_however_often_it_changes(error: Exception) -> None:
    """Without a sleep window it goes open, half-open, open all the time; never do two calls run at once."""
    breaker = CircuitBreaker("X", volume_threshold=1, sleep_window=0)
    fail(breaker)
    gauge = Gauge()
    made = [0] * THREADS

    def work(index: int) -> None:
        made[index] = sum(attempt(breaker, gauge, error) for _ in range(500))

    together(work)
    assert gauge.most == 1
    assert gauge.calls == sum(made)
    assert breaker.health.errors == 1 + (sum(made) if error is BROKEN else 0)


@pytest.mark.usefixtures("clock")
def test_trials_are_neither_minted_nor_lost_in_any_mix() -> None:
    """After thousands of endings of every kind there are exactly as many trials as before."""
    breaker = CircuitBreaker("X", volume_threshold=1, sleep_window=0, half_open_trials=3, half_open_successes=2)
    endings: list[BaseException | None] = [None, BROKEN, BadRequestError("yours"), KeyboardInterrupt(), None]

    def work(index: int) -> None:
        for call in range(500):
            try:
                trial = Held(breaker)
            except CircuitOpenError:
                continue
            trial.end(endings[(index + call) % len(endings)])

    together(work)
    breaker.reset()
    fail(breaker)
    trials = [Held(breaker) for _ in range(3)]
    refusal(breaker)
    for trial in trials:
        trial.end(BadRequestError("yours"))
    assert "0 of 3 trials running, 0 of 2 successes" in breaker.explain()


@pytest.mark.parametrize("kind", ["rolling", "counting"])
def test_transitions_are_told_in_order_and_completely(kind: str) -> None:
    """What one says it became, the next says it was; and the last is what it is."""
    told: list[tuple[str, str]] = []

    def listen(_name: str, old: str, new: str) -> None:
        told.append((old, new))

    breaker = (
        CircuitBreaker("X", volume_threshold=1, sleep_window=0, on_transition=listen)
        if kind == "rolling"
        else CircuitBreaker.counting(1, 1, 0, name="X", on_transition=listen)
    )

    def work(index: int) -> None:
        made = 0
        while made < 200:
            try:
                breaker.call(int, "x" if (index + made) % 3 else "1")
            except CircuitOpenError:
                time.sleep(0)  # a thread has the trial: let it run
                continue
            except ValueError:
                pass
            made += 1

    together(work)
    assert len(told) > 100
    assert told[0] == ("closed", "open")
    assert all(before[1] == after[0] for before, after in itertools.pairwise(told))
    last = told[-1][1]
    assert last == breaker.state or (kind == "counting" and last == "open")


@pytest.mark.usefixtures("clock")
def test_counting_opens_at_the_exact_number() -> None:
    """Eight threads bring 8,000 errors; the breaker opens at the 8,000th and not before."""
    breaker = CircuitBreaker.counting(8000, 1, 10.0)
    together(lambda _index: fail(breaker, 999))
    fail(breaker, 7)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"


@pytest.mark.usefixtures("clock")
def test_forcing_open_under_fire() -> None:
    """Once force_open() returned, no call is admitted, whoever calls."""
    breaker = CircuitBreaker("X")
    forced = threading.Event()

    def work(index: int) -> None:
        if index == 0:
            breaker.force_open()
            forced.set()
            return
        assert forced.wait(30)
        for _ in range(200):
            refusal(breaker)

    together(work)
