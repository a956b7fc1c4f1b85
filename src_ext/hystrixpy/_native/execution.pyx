"""The life of a command: what is decided, in which order, and what is counted (DESIGN section 5).

Nothing here waits or calls user code except through call_run and call_fallback; the drivers do that.
"""

from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from hystrixpy._native.atomics cimport hx_bload, hx_bstore, hx_bswap, hx_iadd, hx_icas, hx_iload, hx_istore
from hystrixpy._native.breaker cimport (
    ENDED_ERROR, ENDED_NEUTRAL, ENDED_OK, NOTHING, REFUSED, Change, breaker_admit, breaker_settle,
)
from hystrixpy._native.circuit cimport (
    ARMED_CONTEXTS, ARMED_HOOKS, ARMED_LISTENERS, ARMED_RECORD, EV_BAD_REQUEST, EV_CANCELLED, EV_COLLAPSED, EV_FAILURE,
    EV_FALLBACK_DISABLED, EV_FALLBACK_FAILURE, EV_FALLBACK_MISSING, EV_FALLBACK_REJECTION, EV_FALLBACK_SUCCESS, EV_FROM_CACHE,
    EV_POOL_REJECTED, EV_SEMAPHORE_REJECTED, EV_SHORT_CIRCUITED, EV_SUCCESS, EV_TIMEOUT, SEMAPHORE, Circuit,
    Numbers, Settings, armed_word,
)
from hystrixpy._native.clock cimport now_of, real_ns
from hystrixpy._native.refusal cimport refusal_error, refusal_facts
from hystrixpy._native.permits cimport permit_give, permit_try
from hystrixpy._native.pool cimport Work
from hystrixpy._native.scope cimport Scope, current_scope

from contextvars import ContextVar

from hystrixpy.errors import (
    BadRequestError, CommandFailedError, CommandStateError, CommandTimeoutError, FallbackRejectedError,
    SemaphoreRejectedError,
)
from hystrixpy.events import EventType

cdef extern from "execution.h":
    bint HX_FREE_THREADED
    uint8_t hx_once(uint8_t *flag) noexcept
    void hx_prepare_class(object cls) noexcept
    void *hx_get_top() noexcept
    void hx_set_top(void *frame) noexcept
    void hx_drop_locals(object error) noexcept
    PyObject *hx_own_entry(PyObject *instance, PyObject *name) noexcept
    PyObject *hx_take_error() noexcept
    void hx_put_error(object error) noexcept

cdef extern from "tracer.h":
    int hx_tracer_at(PyObject *names, PyObject *name) except -1
    void hx_tracer_ignore(object provider) noexcept
    bint hx_has_tracer() noexcept

cdef extern from "Python.h":
    int PyContextVar_Get(object var, PyObject *default, PyObject **value) except -1
    object PyContextVar_Set(object var, object value)
    void Py_XDECREF(PyObject *o) noexcept

cdef extern from "Python.h":
    bint matches "PyErr_GivenExceptionMatches"(object error, object kinds) noexcept    # as an except clause would

cdef str BINDING = "_hx_binding"
cdef int64_t ARMED_WATCH = ARMED_HOOKS | ARMED_RECORD
cdef tuple FATAL = (MemoryError, RecursionError)
cdef tuple EVENT_TYPES = tuple(EventType)
cdef uint32_t REJECTED_EVENTS = (1 << EV_SEMAPHORE_REJECTED) | (1 << EV_POOL_REJECTED)

cdef const int64_t *ARMED = armed_word()
cdef int64_t epoch = 1                  # goes up with every reset(): bindings then ask for a new circuit
cdef int32_t forks = 0                  # goes up in every forked child: permits taken before are not ours
cdef bint contexts_used = False         # a command has entered a context: from then on look there too
cdef object resolver = None             # callable(binding) -> Circuit, the registry's
cdef object event_sink = None           # callable(event number, key), the hooks floor's
cdef object hit_sink = None             # callable(command), told of cache hits, the hooks floor's
cdef object watch_maker = None          # callable(command) -> what accompanies its execution or None, the hooks floor's
cdef object CURRENT = ContextVar("hystrixpy_command", default=None)


def install(*, resolve=None, on_event=None, watch=None, on_hit=None):
    """Set who finds circuits (the registry), who is told of events and who accompanies executions (the hooks)."""
    global resolver, event_sink, watch_maker, hit_sink
    if on_hit is not None:
        hit_sink = on_hit
    if watch is not None:
        watch_maker = watch
    if resolve is not None:
        resolver = resolve
    if on_event is not None:
        event_sink = on_event


