"""The breaker's decision, and its Python face.

`breaker_admit` and `breaker_settle` are the two calls around guarded work; everything else here is a
question, or a piece of these two. How the words are laid out is told in breaker.pxd.
"""

import functools
import logging

from cpython.contextvars cimport PyContextVar_Get, PyContextVar_New, PyContextVar_Set
from cpython.exc cimport PyErr_Fetch, PyErr_GivenExceptionMatches, PyErr_Occurred, PyErr_Restore, PyErr_SetObject
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint32_t, uint64_t

from hystrixpy._native.atomics cimport hx_add, hx_cas, hx_icas, hx_iload, hx_load, hx_load_acquire
from hystrixpy._native.clock cimport now_ns
from hystrixpy._native.herald cimport Herald
from hystrixpy._native.window cimport Spot, health_add, health_sum, shape_at, spot_at
from hystrixpy._native.wording cimport counts_text, refusal_text, seconds_text

from hystrixpy._native import arguments, guarding
from hystrixpy.errors import BadRequestError, CircuitOpenError
from hystrixpy.events import CircuitState
from hystrixpy.types import HealthCounts

cdef extern from *:
    """
    #define hx_own(result) (result)
    #define hx_new_exception(cls, args) (((PyTypeObject *)PyExc_BaseException)->tp_new((PyTypeObject *)(cls), (args), NULL))
    """
    # A call whose NULL Cython does not look at, and the way to let it go on as the exception that it is. `try` and
    # `raise` would enter the same line into the traceback three times, at the price of raising it.
    PyObject *plain_call "PyObject_Call"(object fn, object args, PyObject *kwargs)
    object own "hx_own"(PyObject *result)
    object new_exception "hx_new_exception"(object cls, object args)
    bint PyCoro_CheckExact(object o)

cdef object REFUSAL = CircuitOpenError
cdef object BAD_REQUEST = BadRequestError
cdef object ANY_EXCEPTION = Exception
cdef object LOGGER = logging.getLogger("hystrixpy")
cdef object ENTERED = PyContextVar_New("hystrixpy breakers entered", NULL)
cdef tuple STATES = (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN)
cdef tuple WORDS = ("closed", "open", "half-open")

cdef enum:
    GENERATIONS = 0xFFFF        # mask
    TRIALS_MAX = 0xFFFFFF       # also: a successes threshold beyond it is this
    MICROSECOND = 1_000

cdef uint64_t TIMES = (<uint64_t>1 << 46) - 1           # mask
cdef uint64_t SLACK = <uint64_t>1 << 42                 # us, 50 days: a time this little ahead of now is a late reader's now
cdef int64_t SHORTEST_LEASE = 1_000_000_000             # ns, of a trial when the sleep window is 0


# ---- the word ----

