"""Where the breaker decides.

The breaker is one atomic word: state (2 bits), generation (16), time (46, monotonic microseconds, modulo).
Every transition is one compare-and-swap that adds one to the generation. An admission carries the
generation it was given under; a result of another generation decides nothing. Time means: closed at (CLOSED),
opened at (OPEN), last trial admitted at (HALF_OPEN). A second word counts the trials of one half-open
generation, tagged with it. No function here can fail, wait, or needs the GIL.
"""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from hystrixpy._native.herald cimport Herald
from hystrixpy._native.window cimport Shape, Spot

cdef enum:
    CLOSED = 0
    OPEN = 1
    HALF_OPEN = 2

cdef enum:            # how a guarded call ended, for breaker_settle
    ENDED_OK = 0
    ENDED_ERROR = 1
    ENDED_NEUTRAL = 2   # bad request, cancelled: counts nowhere, hands a trial back

cdef enum:
    REFUSED = -1      # an admission otherwise: generation << 1 | (1 if a trial)

cdef enum:
    OWN_BUCKETS = 10  # of a stand-alone breaker's window

ctypedef struct BreakerRules:     # one consistent copy per call
    int64_t sleep_ns
    int64_t volume_threshold
    int64_t error_threshold       # percent
    int64_t trials                # concurrent trials while half-open
    int64_t successes             # needed to close
    int32_t enabled               # 0: always admitted, never opens; only force_open by hand still refuses
    int32_t force_open            # by property; by hand: Breaker.steer
    int32_t force_closed

ctypedef struct Breaker:          # plain words, zero-initialised = CLOSED, generation 0
    uint64_t word
    uint64_t trials
    uint64_t closed_generation    # of the last CLOSED period that ended: what health counts are tagged with since
    uint64_t steer                # bit 0: forced open by hand, bit 1: forced closed by hand
    uint64_t erred                # time of an error at most one bucket before the last one
    uint64_t transitions[3]       # how often each state was entered

ctypedef struct Health:           # where the breaker counts: two rows of cells of one shape
    uint64_t *ok
    uint64_t *errors
    Shape shape

cdef enum:
    NOTHING = 0
    TRANSITION = 1
    GENERATION_ONLY = 2           # lost trials were replaced, or closed health was reset: no news, but it has a number

ctypedef struct Change:           # for whoever must be told; hand on everything that is not NOTHING
    int32_t happened
    int32_t old
    int32_t new
    uint32_t generation           # the new one: orders the transitions of one breaker

ctypedef struct Counts:
    uint64_t total
    uint64_t errors

cdef int64_t breaker_admit(Breaker *b, const BreakerRules *rules, int64_t now, Change *change) noexcept nogil
cdef void breaker_settle(Breaker *b, const BreakerRules *rules, Health *health, int64_t admission, int ended,
                         int64_t now, Change *change) noexcept nogil
cdef void breaker_settle_at(Breaker *b, const BreakerRules *rules, Health *health, const Spot *spot, int64_t admission,
                            int ended, int64_t now, Change *change) noexcept nogil   # for who knows where now falls
# a rejection after admission (bulkhead full) is ENDED_ERROR; an admission is settled exactly once
cdef bint breaker_allows(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil   # a question, changes nothing
cdef int breaker_state(const Breaker *b) noexcept nogil
cdef bint breaker_is_open(const Breaker *b, const BreakerRules *rules) noexcept nogil
cdef int64_t breaker_retry_ns(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil  # until the next trial; -1: unknown (forced open)
cdef Counts breaker_health(const Breaker *b, const Health *health, int64_t now) noexcept nogil
cdef void breaker_reset(Breaker *b, Change *change) noexcept nogil     # closed, health from zero, forcing by hand kept
cdef void breaker_steer(Breaker *b, uint64_t bits) noexcept nogil                  # adds STEER_*; 0: takes all forcing by hand away

cdef enum:
    STEER_OPEN = 1
    STEER_CLOSED = 2

# The pieces, for breakers with another rule of when to open (counting.pyx)
cdef int word_state(uint64_t word) noexcept nogil
cdef uint32_t word_generation(uint64_t word) noexcept nogil
cdef int64_t word_age_ns(uint64_t word, int64_t now) noexcept nogil
cdef bint window_over(uint64_t word, int64_t sleep_ns, int64_t now) noexcept nogil
cdef void health_count(Breaker *b, Health *health, uint64_t word, int ended, int64_t now) noexcept nogil
cdef void trial_settle(Breaker *b, const BreakerRules *rules, uint64_t word, int ended, int64_t now, Change *change) noexcept nogil
cdef void open_from(Breaker *b, uint64_t word, int64_t now, Change *change) noexcept nogil

# The refusal for a caller: a new exception each time, made in about half a microsecond
cdef object open_error(str name, const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now)


cdef class CircuitBreaker:
    """The Python face of a Breaker; its own one, or (owner set) that of a command's circuit."""
    cdef Breaker *b
    cdef Health health_cells
    cdef object owner               # keeps the memory of b alive; None when it is ours
    cdef Herald herald
    cdef readonly str name
    cdef readonly tuple ignore
    cdef object on_transition       # callable(name, old, new) or None
    cdef bint complained            # a raising on_transition is logged once
    cdef BreakerRules own_rules
    cdef Breaker own
    cdef uint64_t own_cells[2 * OWN_BUCKETS]
    cdef void rules_now(self, BreakerRules *out) noexcept   # overridden for a command's circuit
    cdef object told(self, Change *change)                  # take a Change; calls deliver() in order, outside any lock
    cdef object deliver(self, int old, int new)             # one transition: log it, call on_transition; a command's circuit adds its listeners
    cdef int64_t admit(self, int64_t now, Change *change) noexcept
    cdef void settle(self, int64_t admission, int ended, int64_t now, Change *change) noexcept
    cdef int64_t enter(self) except -2                      # an admission, or REFUSED
    cdef object leave(self, int64_t admission, int ended)
    cdef object leave_raising(self, int64_t admission)
    cdef PyObject *guard(self, object fn, tuple args, dict kwargs) except? NULL
    cdef object told_admitted(self, int64_t admission, Change *change)
    cdef object configure(self, name, ignore, on_transition)
    cdef int current(self)                                  # the state
    cdef str explain_state(self, const BreakerRules *rules, int64_t now)
    cdef str opens_when(self, const BreakerRules *rules)
    cdef int64_t window_ns(self)
    cdef int ending_of(self, object error) noexcept         # ENDED_ERROR or ENDED_NEUTRAL, for an exception or its type
    cdef str reason(self, int64_t now)                      # why it is open, with numbers
    cdef object refusal(self)