def look_for_tracer(dict names, str name):
    """Have every execution look whether ``names[name]`` holds a tracer provider; None: look no more."""
    hx_tracer_at(NULL if names is None else <PyObject *>names, NULL if name is None else <PyObject *>name)


def ignore_tracer(provider):
    """A tracer provider that records nothing: as good as none."""
    hx_tracer_ignore(provider)


cdef inline bint has_tracer() noexcept:
    """One comparison: nothing is called and nothing allocated."""
    return hx_has_tracer()


def new_epoch():
    """Make every binding ask for its circuit again; returns the new epoch."""
    return hx_iadd(&epoch, 1) + 1


def after_fork_in_child():
    """Forget the permits that the parent's threads hold."""
    global forks
    forks += 1


def prepare_class(cls not None):
    """Make instances of a command class as cheap as those of a plain class."""
    hx_prepare_class(cls)


# -- binding -----------------------------------------------------------------------------------------

cdef class Binding:
    """A command class, function or dynamic key on its way to a circuit."""

    def __init__(self, *, str key not None, str group not None, str thread_pool not None, str owner not None,
                 code=None, pool_code=None, bint is_async=False, bint runnable=True, bint has_fallback=False,
                 bint has_cache_key=False):
        self.key, self.group, self.thread_pool, self.owner = key, group, thread_pool, owner
        self.code, self.pool_code = code, pool_code
        self.is_async, self.runnable = is_async, runnable
        self.has_fallback, self.has_cache_key = has_fallback, has_cache_key
        self._kept, self._derived = [], {}

    cdef Circuit current(self):
        cdef Circuit circuit
        if hx_iload(&self.epoch) == hx_iload(&epoch):
            return self.circuit
        return self._rebind()

    cdef Circuit _rebind(self):
        # Read the epoch first: a reset in between makes the next call ask again, never this one's circuit stick.
        cdef int64_t asked = hx_iload(&epoch)
        cdef Circuit circuit = resolver(self)
        if HX_FREE_THREADED:
            self._kept.append(circuit)
        self.circuit = circuit
        hx_istore(&self.epoch, asked)
        return circuit

    def forget(self):
        """Let go of a circuit that was torn down, and of the bindings of single instances, dynamic keys above all.

        To be called where no binding can be bound anew. Without the GIL another thread may be reading; then it stays.
        """
        if HX_FREE_THREADED or hx_iload(&self.epoch) == hx_iload(&epoch):
            return
        derived, self._derived = self._derived, {}
        for each in derived.values():
            each.forget()
        self.circuit = None

    def find_circuit(self):
        """The circuit to use now; PropertyError when the properties of the key are invalid."""
        return self.current()

    def derive(self, str key, str group, str thread_pool):
        """The binding of one instance to another key, group or pool: made once per combination."""
        wanted = (key, group, thread_pool)
        found = self._derived.get(wanted)
        if found is None:
            found = self._derived.setdefault(wanted, self._with(key, group, thread_pool))
        return found

    def _with(self, key, group, thread_pool):
        # The pool's default follows the group, as for a class; a pool that the class names itself stays.
        default_pool = group if group is not None and self.thread_pool == self.group else self.thread_pool
        return Binding(
            key=key or self.key, group=group or self.group, thread_pool=thread_pool or default_pool,
            owner=self.owner, code=self.code, pool_code=self.pool_code, is_async=self.is_async,
            runnable=self.runnable, has_fallback=self.has_fallback, has_cache_key=self.has_cache_key,
        )

    def __repr__(self):
        return f"<Binding of {self.owner} to {self.key!r}>"


cdef int tell_of_hit(CommandLife command) except -1:
    if (hx_iload(ARMED) & ARMED_HOOKS or has_tracer()) and hit_sink is not None:
        hit_sink(command)
    return 0


cdef int log_command(CommandLife command) except -1:
    """Step 2 of the life, where a request context is open somewhere: append it to the log of its own, if any."""
    cdef Scope scope = current_scope()
    return 0 if scope is None else scope.note(command)


cdef object taken_error():
    """The exception that call_run or call_fallback left, as an object."""
    cdef PyObject *error = hx_take_error()
    cdef object result = <object>error
    Py_DECREF(result)
    return result


# -- which command is running here -------------------------------------------------------------------

cdef void push_frame(Frame *frame, CommandLife command, int64_t deadline) noexcept:
    """Make the command the innermost one of this thread."""
    Py_INCREF(command)
    frame.command = <PyObject *>command
    frame.below = <Frame *>hx_get_top()
    frame.deadline = deadline
    frame.active = True
    hx_set_top(frame)


