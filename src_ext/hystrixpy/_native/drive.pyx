"""The synchronous drivers: execute() inline or on a pool, queue(), and await on a pool.

They hold only "call it" and "wait for it"; what is decided and counted is in execution.pyx.
Who may decide the outcome of a pooled command is settled by one compare-and-swap (claim): the worker
that finished run, the waiter or timer whose limit passed, or the canceller. The others stand back.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t, uint8_t

from hystrixpy._native.atomics cimport hx_bcas, hx_bload, hx_bstore, hx_bswap, hx_iadd, hx_iload, hx_pause
from hystrixpy._native.circuit cimport EV_FALLBACK_SUCCESS, EV_POOL_REJECTED, EV_SUCCESS, SEMAPHORE
from hystrixpy._native.clock cimport real_ns
from hystrixpy._native.execution cimport (
    BY_CANCEL, BY_LIMIT, BY_RUN, INTERRUPTIBLE, INTERRUPT_SETTING, NOBODY, NOT_RUNNING, CommandLife,
    Place, enter_context, leave_context, pop_frame, push_frame, taken_error,
)
from hystrixpy._native.crew cimport ACCEPTED, POOL_CLOSED, WORK_LEFT, WORK_RUNNING
from hystrixpy._native.pool cimport Pool, Work, fallback_pool
from hystrixpy._native.scope cimport CacheEntry, end_wait
from hystrixpy._native.sharing cimport (
    ask_cache, end_entry, enter_wait, hit_given_up, is_settled, may_share, owner_gave_up, take_share, wait_here,
)
from hystrixpy._native.timer cimport expire_at, expiry_done

from asyncio import get_running_loop
from concurrent.futures import CancelledError, Future, InvalidStateError

from hystrixpy._native.sharing import wait_on_loop
from hystrixpy.errors import CommandInterrupted, ThreadPoolRejectedError

cdef extern from "execution.h":
    PyObject *hx_take_error() noexcept
    void hx_give_error(object error) noexcept
    object hx_pass(PyObject *value)

cdef extern from "Python.h":
    PyObject *PyObject_CallMethodNoArgs(PyObject *self, PyObject *name) noexcept
    object PyContext_CopyCurrent()
    object PyContext_Copy(object context)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    unsigned long PyThread_get_thread_ident() noexcept
    int PyThreadState_SetAsyncExc(unsigned long id, PyObject *exc) noexcept

cdef str RUN = "run"
cdef str FALLBACK = "fallback"
cdef int64_t SLACK_NS = 100_000       # a loop's timer may come so much early (aio.pyx)
cdef object pool_resolver = None      # callable(circuit) -> Pool, the registry's
cdef object abandoned_sink = None     # callable(key, pool key): a worker was left behind


def install(*, pool_for=None, on_abandoned=None):
    """Set who finds pools (the registry) and who is told of abandoned workers (logging)."""
    global pool_resolver, abandoned_sink
    if pool_for is not None:
        pool_resolver = pool_for
    if on_abandoned is not None:
        abandoned_sink = on_abandoned


cdef PyObject *given(object value) noexcept:
    """A reference for a caller in C."""
    Py_INCREF(value)
    return <PyObject *>value


cdef object owned(PyObject *value):
    """Take over the reference that call_run or call_fallback gave."""
    cdef object result = <object>value
    Py_DECREF(result)
    return result


# Functions that give PyObject * return a new reference, or NULL with the error indicator set. Callers pass it on by
# hand (as Raw): an exception that goes up through Cython gets a traceback entry at each step, and making those costs
# more than all else about a refused call.

cdef PyObject *execute_command(SyncCommand self) except? NULL:
    cdef PyObject *value
    self.begin()
    if may_share(self):
        return given(self.execute_shared())
    if self.settings.isolation != SEMAPHORE:
        return given(self.run_on_pool())
    value = self.attempt()
    return value if value != NULL else self.recovered()


cdef class SyncCommand(CommandLife):
    """What ``Command`` is made of."""

    cdef PyObject *call_run(self) noexcept:
        return PyObject_CallMethodNoArgs(<PyObject *>self, <PyObject *>RUN)

    cdef PyObject *call_fallback(self) noexcept:
        return PyObject_CallMethodNoArgs(<PyObject *>self, <PyObject *>FALLBACK)

    # -- execute()

    def execute(self):
        """Run the command and wait for its value.

        Raises what ``run`` raised when no fallback helped, ``CommandTimeoutError``, a
        ``CommandRejectedError``, what the fallback raised, or ``CommandStateError`` on a second call.
        """
        return hx_pass((<Raw>execute_command)(self))

    cdef object run_here(self):
        return self.run_inline() if self.settings.isolation == SEMAPHORE else self.run_on_pool()

    cdef object execute_shared(self):
        cdef CacheEntry entry = ask_cache(self)
        while entry is not None:
            if is_settled(entry) or wait_here(self, entry):
                return take_share(self, entry)
            entry = ask_cache(self)             # its run brought nothing: perhaps it is our turn
        if self.entry is None:
            return self.run_here()
        try:
            value = self.run_here()
        except BaseException as error:
            end_entry(self, None, error)
            raise
        end_entry(self, value, None)
        return value

    cdef object run_inline(self):
        cdef PyObject *value = self.attempt()
        return hx_pass(value if value != NULL else self.recovered())

    cdef PyObject *attempt(self) except? NULL:
        """The value of run in this thread, or NULL without an error: no success, and recovery is due."""
        cdef PyObject *value
        if not self.admit() or not self.take_permit() or self.out_of_time():
            return NULL
        self.ran = True
        push_frame(&self.run_frame, self, self.deadline)
        value = self.guarded_run()
        if value == NULL:
            self.settle_error(taken_error())
        elif self.settle_inline() == EV_SUCCESS:
            return value if self.watcher is None else given(self.watched_value(owned(value)))
        else:
            Py_DECREF(<object>value)
        return NULL

    cdef int settle_inline(self) except -1:
        pop_frame(&self.run_frame)
        return self.settle_value()

    cdef int settle_error(self, object error) except -1:
        pop_frame(&self.run_frame)
        return self.settle_raised(error)

    cdef object watched_value(self, object value):
        value = self.emitted(value)
        self.end_watch()
        return value

    cdef object recover(self):
        return hx_pass(self.recovered())

    cdef PyObject *recovered(self) noexcept:
        cdef PyObject *value
        try:
            if self.fallback_due():
                push_frame(&self.fallback_frame, self, self.outer_deadline)
                value = self.guarded_fallback()
                failure = taken_error() if value == NULL else None
                pop_frame(&self.fallback_frame)
                if value != NULL:
                    return self.fallback_answer(value)
                self.fallback_raised(failure)
            self.finish()
            hx_give_error(self.final_error())
        except BaseException as error:
            hx_give_error(error)
        return NULL

    cdef PyObject *fallback_answer(self, PyObject *value) except NULL:
        self.fallback_returned()
        result = self.fallback_emitted(owned(value))
        self.finish()
        return given(result)

    cdef object run_on_pool(self):
        cdef bint done = False
        cdef bint taken
        self.find_pool()
        if not self.admit() or not self.prepare():
            return self.recover()
        try:
            taken = self.submit_attended(&done)
        except BaseException as error:          # a signal handler raised: Ctrl-C above all
            self.give_up_waiting(error)
            raise
        if not taken:                           # outside the try: a refusal is raised by recover(), nothing to give up
            return self.recover()
        if not done:
            if self.claim(BY_LIMIT):
                self.leave_run(self.settings.interrupt_on_timeout)
                self.settle_timeout(real_ns())
            else:                               # the worker was faster; it is about to publish
                self.wait(-1)
        if self.cause == EV_SUCCESS:
            return self.take_result()
        return self.recover()

    cdef object take_result(self):
        result, self.result, self.context = self.result, None, None
        if self.watcher is not None:
            self.end_watch()
        return result

    # -- handing over

    cdef int find_pool(self) except -1:
        """Before the breaker is asked: an admission must not be lost to a PropertyError of the pool."""
        if self.circuit.pool is None:
            pool_resolver(self.circuit)
        return 0

    cdef bint prepare(self) except -1:
        """Everything up to the pool's answer. False: an enclosing limit has run out, settled as TIMEOUT."""
        if self.out_of_time():
            return False
        self.context = PyContext_CopyCurrent()
        self.count_waiting()
        return True

    cdef bint submit_attended(self, bint *done) except -1:
        """Submit and wait here; False: turned away."""
        cdef Pool pool = self.circuit.pool
        cdef bint nested = self.descends_from(pool)
        cdef int answer
        if nested:
            answer = pool.submit_now(self)
            if answer == ACCEPTED:
                done[0] = self.wait(self.deadline)
        else:
            answer = pool.submit_and_wait(self, self.deadline, done)
        if answer != ACCEPTED:
            self.turn_away(answer, nested)
        return answer == ACCEPTED

    cdef bint hand_over(self) except -1:
        """Submit for queue() and await. True: the outcome will be delivered; False: refused, settled."""
        cdef Pool pool
        cdef bint nested
        cdef int answer
        if not self.prepare():
            return False
        pool = self.circuit.pool
        nested = self.descends_from(pool)
        try:
            if self.deadline >= 0:
                expire_at(self, self.deadline)  # before the worker can end it, so that expiry_done finds the entry
            answer = pool.submit_now(self) if nested else pool.submit(self)
        except BaseException as error:          # Ctrl-C while a thread starts, no thread for the timer
            self.give_up_waiting(error)
            raise
        if answer == ACCEPTED:
            return True
        expiry_done(self)
        # The timer may have been quicker than this refusal: then TIMEOUT is what happened, and it delivers.
        if not self.claim(BY_RUN):
            return True
        self.turn_away(answer, nested)
        return False

    cdef object turn_away(self, int answer, bint nested):
        self.count_waited()
        if answer == POOL_CLOSED:
            error = closed_error(self)
        else:
            error = starving_error(self) if nested else full_error(self)
        self.refuse(EV_POOL_REJECTED, error)

    cdef bint is_attended(self) noexcept:
        """Whether a thread waits in execute() and keeps the limit itself."""
        return self.future is None and self.waiter is None

    cdef bint descends_from(self, Pool pool) noexcept:
        """Whether a worker of this pool waits for us: then we must not wait in its queue."""
        cdef CommandLife outer = self.parent
        cdef bint in_fallback = self.begun_in_fallback    # no worker waits for that, even if an abandoned run goes on
        while outer is not None:
            if not in_fallback and outer.pool is pool and outer.in_thread and outer.run_frame.active:
                return True
            in_fallback, outer = outer.begun_in_fallback, outer.parent
        return False

    cdef void leave_run(self, bint interrupt) noexcept:
        """The outcome is decided without the worker: take the work back, or leave it running."""
        if self.pool is None or self.pool.withdraw(self):
            return
        if self.leave():
            self.mark_left()
            if interrupt:
                self.interrupt()

    cdef void mark_left(self) noexcept:
        # The worker may be past run already; whoever comes second takes the count back.
        cdef uint8_t unmarked = 0
        hx_iadd(&self.circuit.n.abandoned, 1)
        if not hx_bcas(&self.left_behind, &unmarked, 1):
            hx_iadd(&self.circuit.n.abandoned, -1)
        elif abandoned_sink is not None:
            abandoned_sink(self.circuit.key, self.circuit.thread_pool)

    cdef object give_up_waiting(self, object error):
        """The waiting caller goes away with an exception of its own."""
        if self.claim(BY_CANCEL):
            expiry_done(self)
            self.leave_run(self.settings.interrupt_on_cancel)
            if self.is_cut_short():
                self.settle_timeout(real_ns())
            else:
                self.settle_cancelled(error)
            self.finish()
        elif self.is_attended():
            self.wait(-1)                       # decided already: only moments until it is published
            self.finish()
        else:
            self.finish_woken()

    cdef bint is_cut_short(self) noexcept:
        """Whether an awaited command goes because its enclosing one's limit has passed: that was its own limit, too.

        The loop that cancels and the timer thread race for it; both mean TIMEOUT.
        """
        return self.waiter is not None and self.deadline == self.outer_deadline and self.is_late(real_ns() + SLACK_NS)

    cdef int finish_woken(self) except -1:
        """The task was cancelled between its wake-up and its next step. Before the wake-up, wake() does it."""
        if self.waiter.done() and not self.waiter.cancelled():
            self.finish()

    # -- on the worker

    cdef void perform(self) noexcept:
        if hx_iload(&self.claimed) == NOBODY:
            self.run_on_worker()
            self.thread_done()
        if hx_bswap(&self.left_behind, 2) == 1:
            hx_iadd(&self.circuit.n.abandoned, -1)

    cdef void run_on_worker(self) noexcept:
        cdef PyObject *value
        cdef object error
        cdef Place place
        cdef object context = self.context      # ours: a caller that gives up drops its reference
        self.in_thread = self.ran = True
        self.thread_id = PyThread_get_thread_ident()
        PyContext_Enter(context)
        place = enter_context(self, self.deadline, False)
        push_frame(&self.run_frame, self, self.deadline)
        hx_bstore(&self.interrupting, INTERRUPTIBLE)
        value = self.guarded_run()
        error = taken_error() if value == NULL else None
        self.end_interrupts()
        pop_frame(&self.run_frame)
        leave_context(place)
        PyContext_Exit(context)
        if self.claim(BY_RUN):
            self.answered = True
            self.keep(value, error)
        elif value != NULL:
            Py_DECREF(<object>value)            # too late: dropped, and counted by whoever decided

    cdef void keep(self, PyObject *value, object error) noexcept:
        if value == NULL:
            self.settle_raised(error)
            return
        result = owned(value)
        if self.settle_value() == EV_SUCCESS:
            self.result = result
            if self.watcher is not None:
                self.result = self.emitted(result)

    cdef void interrupt(self) noexcept:
        """Raise CommandInterrupted inside run, and only there: the handshake keeps it from hitting later work."""
        cdef uint8_t state = INTERRUPTIBLE
        if hx_bcas(&self.interrupting, &state, INTERRUPT_SETTING):
            self.interrupted = True
            PyThreadState_SetAsyncExc(self.thread_id, <PyObject *>CommandInterrupted)
            hx_bstore(&self.interrupting, INTERRUPTIBLE)

    cdef void end_interrupts(self) noexcept:
        cdef uint8_t state = INTERRUPTIBLE
        while not hx_bcas(&self.interrupting, &state, NOT_RUNNING):
            state = INTERRUPTIBLE               # an interrupter is at work: a few instructions
            with nogil:
                hx_pause()
        if self.interrupted:                    # set but not delivered before run ended
            PyThreadState_SetAsyncExc(self.thread_id, NULL)

    cdef void publish(self) noexcept:
        if self.answered and not self.is_attended():
            expiry_done(self)
            self.deliver()

    cdef void expire(self) noexcept:
        if self.claim(BY_LIMIT):
            self.leave_run(self.settings.interrupt_on_timeout)
            self.settle_timeout(real_ns())
            self.on_timer = True
            self.deliver()

    # -- queue()

    def queue(self):
        """Start the command and return its ``CommandFuture`` at once.

        Every failure is delivered in the future, rejections and short circuits included.
        """
        future = CommandFuture(self)
        try:
            self.begin()                        # an earlier execution may be under way: leave its future alone
            self.future = future
            if not may_share(self) or self.queue_shared():
                self.start_queued()
        except BaseException as error:
            if self.future is future:
                self.future = None
                if self.entry is not None:
                    end_entry(self, None, error)
            settle_future(future, None, error)
        return future

    cdef int start_queued(self) except -1:
        if self.settings.isolation == SEMAPHORE:
            self.attempt_inline()
            self.deliver()
            return 0
        self.find_pool()
        if not self.admit() or not self.hand_over():
            self.deliver()
        return 0

    cdef bint queue_shared(self) except -1:
        cdef CacheEntry entry = ask_cache(self)
        if entry is None:
            if self.entry is not None:
                self.entry.give_up = self._hx_stop
            return True
        if is_settled(entry):
            self.share_queued(entry)
        else:
            self.wait_queued(entry)
        return False

    cdef int wait_queued(self, CacheEntry entry) except -1:
        self.above = enter_wait(self, entry)
        self.context = PyContext_CopyCurrent()
        self.joined = entry
        if not entry.when_ended(self._hx_shared):
            self._hx_shared()
        return 0

    def _hx_shared(self):
        """The entry that a queued hit waited for has ended; on whatever thread ended it."""
        cdef CacheEntry entry = self.joined
        end_wait(entry, self.above)
        if is_settled(entry):
            if self.claim(BY_RUN):              # else it was cancelled meanwhile
                self.share_queued(entry)
        elif hx_iload(&self.claimed) == NOBODY:
            self.joined = None
            self.context.run(self._hx_ask_again)

    def _hx_ask_again(self):
        """What it waited for brought no outcome: perhaps it is our turn."""
        try:
            if self.queue_shared():
                self.start_queued()
        except BaseException as error:
            future, self.future = self.future, None
            if self.entry is not None:
                end_entry(self, None, error)
            settle_future(future, None, error)

    cdef int share_queued(self, CacheEntry entry) except -1:
        future, self.future = self.future, None
        try:
            value = take_share(self, entry)
        except Exception as error:
            settle_future(future, None, error)
        else:
            settle_future(future, value, None)
        return 0

    cdef bint attempt_inline(self) except -1:
        cdef PyObject *value
        if not self.admit() or not self.take_permit() or self.out_of_time():
            return False
        self.ran = True
        push_frame(&self.run_frame, self, self.deadline)
        value = self.guarded_run()
        error = taken_error() if value == NULL else None
        pop_frame(&self.run_frame)
        self.keep(value, error)
        return self.cause == EV_SUCCESS

    cdef void deliver(self) noexcept:
        """The attempt is settled: hand its value over, or see to the fallback. Nobody waits in execute()."""
        if self.loop is not None and not hx_bload(&self.detached):
            self.wake_loop()
        elif self.cause == EV_SUCCESS:
            self.resolve()
        elif self.fallback_due():
            self.start_fallback()
        else:
            self.resolve()

    cdef void resolve(self) noexcept:
        """Finish and answer the future; if it was cancelled meanwhile, nobody is listening."""
        cdef Delivery work
        if self.on_timer and (self.entry is not None or self.future is not None and self.future._done_callbacks):
            self.on_timer = False
            work = Delivery.__new__(Delivery)
            work.command = self
            if fallback_pool().submit(work) == ACCEPTED:
                return
        future, self.future = self.future, None
        self.finish()
        if self.cause == EV_SUCCESS or self.events >> EV_FALLBACK_SUCCESS & 1:
            value, error = self.take_result(), None
        else:
            value, error = None, self.final_error()
        if self.entry is not None:
            end_entry(self, value, error)
        settle_future(future, value, error)

    cdef void start_fallback(self) noexcept:
        cdef FallbackWork work = FallbackWork.__new__(FallbackWork)
        work.command = self
        work.context = PyContext_CopyCurrent() if self.context is None else PyContext_Copy(self.context)
        if fallback_pool().submit(work) != ACCEPTED:
            self.no_room_for_fallback()
            self.fallback_over()

    cdef void fallback_over(self) noexcept:
        if self.loop is not None and not hx_bload(&self.detached):
            self.wake_loop()
        else:
            self.resolve()

    def _hx_cancel(self):
        """The future was cancelled. True the first time, when its waiters have yet to be told."""
        if self.joined is not None:
            if self.claim(BY_CANCEL):
                self.joined.leave(self._hx_shared)
                end_wait(self.joined, self.above)
                hit_given_up(self)
                self.future = None
        elif self.entry is None or not self.leave_to_others(False):
            self._hx_stop()
        return hx_bswap(&self.cancel_told, 1) == 0

    def _hx_stop(self):
        """Nobody wants the outcome any more."""
        if self.claim(BY_CANCEL):
            expiry_done(self)
            self.leave_run(self.settings.interrupt_on_cancel)
            self.settle_cancelled(CancelledError())
            self.finish()
            self.future = None
            if self.entry is not None:
                self.entry.abandon()

    cdef bint leave_to_others(self, bint recovering) except -1:
        """Our caller goes away; True: others share the outcome, so the command runs on, with nobody to wake here."""
        if not self.entry.owner_leaves():
            return False
        owner_gave_up(self)
        self.entry.home = None
        hx_bstore(&self.detached, 1)
        if self.waiter is not None and self.waiter.done() and not self.waiter.cancelled():
            # The worker's word came before the cancellation: there will be no other.
            if recovering:
                self.resolve()
            else:
                self.deliver()
        return True

    def _hx_is_running(self):
        """Whether run is being called on a worker."""
        return hx_iload(&self.job.phase) in (WORK_RUNNING, WORK_LEFT)

    # -- await

    def __await__(self):
        return self._hx_awaited().__await__()

    async def _hx_awaited(self):
        cdef CacheEntry entry
        self.begin()
        if may_share(self):
            entry = ask_cache(self)
            while entry is not None:
                if is_settled(entry) or await wait_on_loop(self, entry):
                    return take_share(self, entry)
                entry = ask_cache(self)
            if self.entry is not None:
                return await self._hx_awaited_for_all()
        return await self._hx_awaited_alone()

    async def _hx_awaited_for_all(self):
        """Run, and have others share the outcome; if this task is cancelled, they still get it."""
        self.entry.home, self.entry.give_up = get_running_loop(), self._hx_stop
        try:
            value = await self._hx_awaited_alone()
        except BaseException as error:
            if not self.gave_up:
                end_entry(self, None, error)
            raise
        end_entry(self, value, None)
        return value

    async def _hx_awaited_alone(self):
        if self.settings.isolation == SEMAPHORE:
            return self.run_inline()
        self.loop = get_running_loop()
        self.waiter = self.loop.create_future()
        self.find_pool()
        if self.admit() and self.hand_over():
            try:
                await self.waiter
            except BaseException as error:
                if self.entry is None or not self.leave_to_others(False):
                    self.give_up_waiting(error)
                raise
        if self.cause == EV_SUCCESS:
            return self.take_result()
        return await self._hx_recover()

    async def _hx_recover(self):
        """The fallback of a thread command may block, so it runs on the fallback threads."""
        if self.fallback_due():
            self.waiter = self.loop.create_future()
            self.recovering = True
            self.start_fallback()
            try:
                await self.waiter
            except BaseException:
                if self.entry is None or not self.leave_to_others(True):
                    self.finish_woken()
                raise
            if self.events >> EV_FALLBACK_SUCCESS & 1:
                self.finish()
                return self.take_result()
        self.finish()
        raise self.final_error()

    cdef void wake_loop(self) noexcept:
        try:
            self.loop.call_soon_threadsafe(wake, self, self.waiter)
        except RuntimeError:                    # the loop is closed: whoever awaited has gone with it
            self.finish()


