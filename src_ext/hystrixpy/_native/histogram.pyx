"""Latency histograms: which bucket a duration falls into, rolling and cumulative counts, and snapshots."""

cimport cython
from libc.math cimport ceil
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from hystrixpy._native.atomics cimport hx_add, hx_load
from hystrixpy._native.clock cimport now_ns, real_ns
from hystrixpy._native.window cimport COUNT_BITS, COUNT_MAX, cell_add, live_tag, number_of, refused, shape_of, spot_at

from math import isqrt

SCALE = HIST_SCALE
"""The scale of the buckets as OpenTelemetry counts it: 2**3 of them per power of two."""
FIRST = HIST_FIRST
"""The OpenTelemetry index of the first bucket."""
BUCKETS = HIST_BUCKETS
"""How many buckets there are."""

cdef extern from * nogil:
    int log2_floor "63 - __builtin_clzll" (uint64_t) noexcept

cdef enum:
    SECOND = 1_000_000_000
    SHORTEST = 1_000                     # ns, what shorter samples are clamped to
    SLICES = 16                          # a power of two, cut evenly: narrower than a bucket

# The bounds are irrational in nanoseconds, so the largest whole nanosecond of each bucket decides, exactly.
cdef int64_t upper[HIST_BUCKETS]         # in ns, inclusive
cdef uint8_t guess[42 * SLICES]          # the bucket where each slice of the integers begins; 2**42 ns > 1 h
cdef double middle[HIST_BUCKETS]         # in seconds: at most 4.4 % from anything in the bucket


cdef int hist_index(int64_t ns) noexcept nogil:
    cdef int power, slice, bucket
    if ns < SHORTEST:
        return 0
    if ns > upper[HIST_BUCKETS - 2]:
        return HIST_BUCKETS - 1
    power = log2_floor(ns)
    slice = power * SLICES + (<int>(ns >> (power - 4)) & (SLICES - 1))
    bucket = guess[slice]
    return bucket + (ns > upper[bucket])  # a slice reaches into one more bucket at most


cdef int64_t exact_upper(int bucket):
    """The largest whole number of nanoseconds within 2**((FIRST + bucket + 1) / 8) seconds."""
    cdef int eighths = HIST_FIRST + bucket + 1
    power = 10**72 << eighths if eighths >= 0 else 10**72 >> -eighths
    return isqrt(isqrt(isqrt(power)))    # the eighth root, rounded down: exact, whole numbers all the way


cdef void make_tables():
    cdef int bucket, slice, power
    cdef int64_t start
    for bucket in range(HIST_BUCKETS):
        upper[bucket] = exact_upper(bucket)
        high = 2.0 ** ((HIST_FIRST + bucket + 1) / 8.0)
        low = 2.0 ** ((HIST_FIRST + bucket) / 8.0)
        middle[bucket] = 2 * low * high / (low + high)
    bucket = 0
    for slice in range(9 * SLICES, 42 * SLICES):     # 2**9 ns < 1 us
        power = slice // SLICES
        start = (<int64_t>(SLICES + slice % SLICES) << power) // SLICES
        while bucket < HIST_BUCKETS - 1 and start > upper[bucket]:
            bucket += 1
        guess[slice] = bucket


make_tables()


cdef void hist_record(uint64_t *rolling, uint64_t *cumulative, const Spot *spot, int64_t ns) noexcept nogil:
    hist_bump(rolling, cumulative, spot, hist_index(ns))


cdef void hist_bump(uint64_t *rolling, uint64_t *cumulative, const Spot *spot, int bucket) noexcept nogil:
    cell_add(&rolling[spot.index * HIST_BUCKETS + bucket], spot.tag, 1)
    hx_add(&cumulative[bucket], 1)


cdef void hist_read(const uint64_t *rolling, const Shape *shape, int64_t now, uint64_t *out) noexcept nogil:
    cdef Spot spot = spot_at(shape, now)
    cdef int64_t index
    cdef int bucket
    for bucket in range(HIST_BUCKETS):
        out[bucket] = 0
    for index in range(shape.buckets):
        add_live(&rolling[index * HIST_BUCKETS], live_tag(&spot, index), out)


