"""The life of a command: what is decided, in which order, and what is counted (DESIGN section 5).

Nothing here waits or calls user code; the drivers do that.
"""

from libc.stdint cimport int64_t, uint32_t

from hystrixpy._native.atomics cimport hx_bload, hx_bstore, hx_bswap, hx_iadd, hx_iload, hx_istore
from hystrixpy._native.binding cimport epoch
from hystrixpy._native.breaker cimport (
    ENDED_ERROR, ENDED_NEUTRAL, ENDED_OK, NOTHING, REFUSED, Change, breaker_admit, breaker_settle,
)
from hystrixpy._native.building cimport hx_once
from hystrixpy._native.circuit cimport (
    ARMED_CONTEXTS, ARMED_LISTENERS, EV_BAD_REQUEST, EV_CANCELLED, EV_COLLAPSED, EV_FAILURE, EV_FALLBACK_DISABLED,
    EV_FALLBACK_FAILURE, EV_FALLBACK_MISSING, EV_FALLBACK_REJECTION, EV_FALLBACK_SUCCESS, EV_SEMAPHORE_REJECTED,
    EV_SHORT_CIRCUITED, EV_SUCCESS, EV_TIMEOUT, Circuit, Numbers, armed_word,
)
from hystrixpy._native.clock cimport now_of, real_ns
from hystrixpy._native.failures cimport no_permit_error, timeout_error, used_error
from hystrixpy._native.forks cimport forks
from hystrixpy._native.life cimport BY_LIMIT, BY_RUN, NOBODY, CommandLife, cause_was_refusal, claim
from hystrixpy._native.permits cimport permit_give, permit_try
from hystrixpy._native.raised cimport hx_drop_locals, matches
from hystrixpy._native.refusal cimport refusal_facts
from hystrixpy._native.running cimport find_parent
from hystrixpy._native.scope cimport Scope, current_scope
from hystrixpy._native.watching cimport end_watch, hooked_error, is_watched, start_watched, tell, tell_listeners

from hystrixpy.errors import BadRequestError

cdef tuple FATAL = (MemoryError, RecursionError)
cdef const int64_t *ARMED = armed_word()


# -- before run


cdef int begin(CommandLife c) except -1:
    cdef int64_t real
    if c.binding is None:
        raise TypeError(f"{type(c).__qualname__} is not bound to a circuit: instantiate a subclass of Command")
    if hx_once(&c.used) != 0:     # before anything is touched: the first execution may be under way
        raise used_error(c)
    if hx_iload(&c.binding.epoch) == hx_iload(&epoch):
        c.circuit = c.binding.circuit
    else:
        find_circuit(c)
    c.settings = c.circuit._settings
    real = real_ns()
    c.real_start = real
    c.started_at = now_of(real)
    find_parent(c)
    set_deadline(c, real)
    if hx_iload(ARMED) & ARMED_CONTEXTS and c.settings.log_enabled:
        log_command(c)
    return 0


cdef int find_circuit(CommandLife c) except -1:
    try:
        c.circuit = c.binding._rebind()
    except BaseException:
        hx_bstore(&c.used, 0)     # invalid properties: nothing has happened to this command yet
        raise


cdef int set_deadline(CommandLife c, int64_t real) except -1:
    """The smaller of our own limit and what is left of the enclosing one."""
    if c.settings.timeout_ns and c.settings.timeout_ns < (<int64_t>1 << 62):
        c.deadline = real + c.settings.timeout_ns
    if c.outer_deadline >= 0 and (c.deadline < 0 or c.outer_deadline < c.deadline):
        c.deadline = c.outer_deadline
    return 0


cdef bint let_in(CommandLife c) except -1:
    """Where no pool is asked: the breaker, then the bulkhead, then what is left of an enclosing limit."""
    return admit(c) and take_permit(c) and not out_of_time(c)


cdef bint admit(CommandLife c) except -1:
    cdef Change change
    if is_watched():
        start_watched(c)
    c.admission = breaker_admit(&c.circuit.n.breaker, &c.settings.rules, c.started_at, &change)
    if change.happened != NOTHING:
        c.circuit.told(&change)
    if c.admission != REFUSED:
        return True
    refusal_facts(
        &c.refusal, &c.circuit.n.breaker, &c.settings.rules, &c.circuit.health_cells, c.started_at,
    )
    hx_istore(&c.claimed, BY_RUN)
    c.cause = EV_SHORT_CIRCUITED
    note(c, EV_SHORT_CIRCUITED, c.started_at)
    return False


