"""Latency histograms: exact buckets, honest percentiles, windows that roll."""

import copy
import math
import pickle
from collections import Counter
from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hystrixpy import LatencyHistogram, LatencySnapshot, PropertyError
from hystrixpy._native import histogram as native
from hystrixpy._native.clock import now_ns
from hystrixpy.testing import ManualClock

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
BUCKETS, FIRST = native.BUCKETS, native.FIRST
ERROR = 0.05

nanoseconds = st.floats(math.log(1000), math.log(HOUR)).map(lambda power: min(round(math.exp(power)), HOUR))


def otel_index(ns):
    """ceil(log2(seconds) * 8) - 1 in whole-number arithmetic, no rounding anywhere."""
    eighth_power = Fraction(ns, SECOND) ** 8
    index = math.ceil(math.log2(ns / SECOND) * 8) + 1
    while Fraction(2) ** index >= eighth_power:
        index -= 1
    return index


def largest_in(bucket):
    """The largest whole nanosecond of a bucket: the eighth root of 10**72 * 2**(index + 1), rounded down."""
    eighths = FIRST + bucket + 1
    return isqrt(isqrt(isqrt(10**72 << eighths if eighths >= 0 else 10**72 >> -eighths)))


def snapshot_of(samples):
    counts = [0] * BUCKETS
    for ns in samples:
        counts[native._index(ns)] += 1
    return LatencySnapshot.from_buckets(counts)


# ---- buckets ----


@pytest.mark.parametrize("bucket", range(BUCKETS))
def test_every_bound_is_exact_to_the_nanosecond(bucket):
    """On both sides of a bucket's upper bound the index is OpenTelemetry's, computed without rounding."""
    for ns in range(largest_in(bucket) - 1, largest_in(bucket) + 3):
        if 1000 <= ns <= HOUR:
            assert native._index(ns) + FIRST == otel_index(ns)


@given(ns=nanoseconds)
def test_any_duration_falls_into_opentelemetrys_bucket(ns):
    """From 1 us to 1 h the index is that of an exponential histogram of scale 3."""
    assert native._index(ns) + FIRST == otel_index(ns)


@given(ns=nanoseconds)
def test_the_sdk_agrees(ns):
    """OpenTelemetry's own mapping (in floats, so not at the bounds themselves) gives the same index."""
    mapping = pytest.importorskip("opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping")
    bucket = native._index(ns)
    if ns - (largest_in(bucket - 1) if bucket else 0) > 1 and ns < largest_in(bucket):
        assert bucket + FIRST == mapping.LogarithmMapping(3).map_to_index(ns / SECOND)


def test_the_ends_are_one_microsecond_and_one_hour():
    """Both lie in the outermost buckets, and there are no buckets beyond."""
    assert (native._index(1000), native._index(HOUR)) == (0, BUCKETS - 1)
    assert otel_index(1000) == FIRST
    assert otel_index(HOUR) == FIRST + BUCKETS - 1


@pytest.mark.parametrize(("ns", "bucket"), [(-5, 0), (0, 0), (1, 0), (999, 0), (HOUR + 1, 254), (2**63 - 1, 254)])
def test_durations_outside_the_range_are_clamped(ns, bucket):
    """Nothing is lost, nothing overflows."""
    assert native._index(ns) == bucket


# ---- snapshots ----


def test_an_empty_snapshot_is_zero_everywhere():
    """No division by zero, no None."""
    empty = LatencySnapshot()
    assert (empty.count, empty.mean, empty.min, empty.max) == (0, 0.0, 0.0, 0.0)
    assert [empty.percentile(p) for p in (0, 50, 100)] == [0.0, 0.0, 0.0]
    assert empty.buckets() == (0,) * BUCKETS


