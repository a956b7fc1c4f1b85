"""The counting breaker: see counting.pxd for its two words, breaker.pyx for all it shares with the other one."""

from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.atomics cimport hx_cas, hx_load_acquire
from hystrixpy._native.breaker cimport CircuitBreaker
from hystrixpy._native.clock cimport now_ns
from hystrixpy._native.decision cimport (
    CLOSED, ENDED_ERROR, ENDED_NEUTRAL, HALF_OPEN, NOTHING, OPEN, BreakerRules, Change, health_count, open_from,
    trial_settle,
)
from hystrixpy._native.word cimport MICROSECOND, window_over, word_age_ns, word_generation, word_state, word_time
from hystrixpy._native.wording cimport span_text

from hystrixpy._native import arguments

cdef enum:
    NUMBERS = 0xFFFF                # mask of a run's number

cdef uint64_t ERRORS_MAX = 0xFFFFFFFF


cdef inline uint64_t at(uint64_t number, int64_t now) noexcept nogil:
    return (number & NUMBERS) << 46 | word_time(now)


cdef inline bint is_earlier(uint64_t number, uint64_t than) noexcept nogil:
    return 0 < ((than - number) & NUMBERS) < 0x8000


cdef class CountingBreaker(CircuitBreaker):
    """What ``CircuitBreaker.counting(...)`` makes."""

    def __init__(self, error_threshold, success_threshold, timeout, *, name="counting breaker", ignore=(),
                 on_transition=None):
        self.threshold = min(arguments.count("error_threshold", error_threshold), ERRORS_MAX)
        self.own_rules.successes = arguments.count("success_threshold", success_threshold)
        self.own_rules.trials = self.own_rules.successes
        self.own_rules.sleep_ns = arguments.seconds("timeout", timeout)
        self.own_rules.enabled = True
        self.configure(name, ignore, on_transition)

    cdef void settle(self, int64_t admission, int ended, int64_t now, Change *change) noexcept:
        cdef uint64_t word = hx_load_acquire(&self.b.word)
        cdef uint64_t generation = word_generation(word)
        change.happened = NOTHING
        if generation != <uint64_t>(admission >> 1):
            return
        if ended != ENDED_NEUTRAL:
            health_count(self.b, &self.health_cells, word, ended, now)
        if admission & 1:
            trial_settle(self.b, &self.own_rules, word, ended, now, change)
        elif ended == ENDED_ERROR and word_state(word) == CLOSED:
            if self.count_error(generation, self.join_run(now)) >= self.threshold:
                open_from(self.b, word, now, change)

    cdef uint64_t join_run(self, int64_t now) noexcept:
        """The number of the run that an error of now belongs to: the present one, or a new one after a quiet gap."""
        cdef uint64_t seen = hx_load_acquire(&self.latest)
        cdef uint64_t number
        while True:
            number = seen >> 46
            if self.is_quiet(seen, now):
                number = (number + 1) & NUMBERS
            elif word_age_ns(seen, now) == 0:
                return number  # time does not go back
            if hx_cas(&self.latest, &seen, at(number, now)):
                return number

    cdef uint64_t count_error(self, uint64_t generation, uint64_t number) noexcept:
        """One more error of this run and generation; how many it has. 0: a later run began, so this one is over."""
        cdef uint64_t seen = hx_load_acquire(&self.run)
        cdef uint64_t tag = generation << 16 | number
        cdef uint64_t errors
        while word_generation(hx_load_acquire(&self.b.word)) == generation:
            if seen >> 48 == generation and is_earlier(number, seen >> 32 & NUMBERS):
                return 0
            errors = min((seen & ERRORS_MAX) + 1, ERRORS_MAX) if seen >> 32 == tag else 1
            if hx_cas(&self.run, &seen, tag << 32 | errors):
                return errors
        return 0

    cdef uint64_t errors_in_run(self, int64_t now) noexcept:
        """Errors that count towards the threshold now; while not closed, those that opened it."""
        cdef uint64_t word = hx_load_acquire(&self.b.word)
        cdef uint64_t latest = hx_load_acquire(&self.latest)
        cdef uint64_t run = hx_load_acquire(&self.run)
        if word_state(word) != CLOSED:
            return run & ERRORS_MAX if run >> 48 == hx_load_acquire(&self.b.closed_generation) else 0
        if run >> 48 != word_generation(word) or self.is_quiet(latest, now):
            return 0
        return run & ERRORS_MAX

    cdef bint is_quiet(self, uint64_t latest, int64_t now) noexcept:
        return word_age_ns(latest, now) > self.own_rules.sleep_ns - self.own_rules.sleep_ns % MICROSECOND

    cdef int current(self):
        # No timer runs: once the timeout is over it is half-open for whoever looks, and the next call makes it so.
        cdef uint64_t word = hx_load_acquire(&self.b.word)
        if word_state(word) == OPEN and window_over(word, self.own_rules.sleep_ns, now_ns()):
            return HALF_OPEN
        return word_state(word)

    cdef str reason(self, int64_t now):
        return (f"{self.errors_in_run(now)} errors without a quiet gap longer than {span_text(self.own_rules.sleep_ns)} "
                f"(threshold {self.threshold})")

    cdef str explain_state(self, const BreakerRules *rules, int64_t now):
        if self.current() == HALF_OPEN and word_state(hx_load_acquire(&self.b.word)) == OPEN:
            return f"circuit {self.name!r} is half-open, no trial yet: {self.reason(now)}; the next call is a trial."
        return CircuitBreaker.explain_state(self, rules, now)

    cdef str opens_when(self, const BreakerRules *rules):
        return f"it opens at {self.threshold}"
