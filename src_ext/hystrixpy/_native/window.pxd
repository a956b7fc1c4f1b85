"""Rolling counters without a roll step.

A cell is one 64-bit word: the tag of the bucket it was written for (34 bits), and the count (30). A write
with a newer tag replaces the word in the same compare-and-swap that adds; a write with an older tag (its
thread slept for a whole window) is dropped. So no thread ever clears anything, and a reader needs nothing
but the tag. None of the functions on cells can fail. The ones of the hot path are inline.

A window counts its buckets from its own origin, the time it was made at: so zeroed memory is an empty
window whatever the machine's uptime, and under a manual clock a new window always starts with a full bucket.
"""

cimport cython
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hystrixpy._native.atomics cimport hx_cas, hx_load

cdef enum:
    COUNT_BITS = 30
    COUNT_MAX = 1073741823      # 2**30 - 1
    LAP_BITS = 22               # of a health tag; the generation has 12

ctypedef struct Shape:      # fixed when the window is made: shape_at(), shape_of()
    int64_t bucket_ns       # length of one bucket, at least 1 ms
    int64_t buckets         # how many, the open one included
    int64_t origin          # now_ns() when the window was made

ctypedef struct Spot:       # where "now" falls in a window: computed once, used for every counter of that shape
    int64_t index           # which cell
    uint64_t tag            # which lap of the ring


cdef inline Shape shape_at(int64_t bucket_ns, int64_t buckets, int64_t now) noexcept nogil:
    cdef Shape shape
    shape.bucket_ns = bucket_ns
    shape.buckets = buckets
    shape.origin = now
    return shape

cdef Shape shape_of(object window, object buckets) except *
# a shape that starts now; raises PropertyError unless window (seconds) and buckets make buckets of 1 ms or more


cdef inline Spot spot_at(const Shape *shape, int64_t now) noexcept nogil:
    cdef Spot spot
    cdef uint64_t number = 0
    if now > shape.origin:    # a time read just before the window was made belongs to its first bucket
        number = <uint64_t>(now - shape.origin) // <uint64_t>shape.bucket_ns
    spot.tag = number // <uint64_t>shape.buckets
    spot.index = <int64_t>(number - spot.tag * <uint64_t>shape.buckets)
    spot.tag &= <uint64_t>0x3FFFFFFFF    # 34 bits
    return spot


cdef inline bint has_moved_on(uint64_t seen, uint64_t tag) noexcept nogil:
    """Whether a cell belongs to a newer bucket than `tag`, whose write comes late.

    Laps wrap round after 34 bits, so what looks ahead may also be of long ago (198 days for the smallest
    window, 5,400 years for ten seconds). No thread is late by 2**20 laps; a cell further ahead is old.
    """
    return seen != 0 and ((seen >> COUNT_BITS) - tag & <uint64_t>0x3FFFFFFFF) < 1048576


cdef inline void cell_add(uint64_t *cell, uint64_t tag, uint64_t n) noexcept nogil:
    """Add n in the bucket `tag`; saturates at 2**30 - 1 per bucket."""
    cdef uint64_t seen = hx_load(cell)
    cdef uint64_t count
    while True:
        if seen >> COUNT_BITS == tag:
            count = (seen & COUNT_MAX) + n
        elif has_moved_on(seen, tag):
            return
        else:
            count = n
        if count > COUNT_MAX:
            count = COUNT_MAX
        if hx_cas(cell, &seen, tag << COUNT_BITS | count):
            return


cdef inline void cell_max(uint64_t *cell, uint64_t tag, uint64_t value) noexcept nogil:
    """The same with the larger of the two for the sum."""
    cdef uint64_t seen = hx_load(cell)
    if value > COUNT_MAX:
        value = COUNT_MAX
    while True:
        if seen >> COUNT_BITS == tag:
            if (seen & COUNT_MAX) >= value:
                return
        elif has_moved_on(seen, tag):
            return
        if hx_cas(cell, &seen, tag << COUNT_BITS | value):
            return


cdef uint64_t cells_sum(const uint64_t *cells, const Shape *shape, int64_t now) noexcept nogil
cdef uint64_t cells_max(const uint64_t *cells, const Shape *shape, int64_t now) noexcept nogil
cdef void cells_values(const uint64_t *cells, const Shape *shape, int64_t now, uint64_t *out) noexcept nogil  # oldest first

# Health counts start again when the breaker closes: their tag also carries the breaker's generation (its low
# 12 bits, above the low 22 bits of the lap; both compared modulo their width).
# Same generation and lap: add; an older lap, or an older generation in the same lap: dropped; else replaced.
cdef void health_add(uint64_t *cells, const Spot *spot, uint32_t generation) noexcept nogil
cdef uint64_t health_sum(const uint64_t *cells, const Shape *shape, int64_t now, uint32_t generation) noexcept nogil

# what validates arguments that come from Python
cdef object refused(str name, object value, str valid)    # the PropertyError to raise
cdef double number_of(str name, object value, str valid) except? -1.0
cdef object whole_number(str name, object value, str valid)

cdef uint64_t live_tag(const Spot *spot, int64_t index) noexcept nogil
# the tag that cell `index` carries if it belongs to the window that ends at `spot`

@cython.final
cdef class RollingCounter:
    cdef Shape shape
    cdef uint64_t cumulative
    cdef uint64_t *cells
