"""Where the breaker decides.

The breaker is one atomic word: state (2 bits), generation (16), time (46, monotonic microseconds, modulo).
Every transition is one compare-and-swap that adds one to the generation. An admission carries the
generation it was given under; a result of another generation decides nothing. Time means: closed at (CLOSED),
opened at (OPEN), last trial admitted at (HALF_OPEN). A second word counts the trials of one half-open
generation, tagged with it. No function here can fail, wait, or needs the GIL.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

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
cdef void health_count(Breaker *b, Health *health, uint64_t word, int ended, int64_t now) noexcept nogil
cdef void trial_settle(Breaker *b, const BreakerRules *rules, uint64_t word, int ended, int64_t now, Change *change) noexcept nogil
cdef void open_from(Breaker *b, uint64_t word, int64_t now, Change *change) noexcept nogil


# ---- trials: generation 16 | in flight 24 | successes 24 ----

cdef enum:
    TRIALS_MAX = 0xFFFFFF       # also: a successes threshold beyond it is this


cdef inline uint64_t trials_of(uint64_t trials, uint32_t generation) noexcept nogil:
    """The trials word as it counts for this generation: what another one left there is nothing."""
    return trials if trials >> 48 == generation else <uint64_t>generation << 48


cdef inline uint64_t in_flight(uint64_t trials) noexcept nogil:
    return trials >> 24 & TRIALS_MAX


cdef inline uint64_t successes(uint64_t trials) noexcept nogil:
    return trials & TRIALS_MAX