cdef bint take_permit(CommandLife c) except -1:
    """The SEMAPHORE bulkhead; False: refused, error kept."""
    cdef Numbers *n = c.circuit.n
    if permit_try(&n.permits, c.settings.max_concurrent):
        c.holds_permit = True
        c.forks = forks
        c.circuit.started(c.started_at)
        return True
    refuse(c, EV_SEMAPHORE_REJECTED, no_permit_error(c))
    return False


cdef void refuse(CommandLife c, int event, object error) noexcept:
    c.error = error
    settle(c, event, ENDED_ERROR, now_of(real_ns()))


cdef bint out_of_time(CommandLife c) except -1:
    cdef int64_t real
    if c.outer_deadline < 0:
        return False
    real = real_ns()
    if real < c.deadline:
        return False
    claim(c, BY_LIMIT)
    settle_timeout(c, real)
    return True


cdef int log_command(CommandLife command) except -1:
    """Step 2 of the life, where a request context is open somewhere: append it to the log of its own, if any."""
    cdef Scope scope = current_scope()
    return 0 if scope is None else scope.note(command)


# -- run has ended


cdef bint is_late(CommandLife c, int64_t real) noexcept:
    return c.deadline >= 0 and real >= c.deadline


cdef int settle_value(CommandLife c) except -1:
    cdef int64_t real = real_ns()
    cdef int64_t now
    if is_late(c, real):
        hx_istore(&c.claimed, BY_LIMIT)
        settle_timeout(c, real)
        return EV_TIMEOUT
    now = now_of(real)
    c.latency = c.total = now - c.started_at
    c.finished = True
    count_waited(c)
    settle(c, EV_SUCCESS, ENDED_OK, now)
    return EV_SUCCESS


cdef int settle_raised(CommandLife c, object error) except -1:
    cdef int64_t real = real_ns()
    if c.watcher is not None and matches(error, Exception) and not is_late(c, real):
        error = hooked_error(c, error)
    if not matches(error, Exception):
        settle_cancelled(c, error)
    elif is_late(c, real):
        hx_istore(&c.claimed, BY_LIMIT)
        settle_timeout(c, real)
    else:
        c.error = error
        c.latency = now_of(real) - c.started_at
        if matches(error, BadRequestError) or matches(error, c.settings.ignore):
            settle(c, EV_BAD_REQUEST, ENDED_NEUTRAL, now_of(real))
        else:
            settle(c, EV_FAILURE, ENDED_ERROR, now_of(real))
    return c.cause


cdef void settle_timeout(CommandLife c, int64_t real) noexcept:
    cdef int64_t now = now_of(real)
    c.latency = now - c.started_at
    c.error = timeout_error(c, real)
    settle(c, EV_TIMEOUT, ENDED_ERROR, now)


cdef void settle_cancelled(CommandLife c, object error) noexcept:
    cdef int64_t now = now_of(real_ns())
    if c.ran:
        c.latency = now - c.started_at
    c.error = error
    settle(c, EV_CANCELLED, ENDED_NEUTRAL, now)
    if c.watcher is not None:
        c.watcher.cancelled(c)


cdef void settle(CommandLife c, int event, int ended, int64_t now) noexcept:
    """Counters, histogram, breaker, permit: in this order, so that whoever sees the result sees its count."""
    cdef Change change
    if hx_iload(&c.claimed) == NOBODY:      # decided: a later cancellation has nothing to settle
        hx_istore(&c.claimed, BY_RUN)
    c.cause = event
    c.events |= <uint32_t>1 << event
    if event == EV_CANCELLED and c.gave_up:   # counted when its caller went away
        breaker_settle(
            &c.circuit.n.breaker, &c.settings.rules, &c.circuit.health_cells, c.admission, ended, now,
            &change,
        )
    else:
        c.circuit.settled(
            &c.settings.rules, event, ended, c.admission, now,
            c.latency if c.settings.percentile_enabled and event != EV_CANCELLED else -1, c.finished,
            &change,
        )
        if hx_iload(ARMED) & ARMED_LISTENERS or c.watcher is not None:
            tell(c, event)
    give_permit(c)
    if change.happened != NOTHING:
        c.circuit.told(&change)


