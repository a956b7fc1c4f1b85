"""A circuit: everything native that belongs to one command key."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from hystrixpy._native.breaker cimport Breaker, BreakerRules, Change, CircuitBreaker, Health
from hystrixpy._native.histogram cimport HIST_BUCKETS
from hystrixpy._native.window cimport Shape

cdef enum:
    EVENTS = 18           # as many as events.EventType has members, by its numbers:
    EV_SUCCESS = 1
    EV_FAILURE = 2
    EV_TIMEOUT = 3
    EV_BAD_REQUEST = 4
    EV_SHORT_CIRCUITED = 5
    EV_POOL_REJECTED = 6
    EV_SEMAPHORE_REJECTED = 7
    EV_FALLBACK_SUCCESS = 9
    EV_FALLBACK_FAILURE = 10
    EV_FALLBACK_REJECTION = 11
    EV_FALLBACK_DISABLED = 12
    EV_FALLBACK_MISSING = 13
    EV_EXCEPTION_THROWN = 14
    EV_FROM_CACHE = 15
    EV_CANCELLED = 16
    EV_COLLAPSED = 17

cdef enum:
    THREAD = 0
    SEMAPHORE = 1

# What is switched on beyond the bare command: when the word is 0, none of it costs a call anything.
cdef enum:
    ARMED_HOOKS = 1
    ARMED_LISTENERS = 2
    ARMED_TRACING = 4
    ARMED_CONTEXTS = 8    # a request context is open somewhere in the process
    ARMED_RECORD = 16     # histograms="record": telemetry wants every finished execution


cdef class Settings:
    """One consistent native snapshot of a command's properties; never changed after it is made."""
    cdef BreakerRules rules
    cdef int64_t timeout_ns             # 0: off
    cdef int64_t max_concurrent
    cdef int64_t fallback_max
    cdef int isolation
    cdef bint interrupt_on_timeout
    cdef bint interrupt_on_cancel
    cdef bint fallback_enabled
    cdef bint fallback_on_fatal
    cdef bint percentile_enabled
    cdef bint cache_enabled
    cdef bint log_enabled
    cdef bint raise_hystrix
    cdef readonly tuple ignore
    cdef _set_rules(self, values)
    cdef readonly object values         # the resolved CommandProperties it was made of


ctypedef struct Numbers:                # all numbers of a circuit; the cells follow it in the same block
    Breaker breaker
    int64_t permits                     # executions inside run under SEMAPHORE, asyncio included
    int64_t others                      # executions whose caller waits for a thread or a fallback
    int64_t fallback_permits
    int64_t abandoned                   # runs whose caller has given up
    int64_t max_seen                    # highest concurrency of the open bucket, and when that bucket ends
    int64_t max_until
    uint64_t cumulative[EVENTS]
    uint64_t latency[HIST_BUCKETS]      # cumulative
    uint64_t total_latency[HIST_BUCKETS]
    Shape events_shape
    Shape latency_shape


cdef class Circuit:
    cdef Numbers *n
    cdef uint64_t *events               # EVENTS rows of events_shape.buckets cells
    cdef uint64_t *max_cells            # one row: highest concurrency per bucket
    cdef uint64_t *rolling_latency      # latency_shape.buckets rows of HIST_BUCKETS cells
    cdef uint64_t *rolling_total
    cdef Health health_cells
    cdef readonly str key
    cdef readonly str group
    cdef readonly str thread_pool
    cdef readonly object pool           # the Pool of its THREAD executions once there is one, else None
    cdef Settings _settings
    cdef list _kept                     # settings that another thread may still be reading (free-threaded builds)
    cdef object _breaker
    cdef object __weakref__

    cdef _allocate(self, values)
    cdef object keyed_breaker(self)
    cdef void count(self, int event, int64_t now) noexcept
    cdef void count_many(self, int event, uint64_t n, int64_t now) noexcept
    cdef void started(self, int64_t now) noexcept                    # concurrency went up: keep the rolling maximum
    cdef void keep_max(self, int64_t now, int64_t running) noexcept
    # an execution is decided: its event, its latencies (negative: none; both at once when they are the same), its breaker
    cdef void settled(self, const BreakerRules *rules, int event, int ended, int64_t admission, int64_t now,
                      int64_t latency, bint is_total, Change *change) noexcept
    cdef void record(self, int64_t now, int64_t latency, bint is_total) noexcept
    cdef void record_total(self, int64_t now, int64_t total) noexcept
    cdef object told(self, Change *change)                           # a transition happened: log it, tell listeners


cdef class KeyedBreaker(CircuitBreaker):
    cdef Circuit circuit

cdef int64_t armed_bits() noexcept nogil
cdef const int64_t *armed_word() noexcept nogil    # where the bits are, for who looks at each call