cdef void pop_frame(Frame *frame) noexcept:
    """Undo push_frame.

    Normally it is the top. Under greenlets that switch inside run it may lie deeper: it is then
    taken out of the middle, so that nobody is left pointing at a command that has gone.
    """
    cdef Frame *above = <Frame *>hx_get_top()
    frame.active = False
    if above == frame:
        hx_set_top(frame.below)
    else:
        while above != NULL and above.below != frame:
            above = above.below
        if above != NULL:
            above.below = frame.below
    Py_DECREF(<object>frame.command)


cdef CommandLife innermost(int64_t *deadline, bint *in_fallback):
    """The innermost command running here, by thread or by context, whichever is nested deeper; or None."""
    cdef Frame *top = <Frame *>hx_get_top()
    cdef CommandLife here = None if top == NULL else <CommandLife>top.command
    cdef CommandLife there
    cdef int64_t limit = -1
    cdef bint falling_back = False
    deadline[0] = -1 if top == NULL else top.deadline
    in_fallback[0] = top != NULL and top == &here.fallback_frame
    if contexts_used:
        there = in_context(&limit, &falling_back)
        if there is not None and (here is None or there.depth > here.depth):
            deadline[0], in_fallback[0] = limit, falling_back
            return there
    return here


cdef CommandLife in_context(int64_t *deadline, bint *in_fallback):
    """The innermost command of this contextvars context that is still running, or None."""
    cdef PyObject *value = NULL
    cdef Place place
    cdef CommandLife command
    PyContextVar_Get(CURRENT, NULL, &value)
    place = <Place>(<object>value) if <object>value is not None else None
    Py_XDECREF(value)
    if place is None:
        return None
    deadline[0], in_fallback[0], command = place.deadline, place.in_fallback, place.command
    if place.active:
        return command
    while command is not None and not is_running(command):   # a task may outlive the command that started it
        deadline[0], in_fallback[0], command = command.outer_deadline, command.begun_in_fallback, command.parent
    return command


cdef bint is_running(CommandLife command) noexcept:
    return command.run_frame.active or command.fallback_frame.active or command.in_task


cdef Place enter_context(CommandLife command, int64_t deadline, bint in_fallback):
    global contexts_used
    cdef Place place = Place.__new__(Place)
    contexts_used = True
    place.command, place.deadline, place.in_fallback, place.active = command, deadline, in_fallback, True
    PyContextVar_Set(CURRENT, place)
    return place


cdef void leave_context(Place place) noexcept:
    """The command is over here.

    The variable is not set back: a place that is over leads to the command around it, which is what the variable
    held before, and setting it costs as much as all the counting. So that the context does not keep the command
    alive, the place becomes one of the command around it; not without the GIL, where a thread that was given a
    copy of the context may be reading it.
    """
    cdef CommandLife command = place.command
    place.active = False
    if not HX_FREE_THREADED:
        place.deadline, place.in_fallback = command.outer_deadline, command.begun_in_fallback
        place.command = command.parent


def current_command():
    """The command that is executing in this context, or None outside of any."""
    cdef int64_t limit
    cdef bint in_fallback
    return innermost(&limit, &in_fallback)


def deadline():
    """Seconds left of the tightest time limit around this code, never below 0.0; None if there is none.

    Counts on real time, whatever a manual clock says.
    """
    cdef int64_t limit
    cdef bint in_fallback
    if innermost(&limit, &in_fallback) is None or limit < 0:
        return None
    return max(0.0, (limit - real_ns()) * 1e-9)


def is_abandoned():
    """True inside a ``run`` whose caller has given up (time limit or cancellation): stop when you can."""
    cdef int64_t limit
    cdef bint in_fallback          # whose caller waits, even if its run goes on elsewhere
    cdef CommandLife command = innermost(&limit, &in_fallback)
    while command is not None:
        if not in_fallback and hx_iload(&command.claimed) > BY_RUN:
            return True
        in_fallback, command = command.begun_in_fallback, command.parent
    return False


cdef class Place:
    """What a contextvars context holds while a command runs in it."""


# -- the life ----------------------------------------------------------------------------------------