def wake(SyncCommand command not None, waiter):
    """On the loop: continue the driver; if it was cancelled meanwhile, finish in its place."""
    if not waiter.done():
        waiter.set_result(None)
    elif not hx_bload(&command.detached):
        command.finish()
    elif command.recovering:
        command.resolve()
    else:
        command.deliver()


cdef object settle_future(future, result, error):
    """Answer a future that may have been cancelled meanwhile: then nobody is listening any more."""
    if future is None:
        return
    try:
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
    except InvalidStateError:
        if not future.cancelled():
            raise


cdef object full_error(SyncCommand c):
    """No thread and no room in the queue."""
    pool = c.circuit.pool
    return ThreadPoolRejectedError(
        f"command {c.circuit.key!r} rejected by thread pool {pool.key!r}: all {pool.max_size} threads are busy "
        f"({pool.abandoned} of them left behind by callers that timed out or were cancelled) and {pool.queue_size} "
        f"commands are queued; shed load, or raise core_size or max_queue_size if the dependency can take more",
        command_key=c.circuit.key,
    )


cdef object starving_error(SyncCommand c):
    """A nested command would wait for the thread that waits for it."""
    pool = c.circuit.pool
    return ThreadPoolRejectedError(
        f"command {c.circuit.key!r} rejected: it was called from inside a worker of its own thread pool {pool.key!r} "
        f"while none of its {pool.max_size} threads is free, so it could wait for itself; "
        f"give the nested command a thread_pool of its own",
        command_key=c.circuit.key,
    )


