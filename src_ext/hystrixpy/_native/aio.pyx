"""The asyncio driver: the same steps as everywhere, with await where the others call.

A time limit must not cost what a timer of the loop costs, for most calls end long before it. So every
loop has one armed timer and, per length of limit, a linked list of running commands in the order of
their deadlines: a command links itself in at the end and takes itself out when it is done.
"""

from cython cimport iterable_coroutine
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from hystrixpy._native.building cimport HX_FREE_THREADED
from hystrixpy._native.circuit cimport EV_SUCCESS
from hystrixpy._native.clock cimport real_ns
from hystrixpy._native.scope cimport CacheEntry
from hystrixpy._native.sharing cimport (
    LoopWaiter, ask_cache, end_entry, is_settled, may_share, owner_gave_up, take_share,
)
from hystrixpy._native.execution cimport (
    begin, fallback_due, fallback_raised, fallback_returned, finish, let_in, settle_raised, settle_timeout, settle_value,
)
from hystrixpy._native.failures cimport final_error
from hystrixpy._native.life cimport BY_LIMIT, CommandLife, claim
from hystrixpy._native.raised cimport hx_take_error
from hystrixpy._native.running cimport Place, enter_context, leave_context
from hystrixpy._native.watching cimport emitted, end_watch, fallback_emitted

from asyncio import CancelledError, create_task, current_task, get_running_loop, wait
from inspect import isawaitable
from threading import local
from weakref import WeakValueDictionary

from hystrixpy._native.sharing import wait_on_loop

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept
    PyObject *PyObject_CallMethodNoArgs(PyObject *self, PyObject *name) noexcept

cdef str RUN = "run"
cdef str FALLBACK = "fallback"
cdef int64_t SLACK_NS = 100_000       # the loop's clock is a float: what is due within 0.1 ms is due
cdef object every = WeakValueDictionary()   # id of a loop -> its latest limits, which keep the loop
cdef object NO_LOOP = object()
cdef object here = local()            # .limits: those of the loop that ran last in this thread
cdef void *latest = NULL              # with the GIL, the Limits made last, while they live; not a reference
cdef unsigned long latest_thread = 0  # whose they are


cdef object called(PyObject *value):
    """What call_run or call_fallback gave, raising the error that it left."""
    cdef bint raised = value == NULL
    cdef object result
    if raised:
        value = hx_take_error()
    result = <object>value
    Py_DECREF(result)
    if raised:
        raise result
    return result


