"""Rolling counters and health counts against naive oracles."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hystrixpy import PropertyError, RollingCounter
from hystrixpy._native import window
from hystrixpy._native.clock import now_ns
from hystrixpy.testing import ManualClock

SECOND = 1_000_000_000
BUCKET = 10_000_000
MOST = 2**30 - 1


def test_a_new_counter_is_empty():
    """All buckets are there and zero."""
    counter = RollingCounter(window=10.0, buckets=4)
    assert (counter.sum(), counter.total, counter.values()) == (0, 0, (0, 0, 0, 0))


@pytest.mark.usefixtures("clock")
def test_the_open_bucket_is_visible_at_once():
    """What was added is in sum(), total and the last value without any time passing."""
    counter = RollingCounter()
    counter.add()
    counter.add(4)
    assert (counter.sum(), counter.total, counter.values()) == (5, 5, (0,) * 9 + (5,))


def test_values_are_oldest_first(clock):
    """The last value is the open bucket, the ones before it are older."""
    counter = RollingCounter(window=3.0, buckets=3)
    for n in (1, 2, 3):
        counter.add(n)
        clock.advance(1.0)
    assert counter.values() == (2, 3, 0)


@pytest.mark.parametrize(
    ("buckets", "left"), [(0, 7), (1, 7), (2, 7), (3, 7), (4, 0), (5, 0), (8, 0), (9, 0), (4_000_001, 0)]
)
def test_after_an_idle_gap_only_the_last_buckets_count(clock, buckets, left):
    """What was counted leaves with its bucket, and does not come back when the ring meets its cell again."""
    counter = RollingCounter(window=4.0, buckets=4)
    counter.add(7)
    clock.advance(float(buckets))
    assert (counter.sum(), sum(counter.values()), counter.total) == (left, left, 7)


def test_a_bucket_leaves_at_its_boundary_and_not_before(clock):
    """One nanosecond before the window is over everything counts, then nothing."""
    counter = RollingCounter(window=10.0, buckets=10)
    counter.add()
    clock.advance(10.0 - 1e-9)
    assert counter.sum() == 1
    clock.advance(1e-9)
    assert counter.sum() == 0


def test_a_window_starts_with_a_full_bucket_whenever_it_is_made(clock):
    """Buckets are counted from the making of the counter, so tests do not depend on the uptime."""
    clock.advance(0.3)
    counter = RollingCounter(window=7.0, buckets=1)
    counter.add()
    clock.advance(6.9)
    assert counter.sum() == 1


def test_a_late_write_counts_in_its_own_bucket(clock):
    """A thread that read the clock and then slept for a bucket counts where it began."""
    counter = RollingCounter(window=3.0, buckets=3)
    before = now_ns()
    clock.advance(1.0)
    window._add_at(counter, before)
    assert counter.values() == (0, 1, 0)


def test_a_write_that_is_a_whole_window_late_is_dropped(clock):
    """Its cell belongs to a newer bucket by then; only the total takes it."""
    counter = RollingCounter(window=3.0, buckets=3)
    before = now_ns()
    clock.advance(3.0)
    counter.add(5)
    window._add_at(counter, before)
    assert (counter.values(), counter.total) == ((0, 0, 5), 6)


@pytest.mark.usefixtures("clock")
def test_a_time_just_before_the_counter_was_made_belongs_to_its_first_bucket():
    """A caller may have read the clock before another thread made the counter."""
    counter = RollingCounter(window=3.0, buckets=3)
    window._add_at(counter, window._origin(counter) - 5)
    assert counter.sum() == 1


def test_a_bucket_saturates_and_the_total_does_not(clock):
    """Beyond 2**30 - 1 a bucket stays there instead of spilling into its tag."""
    counter = RollingCounter()
    counter.add(MOST)
    counter.add(MOST)
    clock.advance(1.0)
    counter.add(3)
    assert (counter.sum(), counter.total) == (MOST + 3, 2 * MOST + 3)


@pytest.mark.parametrize("laps", [2**20, 2**33 - 1, 2**33 + 1, 2**34 - 2**20 - 1, 2**34 + 1])
def test_counting_is_not_deaf_after_a_long_idle_time(clock, laps):
    """However long a cell was not written, the next count is taken, although laps wrap round."""
    counter = RollingCounter(window=0.001, buckets=1)
    clock.advance(0.001)
    counter.add(5)
    clock.advance((laps + 0.5) * 0.001)
    counter.add(2)
    assert counter.sum() == 2


def test_counting_goes_on_when_the_lap_wraps_round(clock):
    """After 2**34 laps (198 days of the smallest window) tags start anew, and nothing is lost or revived."""
    counter = RollingCounter(window=0.001, buckets=1)
    clock.advance((2**34 - 0.5) * 0.001)
    counter.add(1)
    assert counter.sum() == 1
    clock.advance(0.001)
    assert counter.sum() == 0
    counter.add(2)
    assert counter.sum() == 2


class RollingMachine(RuleBasedStateMachine):
    """A RollingCounter beside a dict of bucket numbers."""

    @initialize(buckets=st.integers(1, 5), phase=st.integers(0, 3 * BUCKET))
    def start(self, buckets, phase):
        self.clock = ManualClock()
        self.clock.__enter__()
        self.clock.advance(phase / SECOND)
        self.buckets = buckets
        self.counter = RollingCounter(window=buckets * BUCKET / SECOND, buckets=buckets)
        self.start_ns = now_ns()
        self.times = [self.start_ns]
        self.counts = Counter()
        self.total = 0

    def number(self, at):
        return (at - self.start_ns) // BUCKET

    @rule(n=st.integers(0, 9))
    def add(self, n):
        self.counter.add(n)
        self.counts[self.number(now_ns())] += n
        self.total += n

    @rule(data=st.data(), n=st.integers(1, 9))
    def add_late(self, data, n):
        at = data.draw(st.sampled_from(self.times))
        window._add_at(self.counter, at, n)
        self.counts[self.number(at)] += n
        self.total += n

    @rule(buckets=st.integers(0, 12), ns=st.sampled_from([-1, 0, 1]))
    def advance_by_buckets(self, buckets, ns):
        self.advance(max(buckets * BUCKET + ns, 0))

    @rule(ns=st.integers(0, 3 * BUCKET))
    def advance(self, ns):
        self.clock.advance(ns / SECOND)
        self.times.append(now_ns())

    @invariant()
    def agrees(self):
        now = self.number(now_ns())
        values = tuple(self.counts[b] for b in range(now - self.buckets + 1, now + 1))
        assert self.counter.values() == values
        assert self.counter.sum() == sum(values)
        assert self.counter.total == self.total

    def teardown(self):
        if hasattr(self, "clock"):
            self.clock.__exit__(None, None, None)


RollingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestRollingCounterAgainstADict = RollingMachine.TestCase


# ---- health ----


@given(
    buckets=st.integers(1, 4),
    base=st.sampled_from([0, 4090, 2**31]),
    writes=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10)), max_size=40),
    idle=st.integers(0, 8),
)
@settings(max_examples=150, deadline=None)
def test_health_counts_only_its_generation_within_the_window(buckets, base, writes, idle):
    """In any order of times and generations, late ones included, the newest of both see exactly theirs."""
    now = max((at for at, _ in writes), default=0) + idle
    newest = max((generation for _, generation in writes), default=0)
    health = window._health(5, buckets, [(at, base + generation) for at, generation in writes], now, base + newest)
    live = range(now // 5 - buckets + 1, now // 5 + 1)
    assert health == sum(generation == newest and at // 5 in live for at, generation in writes)


def test_a_result_of_an_older_generation_never_hides_a_newer_one():
    """An old generation's late write into the present bucket is dropped, whichever came first."""
    assert window._health(5, 2, [(0, 7), (0, 6)], 0, 7) == 1
    assert window._health(5, 2, [(0, 6), (0, 7)], 0, 7) == 1