@given(samples=st.lists(nanoseconds, min_size=1, max_size=50), p=st.floats(0, 100))
def test_every_number_is_within_five_percent_of_the_truth(samples, p):
    """Against the sorted samples: nearest rank for percentiles, the true mean, the true ends."""
    snapshot, samples = snapshot_of(samples), sorted(samples)
    rank = max(math.ceil(Fraction(p) * len(samples) / 100 * (1 - Fraction(1, 10**12))), 1)
    assert snapshot.count == len(samples)
    assert snapshot.percentile(p) == pytest.approx(samples[rank - 1] / SECOND, rel=ERROR)
    assert snapshot.mean == pytest.approx(sum(samples) / len(samples) / SECOND, rel=ERROR)
    assert snapshot.min == pytest.approx(samples[0] / SECOND, rel=ERROR)
    assert snapshot.max == pytest.approx(samples[-1] / SECOND, rel=ERROR)


@pytest.mark.parametrize(
    ("p", "rank"), [(0, 1), (0.1, 1), (0.11, 2), (50, 500), (99.9, 999), (99.91, 1000), (100, 1000)]
)
def test_a_percentile_is_the_nearest_rank(p, rank):
    """Of 1000 durations the 99.9th percentile is the 999th, although 99.9 is no exact double."""
    counts = [0] * BUCKETS
    counts[10], counts[20] = rank - 1, 1
    counts[30] = 1000 - rank
    assert LatencySnapshot.from_buckets(counts).percentile(p) == pytest.approx(
        snapshot_of([largest_in(20)]).min, rel=1e-9
    )


@pytest.mark.parametrize("p", [-1, -1e-9, 100.0001, math.nan, math.inf, "50", None, True])
def test_a_percentile_outside_its_range_is_a_value_error(p):
    """The message names the range; an empty snapshot checks as well."""
    with pytest.raises(ValueError, match="p must be a number from 0 to 100"):
        LatencySnapshot().percentile(p)


@given(first=st.lists(nanoseconds, max_size=20), second=st.lists(nanoseconds, max_size=20))
def test_merging_is_recording_both(first, second):
    """A merged snapshot equals that of all samples; the two stay as they were."""
    a, b = snapshot_of(first), snapshot_of(second)
    assert a.merge(b) == b.merge(a) == snapshot_of(first + second)
    assert (a, b) == (snapshot_of(first), snapshot_of(second))


def test_snapshots_are_values():
    """Equal by content, hashable, unequal to other things, not to be changed."""
    a, b = snapshot_of([2000]), snapshot_of([2000])
    assert a == b
    assert hash(a) == hash(b)
    assert a != snapshot_of([4000])
    assert a != a.buckets()
    with pytest.raises(AttributeError):
        a.count = 5  # type: ignore[misc]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_snapshots_cross_processes(copied):
    """Copies and pickles are equal to the original."""
    snapshot = snapshot_of([2000, 5000, HOUR])
    assert copied(snapshot) == snapshot
    assert copied(snapshot).count == 3


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([0] * 254, "255 buckets, not 254"),
        ([-1] + [0] * 254, "bucket 0 cannot hold -1"),
        ([2**64] + [0] * 254, "bucket 0"),
    ],
)
def test_counts_that_are_no_snapshot_are_refused(counts, message):
    """from_buckets() says what is wrong with them."""
    with pytest.raises(ValueError, match=message):
        LatencySnapshot.from_buckets(counts)


def test_merge_takes_snapshots_only():
    """None or a tuple is a TypeError, not a crash."""
    for other in (None, (0,) * BUCKETS):
        with pytest.raises(TypeError):
            LatencySnapshot().merge(other)


def test_the_repr_of_a_snapshot_tells_the_shape_of_it():
    """Count, range, mean and the 99th percentile in seconds."""
    assert repr(snapshot_of([SECOND] * 3)) == "<LatencySnapshot: 3 from 0.957 to 0.957 s, mean 0.957 s, p99 0.957 s>"


# ---- the rolling histogram ----