cdef inline void add_live(const uint64_t *cells, uint64_t tag, uint64_t *out) noexcept nogil:
    cdef uint64_t seen
    cdef int bucket
    for bucket in range(HIST_BUCKETS):
        seen = hx_load(&cells[bucket])
        if seen >> COUNT_BITS == tag:
            out[bucket] += seen & COUNT_MAX


# ---- snapshots ----

cdef LatencySnapshot snapshot_of(const uint64_t *counts):
    cdef LatencySnapshot snapshot = LatencySnapshot.__new__(LatencySnapshot)
    cdef int bucket
    for bucket in range(HIST_BUCKETS):
        snapshot.counts[bucket] = hx_load(&counts[bucket])
        snapshot._count += snapshot.counts[bucket]
    return snapshot


def _restored(buckets):
    """A snapshot out of its pickle."""
    return LatencySnapshot.from_buckets(buckets)


@cython.final
cdef class LatencySnapshot:
    """How long things took: an immutable set of durations, in seconds, known to within 5 %.

    The durations themselves are not kept, only how many fell into each of 255 buckets from 1 us to
    1 h (shorter and longer ones count as these); ``mean``, ``min``, ``max`` and percentiles are
    middles of buckets. All are 0.0 when the snapshot is empty. Snapshots of several processes or
    circuits can be merged.

    >>> LatencySnapshot().percentile(99)
    0.0
    """

    @staticmethod
    def from_buckets(counts):
        """The snapshot whose ``buckets()`` are ``counts``; ValueError unless it is 255 counts."""
        cdef LatencySnapshot snapshot = LatencySnapshot.__new__(LatencySnapshot)
        cdef int bucket
        counts = tuple(counts)
        if len(counts) != HIST_BUCKETS:
            raise ValueError(f"a snapshot has {HIST_BUCKETS} buckets, not {len(counts)}")
        for bucket in range(HIST_BUCKETS):
            try:
                snapshot.counts[bucket] = counts[bucket]
            except OverflowError:
                raise ValueError(f"bucket {bucket} cannot hold {counts[bucket]}: 0 to 2**64 - 1") from None
            snapshot._count += snapshot.counts[bucket]
        return snapshot

    @property
    def count(self):
        """How many durations there are."""
        return self._count

    @property
    def mean(self):
        """Their arithmetic mean in seconds."""
        cdef double total = 0
        cdef int bucket
        if self._count == 0:
            return 0.0
        for bucket in range(HIST_BUCKETS):
            total += self.counts[bucket] * middle[bucket]
        return total / self._count

    @property
    def min(self):
        """The shortest one in seconds."""
        return at_rank(self, 1)

    @property
    def max(self):
        """The longest one in seconds."""
        return at_rank(self, self._count)

    def percentile(self, p):
        """The duration in seconds that ``p`` percent (0 to 100) of all do not exceed.

        By nearest rank: of n durations in ascending order, the one at position ceil(p / 100 * n), the
        first one for ``p`` = 0. ValueError (a PropertyError) if ``p`` is no number from 0 to 100.
        """
        cdef double percent = number_of("p", p, "a number from 0 to 100")
        cdef uint64_t rank
        if not 0 <= percent <= 100:
            raise refused("p", p, "a number from 0 to 100")
        # 99.9 is a little more than 99.9 % as a double; that must not push an exact rank to the next one.
        rank = <uint64_t>ceil(percent * self._count / 100 * (1 - 1e-12))
        return at_rank(self, rank)

    def merge(self, LatencySnapshot other not None):
        """A new snapshot of what is in this one and in ``other``."""
        cdef LatencySnapshot merged = snapshot_of(self.counts)
        cdef int bucket
        for bucket in range(HIST_BUCKETS):
            merged.counts[bucket] += other.counts[bucket]
        merged._count += other._count
        return merged

    def sparse(self):
        """``[bucket, count]`` of every bucket that holds anything: what :meth:`buckets` says, without the zeros."""
        cdef list found = []
        cdef int bucket
        for bucket in range(HIST_BUCKETS):
            if self.counts[bucket]:
                found.append([bucket, self.counts[bucket]])
        return found

    def buckets(self):
        """The counts of the 255 buckets, shortest durations first.

        Bucket ``i`` counts durations above ``2**((i - 160) / 8)`` and up to ``2**((i - 159) / 8)``
        seconds: the buckets of an OpenTelemetry exponential histogram of scale 3 and offset -160.
        """
        cdef int bucket
        return tuple([self.counts[bucket] for bucket in range(HIST_BUCKETS)])

    def __eq__(self, other):
        if not isinstance(other, LatencySnapshot):
            return NotImplemented
        return self.buckets() == other.buckets()

    def __hash__(self):
        return hash(self.buckets())

    def __reduce__(self):
        return _restored, (self.buckets(),)

    def __repr__(self):
        return (
            f"<LatencySnapshot: {self._count} from {self.min:.3g} to {self.max:.3g} s, "
            f"mean {self.mean:.3g} s, p99 {self.percentile(99):.3g} s>"
        )


