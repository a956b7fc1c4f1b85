"""THREAD: the caller walks away on time; the worker keeps its slot; what comes late changes nothing."""

from __future__ import annotations

import _thread
import pickle
import sys
import time

import pytest

import hystrixpy
from hystrixpy import CommandInterrupted, CommandTimeoutError, ThreadPoolProperties

from .gates import PATIENCE, Gate, eventually

STARTED = 0.3
"""Seconds after which a free worker has begun with run, on a busy machine, too. Before that, the work is taken back."""
QUEUE_OF_ONE = ThreadPoolProperties(core_size=1, max_queue_size=1)


def test_the_caller_walks_away_on_time(threaded):
    """run hangs for ever; the caller has its error after the limit, and not much later."""
    guarded = threaded(timeout=0.05)
    began = time.monotonic()
    outcome = guarded.call(overrun=True)
    took = time.monotonic() - began
    assert isinstance(outcome.error, CommandTimeoutError)
    assert 0.05 <= took < PATIENCE / 2
    assert outcome.execution.latency == pytest.approx(0.05, abs=1.0)
    assert outcome.execution.is_executed_in_thread


def test_the_slot_stays_taken_until_run_returns(threaded):
    """The next call is rejected, and says whom it waits for; when run is over the slot is free."""
    guarded = threaded(places=1, timeout=STARTED)
    guarded.call(overrun=True)
    assert (guarded.pool.active, guarded.pool.abandoned) == (1, 1)
    assert (guarded.metrics.abandoned, guarded.metrics.concurrency) == (1, 0)
    refused = guarded.call()
    assert refused.events == ("THREAD_POOL_REJECTED", "FALLBACK_MISSING")
    assert "1 of them left behind by callers that timed out" in str(refused.error)
    guarded.release()
    eventually(lambda: guarded.pool.active == 0)
    assert (guarded.pool.abandoned, guarded.metrics.abandoned) == (0, 0)
    assert guarded.call().value == "value"


@pytest.mark.parametrize("late", ["value", OSError("late"), KeyboardInterrupt("late")])
def test_what_comes_late_is_dropped(threaded, late):
    """Value, error or BaseException: one TIMEOUT is counted, and one latency."""

    def run():
        if isinstance(late, BaseException):
            raise late
        return late

    guarded = threaded(lambda: "fallback", timeout=0.02)
    outcome = guarded.call(run, overrun=True)
    assert outcome.value == "fallback"
    guarded.release()
    hystrixpy.shutdown(wait=True)
    assert guarded.counts == {"TIMEOUT": 1, "FALLBACK_SUCCESS": 1}
    assert outcome.events == ("TIMEOUT", "FALLBACK_SUCCESS")
    assert guarded.metrics.health == (1, 1, 100)
    assert (guarded.metrics.latency.count, guarded.metrics.total_latency.count) == (1, 1)
    assert guarded.metrics.concurrency == 0


def test_the_limit_holds_in_the_queue_too(threaded):
    """TIMEOUT although run was never called, with the time that it waited; it leaves the queue."""
    guarded, gate = threaded(pool=QUEUE_OF_ONE), Gate()
    first = guarded.start(hold=gate)
    gate.wait_reached()
    hystrixpy.configure({"command": {guarded.key: {"timeout": 0.05}}})  # for those that come now
    outcome = guarded.call(lambda: pytest.fail("run was called"))
    assert outcome.events == ("TIMEOUT", "FALLBACK_MISSING")
    assert outcome.execution.latency >= 0.05
    assert not outcome.execution.is_executed_in_thread
    assert guarded.pool.queue_size == 0
    gate.open()
    first.outcome()


def test_the_wait_in_the_queue_counts_as_latency(threaded, clock):
    """queue wait plus run, and the limit starts before the pool is asked."""
    guarded, gate = threaded(pool=QUEUE_OF_ONE, timeout=None), Gate()
    first = guarded.start(hold=gate)
    gate.wait_reached()
    second = guarded.start(lambda: clock.advance(1.0))
    eventually(lambda: guarded.pool.queue_size == 1)
    clock.advance(2.0)
    gate.open()
    first.outcome()
    assert second.outcome().execution.latency == pytest.approx(3.0)