def test_what_is_recorded_is_visible_at_once_and_leaves_with_its_bucket(clock):
    """The window rolls, the total stays."""
    histogram = LatencyHistogram(window=60.0, buckets=6)
    histogram.record(0.5)
    clock.advance(59.0)
    histogram.record(2.0)
    assert histogram.snapshot().count == 2
    clock.advance(1.0)
    assert histogram.snapshot() == snapshot_of([2 * SECOND])
    assert histogram.total == snapshot_of([SECOND // 2, 2 * SECOND])


@pytest.mark.parametrize("value", [True, -0.1, math.nan, math.inf, "1", None])
def test_what_is_no_duration_is_refused_by_name(value):
    """Nothing is recorded then."""
    histogram = LatencyHistogram()
    with pytest.raises(PropertyError, match="seconds must be a finite number of 0 or more"):
        histogram.record(value)
    assert histogram.total.count == 0


@pytest.mark.parametrize(("seconds", "bucket"), [(0, 0), (1e-9, 0), (3600, 254), (1e300, 254), (1.0, 159)])
def test_durations_are_seconds(seconds, bucket):
    """Whole or not, clamped to 1 us and 1 h."""
    histogram = LatencyHistogram()
    histogram.record(seconds)
    assert histogram.total.buckets()[bucket] == 1


def test_arguments_of_a_histogram_are_checked_by_name():
    """As those of a counter."""
    with pytest.raises(PropertyError, match="window must be"):
        LatencyHistogram(window=-1.0)
    with pytest.raises(PropertyError, match="buckets must be"):
        LatencyHistogram(buckets=0)
    with pytest.raises(PropertyError, match="window must be at least"):
        LatencyHistogram(window=0.005, buckets=6)
    with pytest.raises(MemoryError):
        LatencyHistogram(window=1e9, buckets=10**12)


@pytest.mark.usefixtures("clock")
def test_the_repr_of_a_histogram_tells_window_and_total():
    """The repr is for the person on call."""
    histogram = LatencyHistogram()
    histogram.record(1.0)
    assert repr(histogram) == "<LatencyHistogram: 1 in 60 s of 6 buckets, 1 in total>"
    assert "in 1.5 s of 3 buckets" in repr(LatencyHistogram(window=1.5, buckets=3))


class HistogramMachine(RuleBasedStateMachine):
    """A LatencyHistogram beside a list of (bucket number, duration)."""

    @initialize(buckets=st.integers(1, 4))
    def start(self, buckets):
        self.clock = ManualClock()
        self.clock.__enter__()
        self.buckets, self.began = buckets, now_ns()
        self.histogram = LatencyHistogram(window=float(buckets), buckets=buckets)
        self.samples = []

    def number(self):
        return (now_ns() - self.began) // SECOND

    @rule(ns=nanoseconds)
    def record(self, ns):
        self.histogram.record(ns / SECOND)
        self.samples.append((self.number(), native._index(ns)))

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 9.0]))
    def advance(self, seconds):
        self.clock.advance(seconds)

    @invariant()
    def agrees(self):
        live = Counter(bucket for at, bucket in self.samples if at > self.number() - self.buckets)
        assert self.histogram.snapshot().buckets() == tuple(live[b] for b in range(BUCKETS))
        ever = Counter(bucket for _, bucket in self.samples)
        assert self.histogram.total.buckets() == tuple(ever[b] for b in range(BUCKETS))

    def teardown(self):
        if hasattr(self, "clock"):
            self.clock.__exit__(None, None, None)


HistogramMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestHistogramAgainstAList = HistogramMachine.TestCase


def test_sparse_buckets_are_the_buckets_without_the_zeros():
    """What travels in the stream: index and count of each bucket that holds anything."""
    histogram = LatencyHistogram()
    for seconds in (1e-6, 0.001, 0.001, 3600.0):
        histogram.record(seconds)
    snapshot = histogram.snapshot()
    assert snapshot.sparse() == [[i, n] for i, n in enumerate(snapshot.buckets()) if n]
    assert [n for _, n in snapshot.sparse()] == [1, 2, 1]