def test_an_old_generation_does_not_stop_a_newer_lap():
    """A cell that an old generation wrote in this lap is replaced by the next write of the new one."""
    assert window._health(5, 2, [(0, 7), (10, 6), (10, 7)], 10, 7) == 1


def test_generations_are_compared_modulo_their_width():
    """Generation 4096 comes after 4095."""
    assert window._health(5, 1, [(0, 4095), (0, 4096), (0, 4095)], 0, 4096) == 1


@pytest.mark.parametrize("laps", [1, 4096, 2**21, 2**21 + 1, 3 * 2**20, 2**22 - 4097, 2**22 + 1, 2**23 + 5])
def test_health_counting_is_not_deaf_after_a_long_idle_time(laps):
    """However long a cell was not written, the first error counts again (22 bits of lap wrap round)."""
    assert window._health(SECOND, 1, [(0, 3), (laps * SECOND, 3)], laps * SECOND, 3) == 1


@pytest.mark.parametrize("laps", [2**21 - 5, 2**21 + 5, 2**22 - 1, 2**22 + 1])
def test_health_counting_starts_at_any_uptime(laps):
    """A cell that was never written takes the first count whatever the lap is."""
    assert window._health(SECOND, 1, [(laps * SECOND, 0)], laps * SECOND, 0) == 1