cdef double at_rank(LatencySnapshot snapshot, uint64_t rank) noexcept:
    """The middle of the bucket that holds the rank-th duration, counted from 1; 0.0 if there is none."""
    cdef uint64_t passed = 0
    cdef int bucket
    for bucket in range(HIST_BUCKETS):
        passed += snapshot.counts[bucket]
        if passed >= rank and passed > 0:
            return middle[bucket]
    return 0.0


# ---- the Python face ----

@cython.final
cdef class LatencyHistogram:
    """The durations of the last ``window`` seconds, kept in ``buckets`` rolling buckets (the open one included).

    Safe to share between threads; counts are exact under any number of them. Memory is fixed:
    about 2 KB per bucket. Raises PropertyError unless a bucket lasts 1 ms or more.

    >>> histogram = LatencyHistogram(window=60.0, buckets=6)
    >>> histogram.record(0.25)
    >>> histogram.snapshot().count
    1
    """

    def __cinit__(self, window=60.0, buckets=6):
        self.shape = shape_of(window, buckets)
        self.rolling = <uint64_t *>calloc(self.shape.buckets, HIST_BUCKETS * sizeof(uint64_t))
        if self.rolling == NULL:
            raise MemoryError(f"no memory for {buckets} buckets of a histogram")

    def __dealloc__(self):
        free(self.rolling)

    def record(self, seconds):
        """Count one duration; PropertyError unless it is a finite number of 0 or more.

        What is shorter than 1 us or longer than 1 h counts as that.
        """
        cdef double length = number_of("seconds", seconds, "a finite number of 0 or more")
        cdef Spot spot = spot_at(&self.shape, now_ns())
        if length < 0:
            raise refused("seconds", seconds, "a finite number of 0 or more")
        hist_record(self.rolling, self.cumulative, &spot, <int64_t>(min(length, 3_601.0) * SECOND + 0.5))

    def snapshot(self):
        """The durations recorded within the window."""
        cdef uint64_t counts[HIST_BUCKETS]
        hist_read(self.rolling, &self.shape, now_ns(), counts)
        return snapshot_of(counts)

    @property
    def total(self):
        """The durations recorded since the histogram was made."""
        return snapshot_of(self.cumulative)

    def __repr__(self):
        window = self.shape.bucket_ns * self.shape.buckets / <double>SECOND
        return f"<LatencyHistogram: {self.snapshot().count} in {window:g} s of {self.shape.buckets} buckets, {self.total.count} in total>"


# ---- for tests and benchmarks ----

def _index(int64_t ns):
    """The bucket of a duration in nanoseconds."""
    return hist_index(ns)


def _time_records(uint64_t n):
    """Nanoseconds that ``n`` durations take to be counted inside the core, rolling and cumulative."""
    cdef LatencyHistogram histogram = LatencyHistogram()
    cdef Spot spot = spot_at(&histogram.shape, now_ns())
    cdef uint64_t done
    cdef int64_t start = real_ns()
    for done in range(n):
        hist_record(histogram.rolling, histogram.cumulative, &spot, 1_000 + done % 1_000_000)
    return real_ns() - start
