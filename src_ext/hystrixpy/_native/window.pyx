"""Rolling windows: how cells are read, the health counts of breakers, and the Python face of one counter."""

cimport cython
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from hystrixpy._native.atomics cimport hx_add, hx_cas, hx_load
from hystrixpy._native.clock cimport now_ns, real_ns

from hystrixpy.errors import PropertyError

cdef enum:
    MILLISECOND = 1_000_000
    SECOND = 1_000_000_000
    LAP_MASK = 0x3FFFFF
    GENERATION_MASK = 0xFFF
    LATE_LAPS = 4096



# ---- reading ----

cdef uint64_t live_tag(const Spot *spot, int64_t index) noexcept nogil:
    # Cells up to the open one were written in this lap, those behind it in the lap before. Any other tag
    # means that the cell was left alone for longer than the window.
    return (spot.tag - (index > spot.index)) & <uint64_t>0x3FFFFFFFF


cdef inline uint64_t live_count(const uint64_t *cells, const Spot *spot, int64_t index) noexcept nogil:
    cdef uint64_t seen = hx_load(&cells[index])
    return seen & COUNT_MAX if seen >> COUNT_BITS == live_tag(spot, index) else 0


cdef uint64_t cells_sum(const uint64_t *cells, const Shape *shape, int64_t now) noexcept nogil:
    cdef Spot spot = spot_at(shape, now)
    cdef uint64_t total = 0
    cdef int64_t index
    for index in range(shape.buckets):
        total += live_count(cells, &spot, index)
    return total


cdef uint64_t cells_max(const uint64_t *cells, const Shape *shape, int64_t now) noexcept nogil:
    cdef Spot spot = spot_at(shape, now)
    cdef uint64_t largest = 0
    cdef int64_t index
    for index in range(shape.buckets):
        largest = max(largest, live_count(cells, &spot, index))
    return largest


cdef void cells_values(const uint64_t *cells, const Shape *shape, int64_t now, uint64_t *out) noexcept nogil:
    cdef Spot spot = spot_at(shape, now)
    cdef int64_t place, index
    for place in range(shape.buckets):    # the oldest bucket's cell follows the open one's
        index = (spot.index + 1 + place) % shape.buckets
        out[place] = live_count(cells, &spot, index)


# ---- health ----

cdef inline uint64_t health_tag(uint64_t lap, uint32_t generation) noexcept nogil:
    return <uint64_t>(generation & GENERATION_MASK) << LAP_BITS | (lap & LAP_MASK)


cdef inline bint comes_late(uint64_t tag, uint64_t than) noexcept nogil:
    """Whether a health count of bucket `tag` arrives when its cell has moved on to the bucket `than`.

    With 22 bits, a lap that looks ahead may also be one of long ago (242 days for a window of ten seconds),
    in a cell that was never used since. No thread sleeps that long between two lines, so only a cell a few
    thousand laps ahead is believed; otherwise a breaker could go deaf after a long idle time.
    """
    cdef uint64_t ahead = (than - tag) & LAP_MASK
    if ahead != 0:
        return ahead < LATE_LAPS
    return (((than >> LAP_BITS) - (tag >> LAP_BITS)) & GENERATION_MASK) <= GENERATION_MASK >> 1


cdef void health_add(uint64_t *cells, const Spot *spot, uint32_t generation) noexcept nogil:
    cdef uint64_t *cell = &cells[spot.index]
    cdef uint64_t tag = health_tag(spot.tag, generation)
    cdef uint64_t seen = hx_load(cell)
    cdef uint64_t count
    while True:
        if seen >> COUNT_BITS == tag:
            count = min((seen & COUNT_MAX) + 1, <uint64_t>COUNT_MAX)
        elif seen != 0 and comes_late(tag, seen >> COUNT_BITS):
            return
        else:
            count = 1
        if hx_cas(cell, &seen, tag << COUNT_BITS | count):
            return


cdef uint64_t health_sum(const uint64_t *cells, const Shape *shape, int64_t now, uint32_t generation) noexcept nogil:
    cdef Spot spot = spot_at(shape, now)
    cdef uint64_t total = 0, seen
    cdef int64_t index
    for index in range(shape.buckets):
        seen = hx_load(&cells[index])
        if seen >> COUNT_BITS == health_tag(live_tag(&spot, index), generation):
            total += seen & COUNT_MAX
    return total


# ---- shapes out of Python's hands ----

cdef object refused(str name, object value, str valid):
    return PropertyError(f"{name} must be {valid}, not {value!r}")


cdef object whole_number(str name, object value, str valid):
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise refused(name, value, valid)
    return value.__index__()


cdef double number_of(str name, object value, str valid) except? -1.0:
    """A finite number as a double; text and truth values are refused although float() would take them."""
    cdef double number
    if isinstance(value, (bool, str, bytes, bytearray)):
        raise refused(name, value, valid)
    try:
        number = float(value)
    except (OverflowError, TypeError, ValueError):     # overflow: an int beyond any float
        raise refused(name, value, valid) from None
    if not isfinite(number):
        raise refused(name, value, valid)
    return number