cdef class CommandLife(Work):
    """The state and the steps of one execution. Public faces are ``Command`` and ``AsyncCommand``."""

    def __cinit__(self):
        cdef PyObject *entry = hx_own_entry(<PyObject *>self, <PyObject *>BINDING)
        self.latency = self.total = self.deadline = self.outer_deadline = -1
        if entry == NULL:                # the function forms set it themselves
            return
        self.binding = <Binding>entry
        if not self.binding.runnable:
            raise TypeError(
                f"{type(self).__qualname__} has no run(): define the guarded work as "
                f"{'async def' if self.binding.is_async else 'def'} run(self) in it, or use it as a base class only"
            )

    def __init__(self, *, str key=None, str group=None, str thread_pool=None):
        if key is not None or group is not None or thread_pool is not None:
            self.binding = self.binding.derive(key, group, thread_pool)

    cdef PyObject *call_run(self) noexcept:
        return NULL

    cdef PyObject *call_fallback(self) noexcept:
        return NULL

    @property
    def execution(self):
        """What has happened to this command so far, as an ``Execution``; readable at any time."""
        return Execution(self)

    # -- before run

    cdef int begin(self) except -1:
        cdef int64_t real
        if self.binding is None:
            raise TypeError(f"{type(self).__qualname__} is not bound to a circuit: instantiate a subclass of Command")
        if hx_once(&self.used) != 0:     # before anything is touched: the first execution may be under way
            raise used_error(self)
        if hx_iload(&self.binding.epoch) == hx_iload(&epoch):
            self.circuit = self.binding.circuit
        else:
            self.find_circuit()
        self.settings = self.circuit._settings
        real = real_ns()
        self.real_start = real
        self.started_at = now_of(real)
        if contexts_used or hx_get_top() != NULL:
            self.find_parent()
        self.set_deadline(real)
        if hx_iload(ARMED) & ARMED_CONTEXTS and self.settings.log_enabled:
            log_command(self)
        return 0

    cdef int find_parent(self) except -1:
        cdef bint in_fallback
        self.parent = innermost(&self.outer_deadline, &in_fallback)
        self.begun_in_fallback = in_fallback
        return 0

    cdef int find_circuit(self) except -1:
        try:
            self.circuit = self.binding._rebind()
        except BaseException:
            hx_bstore(&self.used, 0)     # invalid properties: nothing has happened to this command yet
            raise

    cdef int set_deadline(self, int64_t real) except -1:
        """The smaller of our own limit and what is left of the enclosing one."""
        if self.settings.timeout_ns and self.settings.timeout_ns < (<int64_t>1 << 62):
            self.deadline = real + self.settings.timeout_ns
        if self.parent is not None:
            self.depth = self.parent.depth + 1
            if self.outer_deadline >= 0 and (self.deadline < 0 or self.outer_deadline < self.deadline):
                self.deadline = self.outer_deadline
        return 0

    cdef bint admit(self) except -1:
        cdef Change change
        if hx_iload(ARMED) & ARMED_WATCH or has_tracer():
            self.start_watched()
        self.admission = breaker_admit(&self.circuit.n.breaker, &self.settings.rules, self.started_at, &change)
        if change.happened != NOTHING:
            self.circuit.told(&change)
        if self.admission != REFUSED:
            return True
        refusal_facts(
            &self.refusal, &self.circuit.n.breaker, &self.settings.rules, &self.circuit.health_cells, self.started_at,
        )
        hx_istore(&self.claimed, BY_RUN)
        self.cause = EV_SHORT_CIRCUITED
        self.note(EV_SHORT_CIRCUITED, self.started_at)
        return False

    cdef object the_error(self):
        """What made run not succeed. A short circuit's is made when it is asked for: a fallback seldom looks."""
        if self.error is None and self.cause == EV_SHORT_CIRCUITED:
            self.error = refusal_error(
                self.circuit.key, &self.settings.rules, &self.circuit.health_cells, &self.refusal
            )
        return self.error

    cdef bint take_permit(self) except -1:
        cdef Numbers *n = self.circuit.n
        if permit_try(&n.permits, self.settings.max_concurrent):
            self.holds_permit = True
            self.forks = forks
            self.circuit.started(self.started_at)
            return True
        self.refuse(EV_SEMAPHORE_REJECTED, SemaphoreRejectedError(
            f"command {self.circuit.key!r} rejected: {self.settings.max_concurrent} executions are already running "
            f"(max_concurrent); shed load, or raise max_concurrent if the dependency can take more",
            command_key=self.circuit.key,
        ))
        return False

    cdef void refuse(self, int event, object error) noexcept:
        self.error = error
        self.settle(event, ENDED_ERROR, now_of(real_ns()))

    cdef bint out_of_time(self) except -1:
        cdef int64_t real
        if self.outer_deadline < 0:
            return False
        real = real_ns()
        if real < self.deadline:
            return False
        self.claim(BY_LIMIT)
        self.settle_timeout(real)
        return True

    # -- run has ended

    cdef bint is_late(self, int64_t real) noexcept:
        return self.deadline >= 0 and real >= self.deadline

    cdef bint claim(self, int64_t who) noexcept:
        cdef int64_t nobody = NOBODY
        return hx_icas(&self.claimed, &nobody, who)

    cdef int settle_value(self) except -1:
        cdef int64_t real = real_ns()
        cdef int64_t now
        if self.is_late(real):
            hx_istore(&self.claimed, BY_LIMIT)
            self.settle_timeout(real)
            return EV_TIMEOUT
        now = now_of(real)
        self.latency = self.total = now - self.started_at
        self.finished = True
        self.count_waited()
        self.settle(EV_SUCCESS, ENDED_OK, now)
        return EV_SUCCESS

    cdef int settle_raised(self, object error) except -1:
        cdef int64_t real = real_ns()
        if self.watcher is not None and matches(error, Exception) and not self.is_late(real):
            error = self.hooked_error(error)
        if not matches(error, Exception):
            self.settle_cancelled(error)
        elif self.is_late(real):
            hx_istore(&self.claimed, BY_LIMIT)
            self.settle_timeout(real)
        else:
            self.error = error
            self.latency = now_of(real) - self.started_at
            if matches(error, BadRequestError) or matches(error, self.settings.ignore):
                self.settle(EV_BAD_REQUEST, ENDED_NEUTRAL, now_of(real))
            else:
                self.settle(EV_FAILURE, ENDED_ERROR, now_of(real))
        return self.cause

    cdef void settle_timeout(self, int64_t real) noexcept:
        cdef int64_t now = now_of(real)
        self.latency = now - self.started_at
        self.error = timeout_error(self, real)
        self.settle(EV_TIMEOUT, ENDED_ERROR, now)

    cdef void settle_cancelled(self, object error) noexcept:
        cdef int64_t now = now_of(real_ns())
        if self.ran:
            self.latency = now - self.started_at
        self.error = error
        self.settle(EV_CANCELLED, ENDED_NEUTRAL, now)
        if self.watcher is not None:
            self.watcher.cancelled(self)

    cdef void settle(self, int event, int ended, int64_t now) noexcept:
        """Counters, histogram, breaker, permit: in this order, so that whoever sees the result sees its count."""
        cdef Change change
        if hx_iload(&self.claimed) == NOBODY:      # decided: a later cancellation has nothing to settle
            hx_istore(&self.claimed, BY_RUN)
        self.cause = event
        self.events |= <uint32_t>1 << event
        if event == EV_CANCELLED and self.gave_up:   # counted when its caller went away
            breaker_settle(
                &self.circuit.n.breaker, &self.settings.rules, &self.circuit.health_cells, self.admission, ended, now,
                &change,
            )
        else:
            self.circuit.settled(
                &self.settings.rules, event, ended, self.admission, now,
                self.latency if self.settings.percentile_enabled and event != EV_CANCELLED else -1, self.finished,
                &change,
            )
            if hx_iload(ARMED) & ARMED_LISTENERS or self.watcher is not None:
                self.tell(event)
        self.give_permit()
        if change.happened != NOTHING:
            self.circuit.told(&change)

    cdef void note(self, int event, int64_t now) noexcept:
        self.events |= <uint32_t>1 << event
        self.circuit.count(event, now)
        if hx_iload(ARMED) & ARMED_LISTENERS or self.watcher is not None:
            self.tell(event)

    cdef void tell(self, int event) noexcept:
        if hx_iload(ARMED) & ARMED_LISTENERS and event_sink is not None:
            event_sink(event, self.circuit.key)
        if self.watcher is not None:
            self.watcher.noted(event)

    cdef void give_permit(self) noexcept:
        if self.holds_permit:
            self.holds_permit = False
            if self.forks == forks:      # in a forked child the counts began again without us
                permit_give(&self.circuit.n.permits)

    cdef void count_waiting(self) noexcept:
        if hx_bswap(&self.counted_other, 1) == 0:
            self.forks = forks
            hx_iadd(&self.circuit.n.others, 1)
            self.circuit.started(self.started_at)

    cdef void count_waited(self) noexcept:
        # Perhaps from two threads at once: a cancelled await, and the worker that has just ended run.
        if self.counted_other and hx_bswap(&self.counted_other, 0) == 1 and self.forks == forks:
            hx_iadd(&self.circuit.n.others, -1)

    # -- fallback

    cdef bint fallback_due(self) except -1:
        if self.cause == EV_BAD_REQUEST or self.cause == EV_CANCELLED:
            return False
        if not self.settings.fallback_enabled:
            self.note_now(EV_FALLBACK_DISABLED)
        elif self.cause == EV_FAILURE and not self.settings.fallback_on_fatal and matches(self.error, FATAL):
            self.note_now(EV_FALLBACK_DISABLED)
        elif not self.binding.has_fallback:
            self.note_now(EV_FALLBACK_MISSING)
        elif not permit_try(&self.circuit.n.fallback_permits, self.settings.fallback_max):
            self.note_now(EV_FALLBACK_REJECTION)
        else:
            if not self.cause_was_refusal():
                self.count_waiting()
            self.forks = forks
            return True
        return False

    cdef void note_now(self, int event) noexcept:
        self.note(event, now_of(real_ns()))

    cdef bint cause_was_refusal(self) noexcept:
        return self.cause == EV_SHORT_CIRCUITED or (REJECTED_EVENTS >> self.cause) & 1

    cdef void give_fallback_permit(self) noexcept:
        if self.forks == forks:
            permit_give(&self.circuit.n.fallback_permits)

    cdef void fallback_returned(self) noexcept:
        cdef int64_t now
        self.give_fallback_permit()
        if self.cause == EV_FAILURE:
            hx_drop_locals(self.error)
        now = now_of(real_ns())
        self.total = now - self.started_at         # what the caller saw: nothing of ours takes long from here
        self.note(EV_FALLBACK_SUCCESS, now)

    cdef void fallback_raised(self, object error) noexcept:
        self.give_fallback_permit()
        if self.watcher is not None:
            error = self.watcher.fallback_raised(self, error)
        self.fallback_error = error
        # Ctrl-C or a cancelled task during the fallback says nothing about the fallback.
        self.note_now(EV_FALLBACK_FAILURE if matches(error, Exception) else EV_CANCELLED)

    cdef void no_room_for_fallback(self) noexcept:
        self.give_fallback_permit()
        self.note_now(EV_FALLBACK_REJECTION)

    # -- the end

    cdef void finish(self) noexcept:
        if not self.finished:
            self.finish_counting()
        if self.watcher is not None:
            self.end_watch()

    cdef void finish_counting(self) noexcept:
        self.finished = True
        self.count_waited()
        if self.latency < 0 or self.cause_was_refusal():
            self.total = -1
            return
        if self.total < 0:
            self.total = now_of(real_ns()) - self.started_at
        if self.settings.percentile_enabled and self.cause != EV_CANCELLED:
            self.circuit.record_total(self.started_at + self.total, self.total)

    cdef object final_error(self):
        """The exception that the caller gets; a failed fallback's is chained to what made run fail."""
        if self.final is not None:
            return self.final
        if self.fallback_error is not None:
            if not matches(self.fallback_error, Exception):
                return self.fallback_error
            chain(self.fallback_error, self.the_error())
        elif self.events >> EV_FALLBACK_REJECTION & 1:
            return fallback_rejected(self)
        if self.cause == EV_FAILURE and self.settings.raise_hystrix:
            return failed_error(self)
        return self.the_error() if self.fallback_error is None else self.fallback_error


    # -- hooks, spans, recording: nothing of this is reached while nobody watches

    cdef int start_watched(self) except -1:
        """Before the breaker is asked. Raises what on_start raises: then the command has failed, and counts nowhere."""
        watcher = watch_maker(self) if watch_maker is not None else None
        if watcher is None:
            return 0
        try:
            watcher.start(self)
        except BaseException as error:
            hx_istore(&self.claimed, BY_RUN)
            self.error = error
            self.finished = True
            raise
        self.watcher = watcher
        return 0

    cdef PyObject *guarded_run(self) noexcept:
        return self.call_run() if self.watcher is None else self.watched_run()

    cdef PyObject *guarded_fallback(self) noexcept:
        return self.call_fallback() if self.watcher is None else self.watched_fallback()

    cdef PyObject *watched_run(self) noexcept:
        cdef PyObject *value = NULL
        cdef object error = None
        try:
            self.watcher.run_starts(self, self.in_thread)
        except BaseException as raised:
            error = raised
        if error is None:
            value = self.call_run()
            if value == NULL:
                error = taken_error()
        self.watcher.run_over()
        if error is not None:
            hx_put_error(error)
        return value

    cdef PyObject *watched_fallback(self) noexcept:
        cdef PyObject *value = NULL
        cdef object error = None
        try:
            self.watcher.fallback_starts(self)
        except BaseException as raised:
            error = raised
        if error is None:
            value = self.call_fallback()
            if value == NULL:
                error = taken_error()
        self.watcher.fallback_over()
        if error is not None:
            hx_put_error(error)
        return value

    cdef object emitted(self, object value):
        """What run returned, as the hooks leave it."""
        return value if self.watcher is None else self.watcher.run_returned(self, value)

    cdef object fallback_emitted(self, object value):
        """What the fallback returned, as the hooks leave it."""
        return value if self.watcher is None else self.watcher.fallback_returned(self, value)

    cdef object hooked_error(self, object error):
        """What run raised, as the hooks leave it: before it is decided what it amounts to."""
        try:
            return self.watcher.run_raised(self, error)
        except BaseException as raised:     # Ctrl-C inside a hook must not leave the command unsettled
            return raised

    cdef void thread_done(self) noexcept:
        if self.watcher is not None:
            self.watcher.thread_done(self)

    cdef void end_watch(self) noexcept:
        if hx_bswap(&self.watch_over, 1) != 0:
            return
        if self.cause == EV_CANCELLED or self.events >> EV_CANCELLED & 1:
            self.final = self.watcher.failed(self, self.final_error(), True, None)
        elif self.cause == EV_SUCCESS or self.events >> EV_FALLBACK_SUCCESS & 1:
            self.watcher.succeeded(self)
        else:
            only = (BadRequestError, *self.settings.ignore) if self.cause == EV_BAD_REQUEST else None
            self.final = self.watcher.failed(self, self.final_error(), False, only)


