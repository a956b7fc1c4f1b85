"""Rolling counters without a roll step.

A cell is one 64-bit word: the tag of the bucket it was written for, and the count. A write with a newer
tag replaces the word in the same compare-and-swap that adds; a write with an older tag (its thread slept
for a whole window) is dropped. So no thread ever clears anything, and a reader needs nothing but the tag.
None of these functions can fail.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

ctypedef struct Shape:      # fixed when the window is made
    int64_t bucket_ns       # length of one bucket, at least 1 ms
    int64_t buckets         # how many, the open one included

ctypedef struct Spot:       # where "now" falls in a window: computed once, used for every counter of that shape
    int64_t index           # which cell
    uint64_t tag            # which lap of the ring

cdef Spot spot_at(const Shape *shape, int64_t now) noexcept nogil

cdef void cell_add(uint64_t *cell, uint64_t tag, uint64_t n) noexcept nogil      # saturates at 2**30 - 1 per bucket
cdef void cell_max(uint64_t *cell, uint64_t tag, uint64_t value) noexcept nogil  # the same with max for +
cdef uint64_t cells_sum(const uint64_t *cells, const Shape *shape, int64_t now) noexcept nogil
cdef uint64_t cells_max(const uint64_t *cells, const Shape *shape, int64_t now) noexcept nogil
cdef void cells_values(const uint64_t *cells, const Shape *shape, int64_t now, uint64_t *out) noexcept nogil  # oldest first

# Health counts start again when the breaker closes: their tag also carries the breaker's generation.
# Same generation and lap: add; an older generation than the cell's, or an older lap: dropped; else replaced.
cdef void health_add(uint64_t *cells, const Spot *spot, uint32_t generation) noexcept nogil
cdef uint64_t health_sum(const uint64_t *cells, const Shape *shape, int64_t now, uint32_t generation) noexcept nogil

cdef class RollingCounter:
    cdef Shape shape
    cdef uint64_t cumulative
    cdef uint64_t *cells