def test_interrupt_on_timeout_raises_inside_run(threaded):
    """CommandInterrupted in the worker; the thread survives and the next run is not hit."""
    ended = Gate()

    def run():
        try:
            while True:
                pass
        except CommandInterrupted:
            ended.open()
            raise

    guarded = threaded(places=1, timeout=STARTED, interrupt_on_timeout=True)
    assert guarded.call(run).events == ("TIMEOUT", "FALLBACK_MISSING")
    ended.wait()
    eventually(lambda: guarded.pool.active == 0)
    assert guarded.call(lambda: sum(range(1000))).value == 499500
    assert guarded.pool.size == 1
    assert guarded.metrics.abandoned == 0


def test_without_it_nothing_is_raised_inside_run(threaded):
    """Off by default: run goes on in peace."""
    ended = Gate()
    guarded = threaded(timeout=STARTED)
    guarded.call(ended.open, overrun=True)
    guarded.release()
    ended.wait()


def test_an_interrupt_never_hits_anything_but_its_run(targets):
    """Runs that end just when their limit does, 300 times on one worker: no later run sees an interrupt."""
    from .drivers import DRIVERS, Target

    stray = []

    def close():
        limit = hystrixpy.deadline()
        end = time.monotonic() + limit
        while time.monotonic() < end:
            pass

    def innocent():
        try:
            return sum(number for number in range(2000))
        except CommandInterrupted:
            stray.append(1)

    tight = Target(DRIVERS[3], key="tight", places=1, timeout=0.002, interrupt_on_timeout=True, breaker_enabled=False)
    calm = Target(DRIVERS[3], key="calm", places=1, breaker_enabled=False)
    targets += [tight, calm]
    for _ in range(300):
        tight.call(close)
        eventually(lambda: tight.pool.active == 0)
        assert calm.call(innocent).value == 1999000
    assert stray == []
    assert tight.metrics.abandoned == 0
    assert sum(tight.counts.get(name, 0) for name in ("SUCCESS", "TIMEOUT", "CANCELLED")) == 300
    assert tight.counts.get("CANCELLED", 0) == 0


def test_an_interrupt_is_never_raised_in_a_thread_that_run_is_starting(monkeypatch):
    """A run that does nothing but start threads is interrupted itself, and every thread it started lives its life."""
    stillborn, missed = [], []
    monkeypatch.setattr(sys, "unraisablehook", stillborn.append)

    def run():
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            _thread.start_new_thread(int, ())
        missed.append(end)

    starts = hystrixpy.command(
        key="starts", thread_pool="starts", timeout=0.003, interrupt_on_timeout=True, breaker_enabled=False
    )(run)
    for _ in range(100):
        with pytest.raises(CommandTimeoutError):
            starts()
        eventually(lambda: hystrixpy.thread_pool("starts").active == 0)
        assert (stillborn, missed) == ([], [])


def test_a_timeout_is_settled_without_a_line_of_python():
    """Ctrl-C and interrupts are raised in Python code: there is none between the end of run and the counts."""
    guarded = hystrixpy.command(key="late", isolation="semaphore", timeout=0.001)(time.sleep)
    seen = []

    def profile(frame, event, _argument):
        if event == "call":
            seen.append(frame.f_code.co_qualname)

    with pytest.raises(CommandTimeoutError):
        guarded(0.005)
    sys.setprofile(profile)
    try:
        guarded(0.005)
    except CommandTimeoutError as error:
        told = error
    finally:
        sys.setprofile(None)
    assert [name for name in seen if "Error" in name] == []
    assert told.command_key == "late"
    assert str(told).startswith("command 'late' timed out after 0.0")
    assert pickle.loads(pickle.dumps(told)).args == told.args
