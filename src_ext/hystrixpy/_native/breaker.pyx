"""The breaker's Python face. It decides in decision.pyx."""

import functools
import logging

from cpython.exc cimport PyErr_Fetch, PyErr_GivenExceptionMatches, PyErr_Occurred, PyErr_Restore, PyErr_SetObject
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.atomics cimport hx_load
from hystrixpy._native.clock cimport now_ns
from hystrixpy._native.entered cimport pop, push
from hystrixpy._native.explain cimport forced_sentence, log_transition, state_sentence
from hystrixpy._native.herald cimport Herald
from hystrixpy._native.refusal cimport health_reason, refused
from hystrixpy._native.window cimport shape_at

from hystrixpy._native import arguments, guarding
from hystrixpy.errors import BadRequestError, CircuitOpenError
from hystrixpy.events import CircuitState
from hystrixpy.types import HealthCounts

cdef extern from *:
    """
    #define hx_own(result) (result)
    """
    # A call whose NULL Cython does not look at, and the way to let it go on as the exception that it is. `try` and
    # `raise` would enter the same line into the traceback three times, at the price of raising it.
    PyObject *plain_call "PyObject_Call"(object fn, object args, PyObject *kwargs)
    object own "hx_own"(PyObject *result)
    bint PyCoro_CheckExact(object o)

cdef object CIRCUIT_OPEN = CircuitOpenError
cdef object BAD_REQUEST = BadRequestError
cdef object ANY_EXCEPTION = Exception
cdef object LOGGER = logging.getLogger("hystrixpy")
cdef tuple STATES = (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN)


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
        cdef BreakerRules rules
        cdef int64_t now = now_ns()
        self.rules_now(&rules)
        log_transition(self.name, self.b, &rules, old, new, self.reason(now), now)
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
        self.rules_now(&rules)
        return health_reason(self.b, &rules, &self.health_cells, now)

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
            PyErr_SetObject(CIRCUIT_OPEN, self.refusal())
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
    def forced(self):
        """``"open"`` or ``"closed"`` while it is forced so, by hand or by property, else None. Open wins."""
        cdef BreakerRules rules
        self.rules_now(&rules)
        cdef uint64_t by_hand = hx_load(&self.b.steer)
        if by_hand & STEER_OPEN or (rules.force_open and rules.enabled):
            return "open"
        return "closed" if by_hand & STEER_CLOSED or (rules.force_closed and rules.enabled) else None

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
        return f"{self.explain_state(&rules, now)} {forced_sentence(self.b, &rules)}".rstrip()

    cdef str explain_state(self, const BreakerRules *rules, int64_t now):
        return state_sentence(self.name, self.b, rules, self.reason(now), self.opens_when(rules), now)

    cdef str opens_when(self, const BreakerRules *rules):
        return f"it opens at {rules.error_threshold}% of at least {rules.volume_threshold} calls"

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