cdef class AioCommand(CommandLife):
    """What ``AsyncCommand`` is made of."""

    cdef PyObject *call_run(self) noexcept:
        return PyObject_CallMethodNoArgs(<PyObject *>self, <PyObject *>RUN)

    cdef PyObject *call_fallback(self) noexcept:
        return PyObject_CallMethodNoArgs(<PyObject *>self, <PyObject *>FALLBACK)

    def __await__(self):
        return drive(self)          # iterable, so that no second object has to drive it

    def execute(self):
        """A coroutine that runs the command; the same as awaiting the command itself."""
        return self._hx_drive()

    def queue(self):
        """Start the command as an ``asyncio.Task`` of the running loop; RuntimeError where none runs."""
        try:
            loop = get_running_loop()
        except RuntimeError:
            raise RuntimeError(
                f"no running event loop for a task of command {self.binding.key!r}: call queue() inside an async def, "
                f"or run the command by itself with asyncio.run(command.execute())"
            ) from None
        return loop.create_task(self._hx_drive())

    @iterable_coroutine(True)
    async def _hx_drive(self):
        cdef Place place
        cdef CacheEntry entry
        if not self.own_task:
            begin(self)
            if may_share(self):
                entry = ask_cache(self)
                while entry is not None:
                    if is_settled(entry) or await wait_on_loop(self, entry):
                        return take_share(self, entry)
                    entry = ask_cache(self)     # its run brought nothing: perhaps it is our turn
                if self.entry is not None:
                    return await self._hx_run_for_all()
        if not let_in(self):
            return await self._hx_recover()
        place = enter_context(self, self.deadline, False)
        self.ran = self.in_task = True
        try:
            if self.deadline >= 0:
                self.watch()
            if self.watcher is not None:
                self.watcher.run_starts(self, False)
            value = await called(self.call_run())
        except BaseException as error:
            self.ended(error)
            value = None
        else:
            self.ended(None)
        left(place, self)
        if self.cause == EV_SUCCESS:
            return value if self.watcher is None else self.watched_value(value)
        return await self._hx_recover()

    async def _hx_run_for_all(self):
        """Run in a task of its own: if the caller's task is cancelled, those who share the outcome still get it."""
        cdef LoopWaiter waiter = LoopWaiter(get_running_loop())
        self.own_task = True
        task = create_task(self._hx_drive())
        self.entry.home, self.entry.give_up = waiter.loop, LoopCall(waiter.loop, task.cancel)
        task.add_done_callback(self._hx_work_done)
        try:
            if self.entry.when_ended(waiter):
                await waiter.future
        except BaseException as error:
            if self.entry.owner_leaves():
                owner_gave_up(self)
            else:
                task.cancel()
                if isinstance(error, CancelledError):
                    await wait([task])          # as without a cache: cancelled means ended
            raise
        return task.result()

    def _hx_work_done(self, task):
        if task.cancelled():
            self.entry.abandon()
        elif task.exception() is None:
            end_entry(self, task.result(), None)
        else:
            end_entry(self, None, task.exception())

    async def _hx_recover(self):
        cdef Place place
        if fallback_due(self):
            place = enter_context(self, self.outer_deadline, True)
            self.in_task = self.fallback_frame.active = True
            try:
                if self.watcher is not None:
                    self.watcher.fallback_starts(self)
                value = called(self.call_fallback())
                if isawaitable(value):
                    value = await value
            except BaseException as error:
                self.fallback_over()
                fallback_raised(self, error)
            else:
                self.fallback_over()
                fallback_returned(self)
                try:
                    value = fallback_emitted(self, value)
                except BaseException:               # Ctrl-C inside a hook must not leave the command unsettled
                    self.fallback_frame.active = False
                    left(place, self)
                    finish(self)
                    raise
            self.fallback_frame.active = False
            left(place, self)
            if self.fallback_error is None:
                finish(self)
                return value
        finish(self)
        raise final_error(self)

    cdef int ended(self, object error) except -1:
        """run is over: settle it, by what it did and by what was done to it."""
        cdef bint fired = self.unwinding
        cdef bint outside = fired and self.cancelled_outside()
        self.unwatch()
        if self.watcher is not None:
            self.watcher.run_over()
        if fired and not (outside and error is not None) and (
            error is None or isinstance(error, (Exception, CancelledError))
        ):
            settle_timeout(self, real_ns())
        elif error is None:
            settle_value(self)
        else:
            settle_raised(self, error)
        return 0

    cdef object watched_value(self, object value):
        try:
            return emitted(self, value)
        finally:
            end_watch(self)

    cdef void fallback_over(self) noexcept:
        if self.watcher is not None:
            self.watcher.fallback_over()

    cdef bint cancelled_outside(self) except -1:
        """Take our own cancellation of the task back; whether somebody else wants it cancelled, too."""
        return self.task.uncancel() > self.cancelling_before

    # -- the time limit

    cdef int watch(self) except -1:
        cdef int64_t own = self.settings.timeout_ns if self.deadline != self.outer_deadline else 0
        cdef Limits limits = latest_limits()
        self.task = None if limits is None else current_task(limits.here_runs)
        if self.task is None:
            limits = self.first_limits()
        self.cancelling_before = self.task.cancelling()
        if isinstance(self.parent, AioCommand) and (<AioCommand>self.parent).task is self.task:
            (<AioCommand>self.parent).inner = self
        limits.add(self, own)
        return 0

    cdef Limits first_limits(self):
        """The task that drives us, and the limits of its loop, which is not the one that this thread ran before.

        Asking for the running loop costs a system call on 3.11, so watch() asks for the task of the loop that it
        knows. While a loop runs, its thread is the only one that has a task of it.
        """
        self.task = current_task()
        if self.task is None:
            raise RuntimeError(
                f"command {self.circuit.key!r} has a timeout, which needs an asyncio task to cancel: "
                f"await it from a task (asyncio.run, create_task), or set timeout=None"
            )
        return limits_of(self.task.get_loop())

    cdef void unwatch(self) noexcept:
        if self.queue_in is not None:
            self.queue_in.remove(self)
        if isinstance(self.parent, AioCommand) and (<AioCommand>self.parent).inner is self:
            (<AioCommand>self.parent).inner = None
        task, self.task, self.unwinding = self.task, None, False
        followers, self.followers = self.followers, None
        if followers is not None and not task.get_loop().is_closed():
            # Not at once: the task is running right now, and a cancellation would hit it after the command.
            loop = task.get_loop()
            for follower in followers:
                loop.call_soon(follower._hx_fire)

    def _hx_fire(self):
        self.fire()

    cdef object fire(self):
        """The limit has passed: cancel the task, the innermost command first."""
        cdef AioCommand inner = self.inner
        if self.task is None or self.unwinding:
            return
        while inner is not None:
            if inner.deadline >= 0 and inner.deadline <= self.deadline and not inner.unwinding:
                inner.fire()
            if inner.unwinding:
                # It must end as a TIMEOUT of its own before ours cancels the same task again.
                if inner.followers is None:
                    inner.followers = []
                inner.followers.append(self)
                return
            inner = inner.inner
        if self.task.cancelling() > self.cancelling_before:
            return                               # cancelled from outside already: that wins
        if claim(self, BY_LIMIT):
            self.unwinding = True
            self.task.cancel()