# ---- arguments ----


@pytest.mark.parametrize("value", [True, math.nan, math.inf, -math.inf, "10", b"10", None, 0, 0.0, -1.0, 10**400])
def test_an_invalid_window_is_refused_by_name(value):
    """The error names the argument and the value, and says what is valid."""
    with pytest.raises(PropertyError, match="window must be a finite number of seconds above 0") as error:
        RollingCounter(window=value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("value", [True, 0, -3, 2.0, "10", None, math.nan])
def test_invalid_buckets_are_refused_by_name(value):
    """The error names the argument and the value, and says what is valid."""
    with pytest.raises(PropertyError, match="buckets must be an integer of 1 or more") as error:
        RollingCounter(buckets=value)
    assert repr(value) in str(error.value)


def test_a_bucket_shorter_than_a_millisecond_is_refused():
    """The error says how long the window must be for that many buckets."""
    with pytest.raises(PropertyError, match=r"window must be at least 0\.01 s for 10 buckets"):
        RollingCounter(window=0.0099, buckets=10)
    assert RollingCounter(window=0.01, buckets=10).values() == (0,) * 10


@pytest.mark.parametrize("value", [True, -1, 2**30, 10**30, 1.0, "1", None])
def test_an_invalid_increment_is_refused_and_counts_nothing(value):
    """n is a whole number that fits a bucket."""
    counter = RollingCounter()
    with pytest.raises(PropertyError, match="n must be an integer from 0 to 1073741823"):
        counter.add(value)
    assert counter.total == 0


def test_whole_windows_and_huge_ones_are_accepted():
    """An int is a number of seconds as well; beyond a century a window is as good as endless."""
    for seconds in (10, 1e300):
        counter = RollingCounter(window=seconds, buckets=3)
        counter.add()
        assert counter.sum() == 1


def test_a_window_that_does_not_divide_evenly_is_accepted(clock):
    """Buckets are whole nanoseconds, rounded down."""
    counter = RollingCounter(window=1.0, buckets=3)
    counter.add()
    clock.advance(1.0)
    assert counter.sum() == 0


def test_more_buckets_than_memory_is_a_memory_error():
    """No crash, no half-made counter."""
    with pytest.raises(MemoryError):
        RollingCounter(window=1e9, buckets=10**12)


def test_repr_tells_the_sum_the_window_and_the_total(clock):
    """The repr is for the person on call."""
    counter = RollingCounter(window=10.0, buckets=10)
    counter.add(3)
    clock.advance(10.0)
    counter.add(2)
    assert repr(counter) == "<RollingCounter: 2 in 10 s of 10 buckets, 5 in total>"


def test_repr_tells_a_window_below_a_second():
    """Half a second is no 0 s, and thirds do not round it down."""
    assert repr(RollingCounter(window=0.5, buckets=5)) == "<RollingCounter: 0 in 0.5 s of 5 buckets, 0 in total>"
    assert "in 10 s of 3 buckets" in repr(RollingCounter(window=10.0, buckets=3))