cdef object chain(object error, object cause):
    """Set the cause, unless the error is part of what led to it: a fallback may raise the same one again."""
    link, length = cause, 0
    while link is not None and length < 100:
        if link is error:
            return
        link, length = link.__cause__, length + 1
    error.__cause__ = cause


cdef object used_error(CommandLife c):
    """One instance is one call."""
    again = "call the function again"
    if hx_own_entry(<PyObject *>c, <PyObject *>BINDING) != NULL:
        again = f"make a new {type(c).__name__}(...)"
    return CommandStateError(
        f"command {c.binding.key!r} was already executed: one instance is one call, so {again} for the next one",
        command_key=c.binding.key,
    )


cdef object timeout_error(CommandLife c, int64_t real):
    """What the caller of a timed-out command gets."""
    cdef double took = (real - c.real_start) * 1e-9
    if c.deadline == c.outer_deadline:
        text = f"command {c.circuit.key!r} timed out after {took:.3f} s: the enclosing command's limit was used up"
    else:
        text = f"command {c.circuit.key!r} timed out after {took:.3f} s (timeout {c.settings.timeout_ns * 1e-9:g} s)"
    return CommandTimeoutError(text, command_key=c.circuit.key)


cdef object fallback_rejected(CommandLife c):
    """The fallback could not be tried; what made run fail stays the cause."""
    error = FallbackRejectedError(
        f"the fallback of {c.circuit.key!r} was rejected: {c.settings.fallback_max} fallbacks are already running "
        f"(fallback_max_concurrent), or the fallback threads are all busy; run had failed with {c.the_error()!r}",
        command_key=c.circuit.key,
    )
    error.__cause__ = c.the_error()
    return error