cdef object drive = AioCommand._hx_drive      # looked up once, not for every command


cdef class LoopCall:
    """Calls a function on its loop, from any thread."""

    cdef object loop
    cdef object function

    def __init__(self, loop, function):
        self.loop, self.function = loop, function

    def __call__(self):
        try:
            self.loop.call_soon_threadsafe(self.function)
        except RuntimeError:
            pass    # the loop is closed, and what ran on it with it


cdef void left(Place place, AioCommand command) noexcept:
    """Leave the context of run or fallback."""
    command.in_task = False
    leave_context(place)


cdef class LimitQueue:
    """A doubly linked list of commands by deadline, soonest first."""

    cdef void insert(self, AioCommand command) noexcept:
        cdef void *before = self.last
        while before != NULL and (<AioCommand>before).deadline > command.deadline:
            before = (<AioCommand>before).earlier
        command.earlier = before
        command.later = self.first if before == NULL else (<AioCommand>before).later
        if command.later == NULL:
            self.last = <void *>command
        else:
            (<AioCommand>command.later).earlier = <void *>command
        if before == NULL:
            self.first = <void *>command
        else:
            (<AioCommand>before).later = <void *>command
        command.queue_in = self
        Py_INCREF(command)       # a coroutine destroyed half-way never takes itself out

    cdef void remove(self, AioCommand command) noexcept:
        if command.earlier == NULL:
            self.first = command.later
        else:
            (<AioCommand>command.earlier).later = command.later
        if command.later == NULL:
            self.last = command.earlier
        else:
            (<AioCommand>command.later).earlier = command.earlier
        command.earlier = command.later = NULL
        command.queue_in = None
        Py_DECREF(command)


cdef Limits limits_of(object loop):
    """New limits for a loop, as those of this thread. A loop that moves to another thread gets new ones there."""
    global latest, latest_thread
    cdef Limits limits = Limits(loop)
    cdef Limits elsewhere = every.get(id(loop))
    if elsewhere is not None:
        elsewhere.here_runs = NO_LOOP   # the other thread must not take what runs here now for its own
    every[id(loop)] = here.limits = limits
    if not HX_FREE_THREADED:
        latest, latest_thread = <void *>limits, PyThread_get_thread_ident()
    return limits


cdef inline Limits latest_limits():
    """Those of the loop that ran last in this thread, or None. Mostly the latest of all, which is found at once."""
    if latest != NULL and latest_thread == PyThread_get_thread_ident():
        return <Limits>latest
    return getattr(here, "limits", None)


cdef class Limits:
    """The time limits of one event loop."""

    def __init__(self, loop):
        self.loop = self.here_runs = loop
        self.queues, self.latest_length = {}, -1

    def __dealloc__(self):
        global latest
        if latest == <void *>self:
            latest = NULL

    cdef LimitQueue queue_for(self, int64_t length):
        """The queue of one length of limit, 0 for what an enclosing command shortened."""
        if length != self.latest_length:
            self.latest = self.queues.get(length)
            if self.latest is None:
                self.latest = self.queues[length] = LimitQueue()
            self.latest_length = length
        return self.latest

    cdef int add(self, AioCommand command, int64_t length) except -1:
        self.queue_for(length).insert(command)
        if self.timer is None or command.deadline < self.armed_for:
            self.arm(command.deadline)
        return 0

    cdef int arm(self, int64_t deadline) except -1:
        if self.timer is not None:
            self.timer.cancel()
        self.armed_for = deadline
        self.timer = self.loop.call_at(self.loop.time() + (deadline - real_ns()) * 1e-9, self._due)
        return 0

    def __del__(self):
        # The loop is gone, and tasks with it that nobody cancelled: what keeps their commands from being freed?
        cdef LimitQueue queue
        for queue in self.queues.values():
            while queue.first != NULL:
                queue.remove(<AioCommand>queue.first)

    def _due(self):
        """The armed moment has come: fire what is due, arm for the soonest of the rest."""
        cdef int64_t soonest = -1
        cdef LimitQueue queue
        self.timer = None
        for queue in list(self.queues.values()):
            self._fire_due(queue)
            if queue.first != NULL:
                left_over = (<AioCommand>queue.first).deadline
                if soonest < 0 or left_over < soonest:
                    soonest = left_over
        if soonest >= 0:
            self.arm(soonest)

    cdef _fire_due(self, LimitQueue queue):
        cdef int64_t now = real_ns() + SLACK_NS
        cdef AioCommand command
        while queue.first != NULL and (<AioCommand>queue.first).deadline <= now:
            command = <AioCommand>queue.first      # keeps it alive through remove()
            queue.remove(command)
            command.fire()