cdef inline uint64_t make_word(int state, uint32_t generation, int64_t now) noexcept nogil:
    return (<uint64_t>state << 62 | <uint64_t>(generation & GENERATIONS) << 46
            | (<uint64_t>(now // MICROSECOND) & TIMES))


cdef int word_state(uint64_t word) noexcept nogil:
    return <int>(word >> 62)


cdef uint32_t word_generation(uint64_t word) noexcept nogil:
    return <uint32_t>(word >> 46) & GENERATIONS


cdef int64_t word_age_ns(uint64_t word, int64_t now) noexcept nogil:
    """Time since the word's time, both rounded down to microseconds: moving a clock by a whole sleep window ends it."""
    cdef uint64_t age = (<uint64_t>(now // MICROSECOND) - word) & TIMES
    return 0 if age > TIMES - SLACK else <int64_t>age * MICROSECOND


cdef bint window_over(uint64_t word, int64_t sleep_ns, int64_t now) noexcept nogil:
    return word_age_ns(word, now) >= sleep_ns - sleep_ns % MICROSECOND


cdef inline int64_t lease_ns(const BreakerRules *rules) noexcept nogil:
    """After how long without news a trial is given up as lost: one sleep window.

    With a sleep window of 0 that would be at once, and every caller would mint a trial.
    """
    return rules.sleep_ns if rules.sleep_ns > 0 else SHORTEST_LEASE


cdef bint move(Breaker *b, uint64_t seen, int state, int64_t now, Change *change) noexcept nogil:
    """The one place where a state is entered; False if another thread was faster."""
    cdef uint32_t generation = (word_generation(seen) + 1) & GENERATIONS
    if not hx_cas(&b.word, &seen, make_word(state, generation, now)):
        return False
    change.old = word_state(seen)
    change.new = state
    change.generation = generation
    change.happened = TRANSITION if change.old != state else GENERATION_ONLY
    if change.happened == TRANSITION:
        hx_add(&b.transitions[state], 1)
    return True


# ---- trials: generation 16 | in flight 24 | successes 24 ----

cdef inline uint64_t trials_of(uint64_t trials, uint32_t generation) noexcept nogil:
    """The trials word as it counts for this generation: what another one left there is nothing."""
    return trials if trials >> 48 == generation else <uint64_t>generation << 48


cdef inline uint64_t in_flight(uint64_t trials) noexcept nogil:
    return trials >> 24 & TRIALS_MAX


cdef inline uint64_t successes(uint64_t trials) noexcept nogil:
    return trials & TRIALS_MAX


cdef inline bint trial_free(uint64_t trials, const BreakerRules *rules) noexcept nogil:
    return <int64_t>in_flight(trials) < min(rules.trials, TRIALS_MAX)


cdef inline bint is_present(const Breaker *b, uint32_t generation) noexcept nogil:
    return word_generation(hx_load_acquire(&b.word)) == generation


cdef bint trial_take(Breaker *b, const BreakerRules *rules, uint32_t generation) noexcept nogil:
    cdef uint64_t seen = hx_load_acquire(&b.trials)
    cdef uint64_t mine
    # The generation is asked for after the trials were read: what we compare with is then no later
    # generation's, and a thread that slept here cannot wipe out the trials of one.
    while is_present(b, generation):
        mine = trials_of(seen, generation)
        if not trial_free(mine, rules):
            return False
        if hx_cas(&b.trials, &seen, mine + (1 << 24)):
            return True
    return False


cdef uint64_t trial_return(Breaker *b, uint32_t generation, uint64_t succeeded) noexcept nogil:
    """Give a trial back, with its success or without; how many of this generation succeeded so far."""
    cdef uint64_t seen = hx_load_acquire(&b.trials)
    cdef uint64_t after
    while seen >> 48 == generation and in_flight(seen) > 0:
        after = seen - (1 << 24)
        if successes(seen) < TRIALS_MAX:
            after += succeeded
        if hx_cas(&b.trials, &seen, after):
            return successes(after)
    return 0


cdef void trial_note(Breaker *b, uint64_t seen, int64_t now) noexcept nogil:
    """Last trial admitted at: now. The generation stays, and time never goes back."""
    cdef uint32_t generation = word_generation(seen)
    while word_generation(seen) == generation and word_age_ns(seen, now) > 0:
        if hx_cas(&b.word, &seen, make_word(HALF_OPEN, generation, now)):
            return


# ---- admit ----

cdef int64_t half_open_admit(Breaker *b, const BreakerRules *rules, uint64_t word, int64_t now) noexcept nogil:
    """A trial of this half-open generation, or REFUSED; the caller looks whether the generation still holds."""
    cdef uint32_t generation = word_generation(word)
    if not trial_take(b, rules, generation):
        return REFUSED
    trial_note(b, word, now)
    return <int64_t>generation << 1 | 1


cdef int64_t real_admit(Breaker *b, const BreakerRules *rules, int64_t now, Change *change) noexcept nogil:
    cdef uint64_t word
    cdef int64_t admission, rest
    while True:
        word = hx_load_acquire(&b.word)
        if word_state(word) == CLOSED:
            return <int64_t>word_generation(word) << 1
        if word_state(word) == HALF_OPEN:
            admission = half_open_admit(b, rules, word, now)
            if not is_present(b, word_generation(word)):
                # It ended while we took the trial: ours would be one too many. Hand it back, look again.
                if admission != REFUSED:
                    trial_return(b, word_generation(word), 0)
                continue
            if admission != REFUSED:
                return admission
        rest = rules.sleep_ns if word_state(word) == OPEN else lease_ns(rules)
        if not window_over(word, rest, now) or change.happened:
            return REFUSED
        # The sleep window is over, or the trials are lost: a new half-open generation. One thread wins, then
        # all compete for its trials. The winner may lose that race, somebody is the trial; it does not go
        # round again (sleep window 0), for a call tells of one change.
        move(b, word, HALF_OPEN, now, change)


cdef int64_t breaker_admit(Breaker *b, const BreakerRules *rules, int64_t now, Change *change) noexcept nogil:
    cdef uint64_t steer = hx_load(&b.steer)
    change.happened = NOTHING
    if steer & STEER_OPEN or (rules.force_open and rules.enabled):
        return REFUSED
    if steer & STEER_CLOSED or rules.force_closed or not rules.enabled:
        return <int64_t>word_generation(hx_load_acquire(&b.word)) << 1  # no trial, whatever the state
    return real_admit(b, rules, now, change)


# ---- settle ----

cdef void breaker_settle(Breaker *b, const BreakerRules *rules, Health *health, int64_t admission, int ended,
                         int64_t now, Change *change) noexcept nogil:
    cdef Spot spot = spot_at(&health.shape, now)
    breaker_settle_at(b, rules, health, &spot, admission, ended, now, change)


cdef void breaker_settle_at(Breaker *b, const BreakerRules *rules, Health *health, const Spot *spot, int64_t admission,
                            int ended, int64_t now, Change *change) noexcept nogil:
    cdef uint64_t word = hx_load_acquire(&b.word)
    change.happened = NOTHING
    if word_generation(word) != <uint32_t>(admission >> 1):
        return  # given under an earlier state: decides nothing
    if ended != ENDED_NEUTRAL:
        health_count_at(b, health, spot, word, ended, now)
    if admission & 1:
        trial_settle(b, rules, word, ended, now, change)
    elif ended != ENDED_NEUTRAL and word_state(word) == CLOSED and rules.enabled:
        if erred_lately(b, health, now):
            closed_decide(b, rules, health, word, now, change)


cdef inline uint32_t health_generation(const Breaker *b, uint64_t word) noexcept nogil:
    """Health counts belong to a CLOSED period: the present one, or the one that led to being open."""
    return word_generation(word) if word_state(word) == CLOSED else <uint32_t>hx_load_acquire(&b.closed_generation)


cdef void health_count(Breaker *b, Health *health, uint64_t word, int ended, int64_t now) noexcept nogil:
    cdef Spot spot = spot_at(&health.shape, now)
    health_count_at(b, health, &spot, word, ended, now)


cdef inline void health_count_at(Breaker *b, Health *health, const Spot *spot, uint64_t word, int ended,
                                 int64_t now) noexcept nogil:
    if ended == ENDED_ERROR:
        erred_note(b, health, now)
    health_add(health.errors if ended == ENDED_ERROR else health.ok, spot, health_generation(b, word))


cdef inline void erred_note(Breaker *b, const Health *health, int64_t now) noexcept nogil:
    """There are errors in the window: noted once per bucket."""
    cdef uint64_t seen = hx_load(&b.erred)
    while word_age_ns(seen, now) >= health.shape.bucket_ns:
        if hx_cas(&b.erred, &seen, make_word(CLOSED, 0, now)):
            return


cdef inline bint erred_lately(const Breaker *b, const Health *health, int64_t now) noexcept nogil:
    """Without an error in the window a call that succeeds need not add the window up."""
    return word_age_ns(hx_load(&b.erred), now) <= (health.shape.buckets + 1) * health.shape.bucket_ns


cdef void closed_decide(Breaker *b, const BreakerRules *rules, Health *health, uint64_t word, int64_t now,
                       Change *change) noexcept nogil:
    """Where the breaker opens: enough calls, and enough of them errors, in the window of this CLOSED period."""
    cdef Counts counts = counts_of(health, now, word_generation(word))
    if <int64_t>counts.total < rules.volume_threshold:
        return
    if 100 * <int64_t>counts.errors >= rules.error_threshold * <int64_t>counts.total:
        open_from(b, word, now, change)


cdef void open_from(Breaker *b, uint64_t word, int64_t now, Change *change) noexcept nogil:
    """CLOSED or HALF_OPEN -> OPEN, if this generation still is."""
    cdef uint32_t generation = word_generation(word)
    if word_state(word) == CLOSED:
        keep_closed_generation(b, generation)  # before the word says OPEN: whoever reads that finds these counts
    while word_generation(word) == generation:  # again if only a trial's time changed
        if move(b, word, OPEN, now, change):
            return
        word = hx_load_acquire(&b.word)


cdef void keep_closed_generation(Breaker *b, uint32_t generation) noexcept nogil:
    """Only ever forward: a thread that slept here must not bring back an old period."""
    cdef uint64_t seen = hx_load_acquire(&b.closed_generation)
    while is_present(b, generation) and seen != generation:
        if hx_cas(&b.closed_generation, &seen, generation):
            return


cdef void trial_settle(Breaker *b, const BreakerRules *rules, uint64_t word, int ended, int64_t now,
                       Change *change) noexcept nogil:
    cdef uint32_t generation = word_generation(word)
    if ended == ENDED_ERROR:
        open_from(b, word, now, change)
    elif <int64_t>trial_return(b, generation, ended == ENDED_OK) >= min(rules.successes, TRIALS_MAX):
        close_from(b, generation, now, change)


cdef void close_from(Breaker *b, uint32_t generation, int64_t now, Change *change) noexcept nogil:
    """HALF_OPEN -> CLOSED: health starts at zero, for it is tagged with the new generation."""
    cdef uint64_t word = hx_load_acquire(&b.word)
    while word_generation(word) == generation:
        if move(b, word, CLOSED, now, change):
            return
        word = hx_load_acquire(&b.word)


# ---- steering ----

cdef void breaker_reset(Breaker *b, Change *change) noexcept nogil:
    while not move(b, hx_load_acquire(&b.word), CLOSED, now_ns(), change):
        pass


cdef void breaker_steer(Breaker *b, uint64_t bits) noexcept nogil:
    cdef uint64_t seen = hx_load(&b.steer)
    while not hx_cas(&b.steer, &seen, seen | bits if bits else 0):
        pass


# ---- questions ----

cdef inline bint forced_open(const Breaker *b, const BreakerRules *rules) noexcept nogil:
    return hx_load(&b.steer) & STEER_OPEN or (rules.force_open and rules.enabled)


cdef inline bint forced_closed(const Breaker *b, const BreakerRules *rules) noexcept nogil:
    return hx_load(&b.steer) & STEER_CLOSED or rules.force_closed or not rules.enabled


cdef int breaker_state(const Breaker *b) noexcept nogil:
    return word_state(hx_load_acquire(&b.word))


cdef bint breaker_is_open(const Breaker *b, const BreakerRules *rules) noexcept nogil:
    if forced_open(b, rules):
        return True
    return not forced_closed(b, rules) and breaker_state(b) != CLOSED


cdef int64_t breaker_retry_ns(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil:
    cdef uint64_t word = hx_load_acquire(&b.word)
    cdef int64_t rest = rules.sleep_ns
    if forced_open(b, rules):
        return -1
    if word_state(word) == CLOSED or forced_closed(b, rules):
        return 0
    if word_state(word) == HALF_OPEN:
        if trial_free(trials_of(hx_load_acquire(&b.trials), word_generation(word)), rules):
            return 0
        rest = lease_ns(rules)
    return 0 if window_over(word, rest, now) else rest - word_age_ns(word, now)


cdef bint breaker_allows(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil:
    return breaker_retry_ns(b, rules, now) == 0


cdef Counts counts_of(const Health *health, int64_t now, uint32_t generation) noexcept nogil:
    cdef Counts counts
    counts.errors = health_sum(health.errors, &health.shape, now, generation)
    counts.total = counts.errors + health_sum(health.ok, &health.shape, now, generation)
    return counts


cdef Counts breaker_health(const Breaker *b, const Health *health, int64_t now) noexcept nogil:
    return counts_of(health, now, health_generation(b, hx_load_acquire(&b.word)))


# ---- refusal ----

cdef object refused(str name, const Breaker *b, const BreakerRules *rules, str reason, int64_t now):
    cdef int64_t retry = breaker_retry_ns(b, rules, now)
    text = refusal_text(name, retry < 0, breaker_state(b) == HALF_OPEN, reason, retry)
    error = new_exception(REFUSAL, (text,))  # its __init__ takes keywords: that costs more than all the rest
    error.__dict__ = {"command_key": name, "retry_after": retry / <double>1e9 if retry >= 0 else None}
    return error


cdef object open_error(str name, const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now):
    cdef Counts counts = breaker_health(b, health, now)
    cdef int64_t window = health.shape.bucket_ns * health.shape.buckets
    return refused(name, b, rules, counts_text(counts.total, counts.errors, window, rules.error_threshold), now)


# ---- the Python face ----

cdef class Entry:
    """One `with breaker:` that is not left yet. The entries of a context form a chain, the innermost first."""
    cdef CircuitBreaker breaker
    cdef int64_t admission
    cdef Entry below
    cdef int64_t left               # 1 once settled: a task that inherited the chain must not settle it again


cdef class CircuitBreaker:
    """A circuit breaker on its own: put it around any call, in threads and in asyncio at once.

    It opens when, over the last ``window`` seconds, at least ``volume_threshold`` calls ended and at least
    ``error_threshold`` percent of them failed. ``sleep_window`` seconds later up to ``half_open_trials`` calls
    at a time are let through; ``half_open_successes`` of them close it again, one failure opens it again.
    Exceptions in ``ignore``, ``BadRequestError`` and whatever is no ``Exception`` (cancellation) count nowhere.
    ``on_transition(name, old, new)`` is told every change of state, in order.

    >>> breaker = CircuitBreaker("payments", volume_threshold=5)
    >>> breaker.call(int, "42")
    42

    Raises PropertyError for an invalid argument. A refused call raises CircuitOpenError.
    """

    def __cinit__(self):
        self.b = &self.own
        self.health_cells.ok = &self.own_cells[0]
        self.health_cells.errors = &self.own_cells[OWN_BUCKETS]
        self.health_cells.shape = shape_at(1_000_000_000, OWN_BUCKETS, now_ns())
        self.herald = Herald.__new__(Herald)
        self.name = type(self).__name__
        self.ignore = ()

    def __init__(self, name, *, volume_threshold=20, error_threshold=50, sleep_window=5.0, window=10.0,
                 half_open_trials=1, half_open_successes=1, ignore=(), on_transition=None):
        self.own_rules.volume_threshold = arguments.count("volume_threshold", volume_threshold)
        self.own_rules.error_threshold = arguments.percent("error_threshold", error_threshold)
        self.own_rules.sleep_ns = arguments.seconds("sleep_window", sleep_window)
        self.own_rules.trials = arguments.count("half_open_trials", half_open_trials)
        self.own_rules.successes = arguments.count("half_open_successes", half_open_successes)
        self.own_rules.enabled = True
        self.health_cells.shape = shape_at(
            arguments.seconds("window", window, 0.001 * OWN_BUCKETS) // OWN_BUCKETS, OWN_BUCKETS, now_ns()
        )
        self.configure(name, ignore, on_transition)

    @staticmethod
    def counting(error_threshold, success_threshold, timeout, *, name="counting breaker", ignore=(), on_transition=None):
        """The breaker of eapache/go-resiliency: it counts errors, not percentages.

        ``error_threshold`` errors without a quiet gap longer than ``timeout`` seconds open it (a success takes
        nothing back). ``timeout`` seconds later it is half-open and lets ``success_threshold`` calls at a time
        through; as many successes close it, one error opens it again. The faces are those of any CircuitBreaker.

        Raises PropertyError for a threshold below 1 or a negative timeout.
        """
        from hystrixpy._native.counting import CountingBreaker  # it is made of this module

        return CountingBreaker(error_threshold, success_threshold, timeout, name=name, ignore=ignore,
                               on_transition=on_transition)

    cdef object configure(self, name, ignore, on_transition):
        self.name = arguments.text("name", name)
        self.ignore = arguments.exceptions("ignore", ignore)
        self.on_transition = arguments.function("on_transition", on_transition)

    # -- what a command's circuit overrides --

    cdef void rules_now(self, BreakerRules *out) noexcept:
        out[0] = self.own_rules

    cdef object told(self, Change *change):
        cdef object news = (change.old, change.new) if change.happened == TRANSITION else None
        self.herald.put(change.generation, news)
        while self.herald.is_due() and self.herald.begin():
            try:
                while (news := self.herald.take()) is not None:
                    self.deliver(news[0], news[1])
            finally:
                self.herald.end()

    cdef object deliver(self, int old, int new):
        log_transition(self, old, new)
        if self.on_transition is None:
            return
        try:
            self.on_transition(self.name, STATES[old], STATES[new])
        except Exception:
            if not self.complained:
                self.complained = True
                LOGGER.exception("on_transition of circuit %r raised; it is not logged again", self.name)

    cdef int64_t admit(self, int64_t now, Change *change) noexcept:
        cdef BreakerRules rules
        self.rules_now(&rules)
        return breaker_admit(self.b, &rules, now, change)

    cdef void settle(self, int64_t admission, int ended, int64_t now, Change *change) noexcept:
        cdef BreakerRules rules
        self.rules_now(&rules)
        breaker_settle(self.b, &rules, &self.health_cells, admission, ended, now, change)

    cdef int current(self):
        return breaker_state(self.b)

    cdef str reason(self, int64_t now):
        cdef BreakerRules rules
        cdef Counts counts = breaker_health(self.b, &self.health_cells, now)
        self.rules_now(&rules)
        return counts_text(counts.total, counts.errors, self.window_ns(), rules.error_threshold)

    # -- the two calls around guarded work --

    cdef int64_t enter(self) except -2:
        cdef Change change
        cdef int64_t admission = self.admit(now_ns(), &change)
        if change.happened:
            self.told_admitted(admission, &change)
        return admission

    cdef object told_admitted(self, int64_t admission, Change *change):
        try:
            self.told(change)
        except BaseException:  # Ctrl-C in a listener: the call is not made, so its trial goes back
            if admission != REFUSED:
                self.leave(admission, ENDED_NEUTRAL)
            raise

    cdef object leave(self, int64_t admission, int ended):
        cdef Change change
        self.settle(admission, ended, now_ns(), &change)
        if change.happened:
            self.told(&change)

    cdef object leave_raising(self, int64_t admission):
        """The same while an exception is set, which stays set."""
        cdef Change change
        cdef PyObject *kind
        cdef PyObject *error
        cdef PyObject *trace
        self.settle(admission, self.ending_of(<object>PyErr_Occurred()), now_ns(), &change)
        if not change.happened:
            return
        PyErr_Fetch(&kind, &error, &trace)
        try:
            self.told(&change)
        except BaseException:
            Py_XDECREF(kind)
            Py_XDECREF(error)
            Py_XDECREF(trace)
            raise
        PyErr_Restore(kind, error, trace)

    cdef int ending_of(self, object error) noexcept:
        if not PyErr_GivenExceptionMatches(error, ANY_EXCEPTION) or PyErr_GivenExceptionMatches(error, BAD_REQUEST):
            return ENDED_NEUTRAL
        return ENDED_NEUTRAL if PyErr_GivenExceptionMatches(error, self.ignore) else ENDED_ERROR

    cdef object refusal(self):
        cdef int64_t now = now_ns()
        cdef BreakerRules rules
        self.rules_now(&rules)
        return refused(self.name, self.b, &rules, self.reason(now), now)

    cdef PyObject *guard(self, object fn, tuple args, dict kwargs) except? NULL:
        """The guarded call. A new reference, or NULL with an exception set: own() it."""
        cdef int64_t admission = self.enter()
        cdef PyObject *result
        if admission == REFUSED:
            PyErr_SetObject(REFUSAL, self.refusal())
            return NULL
        result = plain_call(fn, args, <PyObject *>kwargs)
        if result is NULL:
            self.leave_raising(admission)
            return NULL
        value = own(result)
        if PyCoro_CheckExact(value):
            self.leave(admission, ENDED_NEUTRAL)
            value.close()
            raise TypeError(f"{fn!r} returned a coroutine, whose end call() cannot see: use 'await breaker.acall(fn, ...)'")
        self.leave(admission, ENDED_OK)
        Py_INCREF(value)
        return result

    # -- faces: all made of enter and leave --

    def call(self, fn, /, *args, **kwargs):
        """``fn(*args, **kwargs)`` if the breaker admits it. Raises CircuitOpenError, or what ``fn`` raises."""
        return own(self.guard(fn, args, kwargs))

    async def acall(self, fn, /, *args, **kwargs):
        """``await fn(*args, **kwargs)`` if the breaker admits it; a cancelled call counts nowhere."""
        cdef int64_t admission = self.enter()
        cdef bint misused = False
        if admission == REFUSED:
            raise self.refusal()
        try:
            result = fn(*args, **kwargs)
            misused = not PyCoro_CheckExact(result) and not hasattr(result, "__await__")
            if misused:
                raise TypeError(f"{fn!r} returned {type(result).__name__}, which cannot be awaited: use breaker.call(fn, ...)")
            result = await result
        except BaseException as error:
            self.leave(admission, ENDED_NEUTRAL if misused else self.ending_of(error))
            raise
        self.leave(admission, ENDED_OK)
        return result

    def __enter__(self):
        cdef int64_t admission = self.enter()
        if admission == REFUSED:
            raise self.refusal()
        push(self, admission)
        return self

    def __exit__(self, exc_type, error, traceback):
        self.leave(pop(self), ENDED_OK if exc_type is None else self.ending_of(error))
        return False

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, exc_type, error, traceback):
        return self.__exit__(exc_type, error, traceback)

    def __call__(self, fn, /):
        """Decorate a function or a coroutine function. Raises TypeError for generators: use ``with breaker:`` inside."""
        return guarding.guarded_async(self, fn) if guarding.is_async(self, fn) else guarded(self, fn)

    # -- looking at it --

    @property
    def state(self):
        """The real state; forcing does not change it."""
        return STATES[self.current()]

    @property
    def is_open(self):
        """Whether it is not closed (half-open included) or forced open; False while forced closed or disabled."""
        cdef BreakerRules rules
        self.rules_now(&rules)
        return breaker_is_open(self.b, &rules)

    @property
    def health(self):
        """What the breaker decides on: ``HealthCounts(total, errors, error_percentage)`` of its window."""
        cdef Counts counts = breaker_health(self.b, &self.health_cells, now_ns())
        return HealthCounts.of(counts.total, counts.errors)

    def allows_request(self):
        """Whether a call would be admitted now. A question only: it takes no trial and changes nothing."""
        cdef BreakerRules rules
        self.rules_now(&rules)
        return breaker_allows(self.b, &rules, now_ns())

    def explain(self):
        """One or two sentences for the person on call: state, since when, why, and what happens next."""
        cdef BreakerRules rules
        cdef int64_t now = now_ns()
        self.rules_now(&rules)
        return " ".join(sentence for sentence in (self.explain_state(&rules, now), explain_forced(self.b, &rules)) if sentence)

    cdef str explain_state(self, const BreakerRules *rules, int64_t now):
        cdef uint64_t word = hx_load_acquire(&self.b.word)
        cdef str head = f"circuit {self.name!r} is {WORDS[word_state(word)]}"
        cdef str rest = seconds_text(breaker_retry_ns(self.b, rules, now))
        if word_state(word) == CLOSED:
            since = f" since {seconds_text(word_age_ns(word, now))}" if self.b.transitions[CLOSED] else " and never was open"
            return f"{head}{since}: {self.reason(now)}; {self.opens_when(rules)}."
        if word_state(word) == OPEN:
            return f"{head} since {seconds_text(word_age_ns(word, now))}: {self.reason(now)}; {next_trial(self.b, rules, now)}."
        trials = trials_of(hx_load_acquire(&self.b.trials), word_generation(word))
        return (f"{head}, last trial {seconds_text(word_age_ns(word, now))} ago: {in_flight(trials)} of {rules.trials} trials "
                f"running, {successes(trials)} of {rules.successes} successes; {self.reason(now)}; {next_trial(self.b, rules, now)}.")

    cdef str opens_when(self, const BreakerRules *rules):
        return f"it opens at {rules.error_threshold}% of at least {rules.volume_threshold} calls"

    cdef int64_t window_ns(self):
        return self.health_cells.shape.bucket_ns * self.health_cells.shape.buckets

    def __repr__(self):
        return f"<{type(self).__name__} {self.name!r}: {self.state}>"

    def __reduce__(self):
        raise TypeError(f"circuit breaker {self.name!r} lives in this process and cannot be pickled or copied; "
                        "make one in each process")

    # -- steering --

    def force_open(self):
        """Admit nothing until ``unforce()``. Beats ``force_closed()`` and everything else."""
        breaker_steer(self.b, STEER_OPEN)

    def force_closed(self):
        """Admit everything until ``unforce()``; counting goes on."""
        breaker_steer(self.b, STEER_CLOSED)

    def unforce(self):
        """Take back ``force_open()`` and ``force_closed()``: the real state decides again."""
        breaker_steer(self.b, 0)

    def reset(self):
        """Close it, with health counts at zero. Calls under way decide nothing any more; forcing stays."""
        cdef Change change
        breaker_reset(self.b, &change)
        self.told(&change)


cdef object guarded(CircuitBreaker breaker, object fn):
    """The decorated function. Its work is native, so that a decorator costs no more than call()."""
    @functools.wraps(fn)
    def guarded(*args, **kwargs):
        return own(breaker.guard(fn, args, kwargs))
    return guarded


# ---- `with breaker:` ----
# One breaker is entered by many threads and tasks at once, and may be entered again inside. What was admitted is
# therefore kept with the context (of the thread, of the task), innermost first.

cdef object push(CircuitBreaker breaker, int64_t admission):
    cdef Entry entry = Entry.__new__(Entry)
    entry.breaker = breaker
    entry.admission = admission
    entry.below = innermost()
    PyContextVar_Set(ENTERED, entry)


cdef inline Entry innermost():
    cdef PyObject *found = NULL
    PyContextVar_Get(ENTERED, NULL, &found)
    return <Entry>own(found) if found is not NULL else None


cdef int64_t pop(CircuitBreaker breaker) except -1:
    cdef Entry top = innermost()
    cdef Entry entry = top
    while entry is not None and not (entry.breaker is breaker and claim(entry)):
        entry = entry.below
    if entry is None:
        raise RuntimeError(f"circuit breaker {breaker.name!r} is left in another context than it was entered in "
                           "(another task or thread), so the result cannot be counted; use call() or acall() there")
    while top is not None and hx_iload(&top.left):
        top = top.below
    PyContextVar_Set(ENTERED, top)
    return entry.admission


cdef inline bint claim(Entry entry) noexcept:
    cdef int64_t no = 0
    return hx_icas(&entry.left, &no, 1)


# ---- words ----

cdef str next_trial(const Breaker *b, const BreakerRules *rules, int64_t now):
    cdef int64_t retry = breaker_retry_ns(b, rules, now)
    if retry < 0:
        return "no trial while it is forced open"
    return f"next trial in {seconds_text(retry)}" if retry else "the next call is a trial"


cdef str explain_forced(const Breaker *b, const BreakerRules *rules):
    if hx_load(&b.steer) & STEER_OPEN:
        return "Forced open by hand: no call is admitted until unforce()."
    if rules.enabled and rules.force_open:
        return "Forced open by property breaker_force_open: no call is admitted."
    if hx_load(&b.steer) & STEER_CLOSED:
        return "Forced closed by hand: every call is admitted until unforce()."
    if not rules.enabled:
        return "Disabled by property breaker_enabled: every call is admitted and it does not open."
    return "Forced closed by property breaker_force_closed: every call is admitted." if rules.force_closed else ""


cdef object log_transition(CircuitBreaker breaker, int old, int new):
    cdef int64_t now = now_ns()
    cdef BreakerRules rules
    breaker.rules_now(&rules)
    if new == OPEN:
        again = " again, a trial failed" if old == HALF_OPEN else ""
        LOGGER.warning("circuit %r opened%s: %s; %s", breaker.name, again, breaker.reason(now), next_trial(breaker.b, &rules, now))
    elif new == HALF_OPEN:
        LOGGER.info("circuit %r is half-open: up to %d call(s) at a time are let through as trials", breaker.name, rules.trials)
    else:
        LOGGER.info("circuit %r closed: calls go through again", breaker.name)