cdef void note(CommandLife c, int event, int64_t now) noexcept:
    c.events |= <uint32_t>1 << event
    c.circuit.count(event, now)
    if hx_iload(ARMED) & ARMED_LISTENERS or c.watcher is not None:
        tell(c, event)


cdef void note_now(CommandLife c, int event) noexcept:
    note(c, event, now_of(real_ns()))


cdef void give_permit(CommandLife c) noexcept:
    if c.holds_permit:
        c.holds_permit = False
        if c.forks == forks:      # in a forked child the counts began again without us
            permit_give(&c.circuit.n.permits)


cdef void count_waiting(CommandLife c) noexcept:
    if hx_bswap(&c.counted_other, 1) == 0:
        c.forks = forks
        hx_iadd(&c.circuit.n.others, 1)
        c.circuit.started(c.started_at)


cdef void count_waited(CommandLife c) noexcept:
    # Perhaps from two threads at once: a cancelled await, and the worker that has just ended run.
    if c.counted_other and hx_bswap(&c.counted_other, 0) == 1 and c.forks == forks:
        hx_iadd(&c.circuit.n.others, -1)


# -- fallback


cdef bint fallback_due(CommandLife c) except -1:
    if c.cause == EV_BAD_REQUEST or c.cause == EV_CANCELLED:
        return False
    if not c.settings.fallback_enabled:
        note_now(c, EV_FALLBACK_DISABLED)
    elif c.cause == EV_FAILURE and not c.settings.fallback_on_fatal and matches(c.error, FATAL):
        note_now(c, EV_FALLBACK_DISABLED)
    elif not c.binding.has_fallback:
        note_now(c, EV_FALLBACK_MISSING)
    elif not permit_try(&c.circuit.n.fallback_permits, c.settings.fallback_max):
        note_now(c, EV_FALLBACK_REJECTION)
    else:
        if not cause_was_refusal(c):
            count_waiting(c)
        c.forks = forks
        return True
    return False


cdef void give_fallback_permit(CommandLife c) noexcept:
    if c.forks == forks:
        permit_give(&c.circuit.n.fallback_permits)


cdef void fallback_returned(CommandLife c) noexcept:
    cdef int64_t now
    give_fallback_permit(c)
    if c.cause == EV_FAILURE:
        hx_drop_locals(c.error, c.binding.is_async)    # a coroutine of ours has a line above that of run
    now = now_of(real_ns())
    c.total = now - c.started_at         # what the caller saw: nothing of ours takes long from here
    note(c, EV_FALLBACK_SUCCESS, now)


cdef void fallback_raised(CommandLife c, object error) noexcept:
    give_fallback_permit(c)
    if c.watcher is not None:
        error = c.watcher.fallback_raised(c, error)
    c.fallback_error = error
    # Ctrl-C or a cancelled task during the fallback says nothing about the fallback.
    note_now(c, EV_FALLBACK_FAILURE if matches(error, Exception) else EV_CANCELLED)


cdef void no_room_for_fallback(CommandLife c) noexcept:
    give_fallback_permit(c)
    c.no_fallback_thread = True
    note_now(c, EV_FALLBACK_REJECTION)


cdef void finish(CommandLife c) noexcept:
    if not c.finished:
        finish_counting(c)
    if c.watcher is not None:
        end_watch(c)


cdef void finish_counting(CommandLife c) noexcept:
    c.finished = True
    count_waited(c)
    if c.latency < 0 or cause_was_refusal(c):
        c.total = -1
        return
    if c.total < 0:
        c.total = now_of(real_ns()) - c.started_at
    if c.settings.percentile_enabled and c.cause != EV_CANCELLED:
        c.circuit.record_total(c.started_at + c.total, c.total)


# -- batches


def mark_collapsed(CommandLife command not None, str collapser_key not None, int64_t size):
    """Tell a batch command, before it is executed, how many requests of which collapser it answers."""
    cdef Circuit circuit
    if command.note_book is None:
        command.note_book = {}
    command.note_book["collapser_key"] = collapser_key
    command.number_collapsed = size
    if hx_bload(&command.used) == 0:      # else it is refused, and counts nowhere
        circuit = command.binding.current()
        command.events |= <uint32_t>1 << EV_COLLAPSED
        circuit.count_many(EV_COLLAPSED, size, now_of(real_ns()))
        tell_listeners(EV_COLLAPSED, circuit.key)
