"""Any sequence of calls, results, time and steering leaves a breaker as the plain oracle says."""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from hystrixpy import BadRequestError, CircuitBreaker, CircuitOpenError
from hystrixpy.testing import ManualClock
from tests.core.breaker_oracles import Counting, Ending, Rolling

if TYPE_CHECKING:
    from tests.core.breaker_oracles import Admission, Oracle

ENDINGS = st.sampled_from(Ending)
STEPS = st.sampled_from([0.0, 0.1, 0.4, 0.9, 1.0, 1.000001, 2.0, 5.0, 10.0])
ERRORS = {Ending.OK: None, Ending.ERROR: ValueError("broken"), Ending.NEUTRAL: BadRequestError("yours")}


class Call:
    """A call under way: entered in a context of its own, as by its own thread or task."""

    def __init__(self, breaker: CircuitBreaker, admission: Admission) -> None:
        self.breaker, self.admission, self.context = breaker, admission, Context()

    def begin(self) -> None:
        self.context.run(self.breaker.__enter__)

    def end(self, ending: Ending) -> None:
        error = ERRORS[ending]
        self.context.run(self.breaker.__exit__, type(error) if error else None, error, None)


class BreakerMachine(RuleBasedStateMachine):
    """What both kinds of breaker do; the kind decides how it is made."""

    calls = Bundle("calls")
    breaker: CircuitBreaker
    oracle: Oracle

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.clock.__enter__()
        self.told: list[tuple[str, str]] = []

    def teardown(self) -> None:
        self.clock.__exit__(None, None, None)

    def hear(self, name: str, old: str, new: str) -> None:
        assert name == "machine"
        self.told.append((str(old), str(new)))

    @rule(target=calls)
    def begin(self) -> object:
        admission = self.oracle.admit()
        if admission is None:
            with pytest.raises(CircuitOpenError):
                self.breaker.__enter__()
            return multiple()
        call = Call(self.breaker, admission)
        call.begin()
        return call

    @rule(call=st.deferred(lambda: BreakerMachine.calls), ending=ENDINGS)
    def end(self, call: Call, ending: Ending) -> None:
        if call.admission is not None:
            self.oracle.settle(call.admission, ending)
            call.end(ending)
            call.admission = None

    @rule(ending=ENDINGS, times=st.integers(1, 4))
    def whole_calls(self, ending: Ending, times: int) -> None:
        for _ in range(times):
            admission = self.oracle.admit()
            if admission is not None:
                self.oracle.settle(admission, ending)
            self.guarded(ending, admitted=admission is not None)

    def guarded(self, ending: Ending, *, admitted: bool) -> None:
        error = ERRORS[ending]
        if not admitted:
            with pytest.raises(CircuitOpenError):
                self.breaker.call(pytest.fail, "the call was made")
        elif error is None:
            self.breaker.call(int)
        else:
            with pytest.raises(type(error)) as caught:
                self.breaker.call(raise_, error)
            assert caught.value is error

    @rule(seconds=STEPS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.oracle.now += round(seconds * 1e9)

    @rule(how=st.sampled_from(["open", "closed", "not"]))
    def force(self, how: str) -> None:
        if how == "not":
            self.oracle.forced.clear()
            self.breaker.unforce()
        else:
            self.oracle.forced.add(how)
            {"open": self.breaker.force_open, "closed": self.breaker.force_closed}[how]()

    @rule()
    def reset(self) -> None:
        self.oracle.enter("closed")
        self.breaker.reset()

    @invariant()
    def agrees(self) -> None:
        assert self.breaker.allows_request() == self.oracle.allows()
        forced = self.oracle.forced
        assert self.breaker.is_open == ("open" in forced or (not forced and self.oracle.state != "closed"))
        assert self.told == self.oracle.transitions
        assert self.breaker.explain()


def raise_(error: Exception) -> None:
    raise error


class RollingMachine(BreakerMachine):
    oracle: Rolling

    @initialize(
        volume=st.integers(1, 6),
        percent=st.sampled_from([1, 33, 50, 100]),
        sleep=st.sampled_from([0.0, 1.0, 5.0]),
        window=st.sampled_from([1.0, 10.0]),
        trials=st.integers(1, 3),
        successes=st.integers(1, 3),
    )
    def make(self, volume: int, percent: int, sleep: float, window: float, trials: int, successes: int) -> None:
        self.breaker = CircuitBreaker(
            "machine",
            volume_threshold=volume,
            error_threshold=percent,
            sleep_window=sleep,
            window=window,
            half_open_trials=trials,
            half_open_successes=successes,
            on_transition=self.hear,
        )
        self.oracle = Rolling(
            sleep=round(sleep * 1e9),
            trials=trials,
            successes=successes,
            volume=volume,
            percent=percent,
            window=round(window * 1e9),
        )

    @invariant()
    def counts_agree(self) -> None:
        total, errors = self.oracle.health()
        assert self.breaker.state == self.oracle.state
        assert self.breaker.health == (total, errors, 100 * errors // total if total else 0)


class CountingMachine(BreakerMachine):
    oracle: Counting

    @initialize(threshold=st.integers(1, 4), successes=st.integers(1, 3), timeout=st.sampled_from([0.0, 1.0, 5.0]))
    def make(self, threshold: int, successes: int, timeout: float) -> None:
        self.breaker = CircuitBreaker.counting(threshold, successes, timeout, name="machine", on_transition=self.hear)
        self.oracle = Counting(sleep=round(timeout * 1e9), trials=successes, successes=successes, threshold=threshold)

    @invariant()
    def states_agree(self) -> None:
        assert self.breaker.state == self.oracle.seen_state()


few = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestRolling = RollingMachine.TestCase
TestRolling.settings = few
TestCounting = CountingMachine.TestCase
TestCounting.settings = few