cdef object closed_error(SyncCommand c):
    """The pool was shut down."""
    return ThreadPoolRejectedError(
        f"command {c.circuit.key!r} rejected: thread pool {c.circuit.thread_pool!r} was shut down "
        f"(hystrixpy.shutdown or reset)",
        command_key=c.circuit.key,
    )


cdef class FallbackWork(Work):
    """The fallback of a command nobody waits for, on one of the fallback threads."""

    cdef void perform(self) noexcept:
        cdef SyncCommand command = self.command
        cdef PyObject *value
        cdef object error
        cdef Place place
        PyContext_Enter(self.context)
        place = enter_context(command, command.outer_deadline, True)
        push_frame(&command.fallback_frame, command, command.outer_deadline)
        value = command.guarded_fallback()
        error = taken_error() if value == NULL else None
        pop_frame(&command.fallback_frame)
        leave_context(place)
        PyContext_Exit(self.context)
        if value == NULL:
            command.fallback_raised(error)
        else:
            command.fallback_returned()
            command.result = result = owned(value)
            if command.watcher is not None:
                command.result = command.fallback_emitted(result)

    cdef void publish(self) noexcept:
        self.command.fallback_over()


cdef class Delivery(Work):
    """The timeout of a future with done-callbacks: they are other people's code, for which the one timer must not wait."""

    cdef void perform(self) noexcept:
        self.command.resolve()


class CommandFuture(Future):
    """The outcome of a queued command; a ``concurrent.futures.Future`` in every respect.

    ``cancel()`` works while ``run`` runs, too: the caller gets ``CancelledError``, the worker keeps its
    slot until ``run`` returns (``interrupt_on_cancel`` interrupts it). It is False only when done.
    """

    def __init__(self, command):
        super().__init__()
        self._command = command

    def cancel(self):
        """Cancel; True unless the outcome is there already."""
        if not super().cancel():
            return False
        if self._command._hx_cancel():
            self.set_running_or_notify_cancel()    # wait() and as_completed() hear of it
        return True

    def running(self):
        """Whether ``run`` is being called right now on a worker."""
        return not self.done() and self._command._hx_is_running()