cdef object failed_error(CommandLife c):
    """The wrapper that raise_hystrix_errors asks for."""
    error = CommandFailedError(
        f"command {c.circuit.key!r} failed: {c.error!r}"
        + ("" if c.fallback_error is None else f"; its fallback failed too: {c.fallback_error!r}"),
        command_key=c.circuit.key, failure_type=EventType.FAILURE, fallback_exception=c.fallback_error,
    )
    error.__cause__ = c.error
    return error


# -- the view ----------------------------------------------------------------------------------------

cdef class Execution:
    """What has happened to one command; a live view, so it changes until ``is_complete``."""

    def __init__(self, CommandLife command not None):
        self.command = command

    cdef bint has(self, int event) noexcept:
        if self.command.gave_up:         # what its work ends with belongs to those who share it
            return event == EV_CANCELLED
        return (self.command.events >> event) & 1

    @property
    def command_key(self):
        """The key of the circuit that the command belongs to."""
        return self.command.binding.key

    @property
    def events(self):
        """What happened, as a tuple of ``EventType`` in enum order."""
        return tuple([event for event in EVENT_TYPES if self.has(event)])

    @property
    def event_counts(self):
        """How often each of ``events`` happened: 1, and for COLLAPSED the number of requests in the batch."""
        return {
            event: self.command.number_collapsed if event == EV_COLLAPSED else 1 for event in self.events
        }

    @property
    def exception(self):
        """What made ``run`` not succeed, whatever the kind; None if it succeeded or has not ended.

        Once a fallback has answered, its traceback still has its lines, but no longer the locals of ``run``.
        """
        return self.command.the_error()

    @property
    def fallback_exception(self):
        """What the fallback raised, or None."""
        return self.command.fallback_error

    @property
    def latency(self):
        """Seconds from the start to the end of ``run``, queue wait included; None if ``run`` had no part in it."""
        if self.command.latency < 0 or self.command.cause_was_refusal():
            return None
        return self.command.latency * 1e-9

    @property
    def total_latency(self):
        """Seconds that the caller waited, fallback included; None where ``latency`` is, or not yet known."""
        return None if self.command.total < 0 else self.command.total * 1e-9

    @property
    def is_complete(self):
        """True once the caller's outcome is decided."""
        return self.command.finished or self.command.gave_up

    @property
    def is_success(self):
        """True if ``run`` returned a value in time."""
        return self.has(EV_SUCCESS)

    @property
    def is_failure(self):
        """True if ``run`` raised (FAILURE only: no timeout, no rejection)."""
        return self.has(EV_FAILURE)

    @property
    def is_timed_out(self):
        """True if the time limit ended it."""
        return self.has(EV_TIMEOUT)

    @property
    def is_bad_request(self):
        """True if ``run`` raised ``BadRequestError`` or an ignored type."""
        return self.has(EV_BAD_REQUEST)

    @property
    def is_short_circuited(self):
        """True if the circuit breaker refused it."""
        return self.has(EV_SHORT_CIRCUITED)

    @property
    def is_thread_pool_rejected(self):
        """True if no thread was free and the queue was full."""
        return self.has(EV_POOL_REJECTED)

    @property
    def is_semaphore_rejected(self):
        """True if ``max_concurrent`` executions were running."""
        return self.has(EV_SEMAPHORE_REJECTED)

    @property
    def is_rejected(self):
        """True if a bulkhead refused it."""
        return self.has(EV_SEMAPHORE_REJECTED) or self.has(EV_POOL_REJECTED)

    @property
    def is_cancelled(self):
        """True if the caller went away, or ``run`` raised a BaseException."""
        return self.has(EV_CANCELLED)

    @property
    def is_from_fallback(self):
        """True if the caller got the fallback's value."""
        return self.has(EV_FALLBACK_SUCCESS)

    @property
    def is_from_cache(self):
        """True if the outcome was another command's, shared by the request cache."""
        return self.has(EV_FROM_CACHE)

    @property
    def is_executed_in_thread(self):
        """True if ``run`` was called on a thread of the pool."""
        return self.command.in_thread and not self.has(EV_FROM_CACHE)

    @property
    def number_collapsed(self):
        """How many requests of a collapser this batch answers; 0 for any other command."""
        return self.command.number_collapsed

    @property
    def collapser_key(self):
        """The key of the collapser that made this batch, or None."""
        return None if self.command.note_book is None else self.command.note_book.get("collapser_key")

    def __eq__(self, other):
        return isinstance(other, Execution) and (<Execution>other).command is self.command

    def __hash__(self):
        return hash((Execution, id(self.command)))

    def __repr__(self):
        names = ", ".join([event.name for event in self.events]) or "in flight"
        return f"<Execution of {self.command_key!r}: {names}>"


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
        if hx_iload(ARMED) & ARMED_LISTENERS and event_sink is not None:
            event_sink(EV_COLLAPSED, circuit.key)


def set_links(CommandLife command not None, tuple links):
    """Tell a batch command, before it is executed, which spans it works for."""
    if command.note_book is None:
        command.note_book = {}
    command.note_book["links"] = links


def span_facts(CommandLife command not None):
    """What a span is made of: (key, group, thread pool of a THREAD command or None, links)."""
    in_pool = command.settings.isolation != SEMAPHORE and not command.binding.is_async
    links = () if command.note_book is None else command.note_book.get("links", ())
    return command.circuit.key, command.circuit.group, command.circuit.thread_pool if in_pool else None, links


def binding_of(CommandLife command not None):
    """The binding of this instance (a dynamic key's own one where it has one)."""
    return command.binding
