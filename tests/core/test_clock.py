"""The native clock, and the manual one that stands in for it."""

import time

import pytest

from hystrixpy._native import clock as native
from hystrixpy.testing import ManualClock

SECOND = 1_000_000_000


def test_real_time_is_the_monotonic_clock():
    """real_ns() lies between two readings of time.monotonic_ns()."""
    before = time.monotonic_ns()
    now = native.real_ns()
    assert before <= now <= time.monotonic_ns()


def test_time_never_goes_back_by_itself():
    """A thousand readings are in ascending order."""
    readings = [native.now_ns() for _ in range(1000)]
    assert readings == sorted(readings)


def test_the_manual_clock_starts_at_a_whole_second_not_before_the_present():
    """It starts less than a second ahead, so that steps of whole seconds hit exact boundaries."""
    before = native.now_ns()
    with ManualClock():
        start = native.now_ns()
    assert start % SECOND == 0
    assert 0 <= start - before < SECOND + SECOND // 10


def test_manual_time_stands_still_until_advanced():
    """Only advance() moves now(); real time goes on."""
    with ManualClock() as clock:
        start, real = clock.now(), native.real_ns()
        while native.real_ns() == real:
            pass
        assert clock.now() == start
        clock.advance(5.0)
        assert clock.now() == start + 5.0


def test_ten_steps_of_a_tenth_are_exactly_one_second():
    """Steps are whole nanoseconds; float errors do not add up."""
    with ManualClock() as clock:
        start = native.now_ns()
        for _ in range(10):
            clock.advance(0.1)
        assert native.now_ns() - start == SECOND


def test_time_does_not_go_back_when_the_manual_clock_is_taken_off():
    """After any number of manual clocks, time runs on from where the last one stood."""
    for _ in range(3):
        with ManualClock() as clock:
            clock.advance(1000.0)
            last = native.now_ns()
        assert not native.is_manual()
        assert last <= native.now_ns() < last + SECOND


def test_the_manual_clock_is_taken_off_after_an_exception():
    """The with block lets the exception through and real time goes on."""
    with pytest.raises(KeyError, match="x"), ManualClock():
        raise KeyError("x")
    assert not native.is_manual()


def test_a_second_manual_clock_is_refused_and_the_first_stays():
    """There is one time per process; the error says what to do."""
    with ManualClock() as clock:
        clock.advance(1.0)
        now = clock.now()
        with pytest.raises(RuntimeError, match="already on in this process"), ManualClock():
            pass
        assert clock.now() == now


def test_a_manual_clock_can_be_used_again():
    """The same object may be entered a second time after it was left."""
    clock = ManualClock()
    for _ in range(2):
        with clock:
            clock.advance(1.0)
    assert not native.is_manual()


@pytest.mark.parametrize("seconds", [-1.0, -1e-9, float("nan"), float("inf"), 1e10])
def test_impossible_steps_are_refused(seconds):
    """Time moves by no negative, endless or unspeakable step, and stays where it was."""
    with ManualClock() as clock:
        now = clock.now()
        with pytest.raises(ValueError, match="a clock moves by 0 to"):
            clock.advance(seconds)
        assert clock.now() == now


def test_outside_its_block_a_manual_clock_cannot_be_used():
    """advance() and now() say that the clock is not on."""
    clock = ManualClock()
    with pytest.raises(RuntimeError, match="not on"):
        clock.advance(1.0)
    with pytest.raises(RuntimeError, match="not on"):
        clock.now()


def test_a_manual_clock_that_was_not_entered_does_not_move_another_one():
    """Its methods stay refused while another clock is on."""
    idle = ManualClock()
    with ManualClock() as clock:
        now = clock.now()
        with pytest.raises(RuntimeError, match="not on"):
            idle.advance(1.0)
        assert clock.now() == now


def test_the_native_clock_cannot_be_moved_while_it_is_not_manual():
    """manual_advance() and manual_stop() without a manual clock are errors."""
    with pytest.raises(RuntimeError, match="no manual clock is on"):
        native.manual_advance(1)
    with pytest.raises(RuntimeError, match="no manual clock is on"):
        native.manual_stop()


def test_the_native_clock_does_not_overflow():
    """A step beyond 64 bits of nanoseconds is refused with the range that is possible."""
    with ManualClock(), pytest.raises(ValueError, match="are possible"):
        native.manual_advance(2**63 - 1)


def test_repr_shows_the_time_or_that_it_is_off():
    """The repr tells the present time, and works outside the block."""
    clock = ManualClock()
    assert repr(clock) == "<ManualClock, off>"
    with clock:
        assert repr(clock) == f"<ManualClock at {clock.now():.9f} s>"
