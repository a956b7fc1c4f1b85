"""Latency histograms: base-2 exponential buckets, so that a bucket is also an OpenTelemetry bucket.

Scale 3: eight buckets per power of two (ratio 1.0905, so at most 4.4 % from a bucket's middle), from 1 us to
1 h; samples outside are clamped. Bucket i counts what lies in (base**(FIRST+i), base**(FIRST+i+1)] seconds,
base = 2**(1/8), as OpenTelemetry's exponential histogram at scale 3 with offset FIRST. None can fail.
"""

cimport cython
from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.window cimport Shape, Spot

cdef enum:
    HIST_SCALE = 3
    HIST_FIRST = -160     # OpenTelemetry index of bucket 0: the one that holds 1 us
    HIST_BUCKETS = 255    # the last one holds 1 h

cdef int hist_index(int64_t ns) noexcept nogil
# rolling: buckets x HIST_BUCKETS cells, bucket-major; cumulative: HIST_BUCKETS plain counts
cdef void hist_record(uint64_t *rolling, uint64_t *cumulative, const Spot *spot, int64_t ns) noexcept nogil
cdef void hist_bump(uint64_t *rolling, uint64_t *cumulative, const Spot *spot, int bucket) noexcept nogil  # hist_record for a hist_index
cdef void hist_read(const uint64_t *rolling, const Shape *shape, int64_t now, uint64_t *out) noexcept nogil  # out[HIST_BUCKETS]

@cython.final
cdef class LatencySnapshot:
    cdef uint64_t counts[HIST_BUCKETS]
    cdef uint64_t _count

cdef LatencySnapshot snapshot_of(const uint64_t *counts)   # a copy as a Python object; raises MemoryError

@cython.final
cdef class LatencyHistogram:
    cdef Shape shape
    cdef uint64_t *rolling
    cdef uint64_t cumulative[HIST_BUCKETS]