cdef Shape shape_of(object window, object buckets) except *:
    cdef double seconds = number_of("window", window, "a finite number of seconds above 0")
    if seconds <= 0:
        raise refused("window", window, "a finite number of seconds above 0")
    count = whole_number("buckets", buckets, "an integer of 1 or more")
    if count < 1:
        raise refused("buckets", buckets, "an integer of 1 or more")
    length = round(min(seconds, 4e9) * SECOND)    # 127 years are as good as for ever
    if length < count * MILLISECOND:
        raise refused("window", window, f"at least {count * 0.001:g} s for {count} buckets (a bucket takes 1 ms or more)")
    return shape_at(length // count, count, now_ns())


# ---- the Python face ----

@cython.final
cdef class RollingCounter:
    """A count over the last ``window`` seconds, kept in ``buckets`` buckets.

    The open bucket is included, so what is added is visible at once; whole buckets leave as time
    goes on. Safe to share between threads, exact under any number of them. Raises PropertyError
    unless a bucket lasts 1 ms or more.

    >>> hits = RollingCounter(window=10.0, buckets=10)
    >>> hits.add()
    >>> hits.add(2)
    >>> hits.sum(), hits.total
    (3, 3)
    """

    def __cinit__(self, window=10.0, buckets=10):
        self.shape = shape_of(window, buckets)
        self.cells = <uint64_t *>calloc(self.shape.buckets, sizeof(uint64_t))
        if self.cells == NULL:
            raise MemoryError(f"no memory for {buckets} buckets")

    def __dealloc__(self):
        free(self.cells)

    def add(self, n=1):
        """Count ``n`` (0 to 2**30 - 1) in the present bucket; PropertyError otherwise.

        One bucket holds 2**30 - 1 at most and stays there; ``total`` goes on.
        """
        count = n if type(n) is int else whole_number("n", n, "an integer from 0 to 1073741823")
        if not 0 <= count <= COUNT_MAX:
            raise refused("n", n, "an integer from 0 to 1073741823")
        record(self, now_ns(), count)

    def sum(self):
        """What was counted within the window."""
        return cells_sum(self.cells, &self.shape, now_ns())

    def values(self):
        """The counts of all ``buckets`` buckets, oldest first; the last one is still open."""
        cdef int64_t index
        cdef uint64_t *out = <uint64_t *>malloc(self.shape.buckets * sizeof(uint64_t))
        if out == NULL:
            raise MemoryError(f"no memory for {self.shape.buckets} values")
        try:
            cells_values(self.cells, &self.shape, now_ns(), out)
            return tuple([out[index] for index in range(self.shape.buckets)])
        finally:
            free(out)

    @property
    def total(self):
        """What was counted since the counter was made."""
        return hx_load(&self.cumulative)

    def __repr__(self):
        window = self.shape.bucket_ns * self.shape.buckets / <double>SECOND
        return f"<RollingCounter: {self.sum()} in {window:g} s of {self.shape.buckets} buckets, {self.total} in total>"


cdef inline void record(RollingCounter counter, int64_t now, uint64_t n) noexcept:
    cdef Spot spot = spot_at(&counter.shape, now)
    cell_add(&counter.cells[spot.index], spot.tag, n)
    hx_add(&counter.cumulative, n)


# ---- for tests and benchmarks ----

def _origin(RollingCounter counter not None):
    """The time in nanoseconds at which the counter's first bucket began."""
    return counter.shape.origin


def _add_at(RollingCounter counter not None, int64_t now, uint64_t n=1):
    """Count as a thread does that read the time ``now`` and then slept."""
    record(counter, now, n)


def _health(int64_t bucket_ns, int64_t buckets, writes, int64_t now, uint32_t generation):
    """The health count at (now, generation), after a count at each (now, generation) of ``writes``."""
    cdef Shape shape = shape_at(bucket_ns, buckets, 0)
    cdef Spot spot
    cdef uint64_t *cells = <uint64_t *>calloc(buckets, sizeof(uint64_t))
    if cells == NULL:
        raise MemoryError
    try:
        for at, written in writes:
            spot = spot_at(&shape, at)
            health_add(cells, &spot, written)
        return health_sum(cells, &shape, now, generation)
    finally:
        free(cells)


def _time_records(uint64_t n):
    """Nanoseconds that ``n`` counts take inside the core: a rolling cell and a cumulative count each."""
    cdef RollingCounter counter = RollingCounter()
    cdef Spot spot = spot_at(&counter.shape, now_ns())
    cdef uint64_t done
    cdef int64_t start = real_ns()
    for done in range(n):
        cell_add(&counter.cells[spot.index], spot.tag, 1)
        hx_add(&counter.cumulative, 1)
    return real_ns() - start
