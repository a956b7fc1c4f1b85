"""The synchronous drivers: execute() inline or on a pool, queue(), and await on a pool.

They hold only "call it" and "wait for it"; what is decided and counted is in execution.pyx.
Who may decide the outcome of a pooled command is settled by one compare-and-swap (claim): the worker
that finished run, the waiter or timer whose limit passed, or the canceller. The others stand back.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_bload, hx_bstore, hx_bswap, hx_iload
from hystrixpy._native.circuit cimport EV_FALLBACK_SUCCESS, EV_POOL_REJECTED, EV_SUCCESS, SEMAPHORE
from hystrixpy._native.clock cimport real_ns
from hystrixpy._native.crew cimport ACCEPTED, WORK_LEFT, WORK_RUNNING
from hystrixpy._native.execution cimport (
    admit, begin, count_waited, count_waiting, fallback_due, fallback_raised, fallback_returned, finish, is_late,
    no_room_for_fallback, out_of_time, refuse, settle_cancelled, settle_timeout,
)
from hystrixpy._native.failures cimport final_error, no_coroutine, pool_error
from hystrixpy._native.future cimport settle_future
from hystrixpy._native.inline cimport attempt, attempt_kept, keep, recovered
from hystrixpy._native.leaving cimport descends_from, leave_run, run_begins, run_ends, worker_done
from hystrixpy._native.life cimport BY_CANCEL, BY_LIMIT, BY_RUN, NOBODY, CommandLife, claim
from hystrixpy._native.pool cimport Pool, Work, fallback_pool
from hystrixpy._native.raised cimport given, hx_pass, owned, taken_error
from hystrixpy._native.running cimport Place, enter_context, leave_context, pop_frame, push_frame
from hystrixpy._native.scope cimport CacheEntry, end_wait
from hystrixpy._native.sharing cimport (
    ask_cache, end_entry, enter_wait, hit_given_up, is_settled, may_share, owner_gave_up, take_share, wait_here,
)
from hystrixpy._native.timer cimport expire_at, expiry_done
from hystrixpy._native.watching cimport end_watch, fallback_emitted, guarded_fallback, guarded_run, thread_done

from asyncio import get_running_loop
from concurrent.futures import CancelledError

from hystrixpy._native.future import CommandFuture
from hystrixpy._native.sharing import wait_on_loop

cdef extern from "Python.h":
    PyObject *PyObject_CallMethodNoArgs(PyObject *self, PyObject *name) noexcept
    object PyContext_CopyCurrent()
    object PyContext_Copy(object context)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1

cdef str RUN = "run"
cdef str FALLBACK = "fallback"
cdef int64_t SLACK_NS = 100_000       # a loop's timer may come so much early (aio.pyx)
cdef object pool_resolver = None      # callable(circuit) -> Pool, the registry's


def install(*, pool_for):
    """Set who finds pools: the registry."""
    global pool_resolver
    pool_resolver = pool_for


cdef PyObject *execute_command(SyncCommand self) except? NULL:
    cdef PyObject *value
    begin(self)
    if may_share(self):
        return given(self.execute_shared())
    if self.settings.isolation != SEMAPHORE:
        return given(self.run_on_pool())
    value = attempt(self)
    return value if value != NULL else recovered(self)


cdef class SyncCommand(CommandLife):
    """What ``Command`` is made of."""

    cdef PyObject *call_run(self) noexcept:
        return no_coroutine(self, PyObject_CallMethodNoArgs(<PyObject *>self, <PyObject *>RUN), RUN)

    cdef PyObject *call_fallback(self) noexcept:
        return no_coroutine(self, PyObject_CallMethodNoArgs(<PyObject *>self, <PyObject *>FALLBACK), FALLBACK)

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
        cdef PyObject *value = attempt(self)
        return hx_pass(value if value != NULL else recovered(self))

    cdef object recover(self):
        return hx_pass(recovered(self))

    cdef object run_on_pool(self):
        cdef bint done = False
        cdef bint taken
        self.find_pool()
        if not admit(self) or not self.prepare():
            return self.recover()
        try:
            taken = self.submit_attended(&done)
        except BaseException as error:          # a signal handler raised: Ctrl-C above all
            self.give_up_waiting(error)
            raise
        if not taken:                           # outside the try: a refusal is raised by recover(), nothing to give up
            return self.recover()
        if not done:
            if claim(self, BY_LIMIT):
                leave_run(self, self.settings.interrupt_on_timeout)
                settle_timeout(self, real_ns())
            else:                               # the worker was faster; it is about to publish
                self.wait(-1)
        if self.cause == EV_SUCCESS:
            return self.take_result()
        return self.recover()

    cdef object take_result(self):
        result, self.result, self.context = self.result, None, None
        if self.watcher is not None:
            end_watch(self)
        return result

    # -- handing over

    cdef int find_pool(self) except -1:
        """Before the breaker is asked: an admission must not be lost to a PropertyError of the pool."""
        if self.circuit.pool is None:
            pool_resolver(self.circuit)
        return 0

    cdef bint prepare(self) except -1:
        """Everything up to the pool's answer. False: an enclosing limit has run out, settled as TIMEOUT."""
        if out_of_time(self):
            return False
        self.context = PyContext_CopyCurrent()
        count_waiting(self)
        return True

    cdef bint submit_attended(self, bint *done) except -1:
        """Submit and wait here; False: turned away."""
        cdef Pool pool = self.circuit.pool
        cdef bint nested = descends_from(self, pool)
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
        nested = descends_from(self, pool)
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
        if not claim(self, BY_RUN):
            return True
        self.turn_away(answer, nested)
        return False

    cdef object turn_away(self, int answer, bint nested):
        count_waited(self)
        refuse(self, EV_POOL_REJECTED, pool_error(self, answer, nested))

    cdef bint is_attended(self) noexcept:
        """Whether a thread waits in execute() and keeps the limit itself."""
        return self.future is None and self.waiter is None

    cdef object give_up_waiting(self, object error):
        """The waiting caller goes away with an exception of its own."""
        if claim(self, BY_CANCEL):
            expiry_done(self)
            leave_run(self, self.settings.interrupt_on_cancel)
            if self.is_cut_short():
                settle_timeout(self, real_ns())
            else:
                settle_cancelled(self, error)
            finish(self)
        elif self.is_attended():
            self.wait(-1)                       # decided already: only moments until it is published
            finish(self)
        else:
            self.finish_woken()

    cdef bint is_cut_short(self) noexcept:
        """Whether an awaited command goes because its enclosing one's limit has passed: that was its own limit, too.

        The loop that cancels and the timer thread race for it; both mean TIMEOUT.
        """
        return self.waiter is not None and self.deadline == self.outer_deadline and is_late(self, real_ns() + SLACK_NS)

    cdef int finish_woken(self) except -1:
        """The task was cancelled between its wake-up and its next step. Before the wake-up, wake() does it."""
        if self.waiter.done() and not self.waiter.cancelled():
            finish(self)

    # -- on the worker

    cdef void perform(self) noexcept:
        if hx_iload(&self.claimed) == NOBODY:
            self.run_on_worker()
            thread_done(self)
        worker_done(self)

    cdef void run_on_worker(self) noexcept:
        cdef PyObject *value
        cdef object error
        cdef Place place
        cdef object context = self.context      # ours: a caller that gives up drops its reference
        self.in_thread = self.ran = True
        PyContext_Enter(context)
        place = enter_context(self, self.deadline, False)
        push_frame(&self.run_frame, self, self.deadline)
        run_begins(self)
        value = guarded_run(self)
        error = taken_error() if value == NULL else None
        run_ends(self)
        pop_frame(&self.run_frame)
        leave_context(place)
        PyContext_Exit(context)
        if claim(self, BY_RUN):
            self.answered = True
            keep(self, value, error)
        elif value != NULL:
            Py_DECREF(<object>value)            # too late: dropped, and counted by whoever decided

    cdef void publish(self) noexcept:
        if self.answered and not self.is_attended():
            expiry_done(self)
            self.deliver()

    cdef void expire(self) noexcept:
        if claim(self, BY_LIMIT):
            leave_run(self, self.settings.interrupt_on_timeout)
            settle_timeout(self, real_ns())
            self.on_timer = True
            self.deliver()

    # -- queue()

    def queue(self):
        """Start the command and return its ``CommandFuture`` at once.

        Every failure is delivered in the future, rejections and short circuits included.
        """
        future = CommandFuture(self)
        try:
            begin(self)                        # an earlier execution may be under way: leave its future alone
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
            attempt_kept(self)
            self.deliver()
            return 0
        self.find_pool()
        if not admit(self) or not self.hand_over():
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
            if claim(self, BY_RUN):              # else it was cancelled meanwhile
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

    cdef void deliver(self) noexcept:
        """The attempt is settled: hand its value over, or see to the fallback. Nobody waits in execute()."""
        if self.loop is not None and not hx_bload(&self.detached):
            self.wake_loop()
        elif self.cause == EV_SUCCESS:
            self.resolve()
        elif fallback_due(self):
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
        finish(self)
        if self.cause == EV_SUCCESS or self.events >> EV_FALLBACK_SUCCESS & 1:
            value, error = self.take_result(), None
        else:
            value, error = None, final_error(self)
        if self.entry is not None:
            end_entry(self, value, error)
        settle_future(future, value, error)

    cdef void start_fallback(self) noexcept:
        cdef FallbackWork work = FallbackWork.__new__(FallbackWork)
        work.command = self
        work.context = PyContext_CopyCurrent() if self.context is None else PyContext_Copy(self.context)
        if fallback_pool().submit(work) != ACCEPTED:
            no_room_for_fallback(self)
            self.fallback_over()

    cdef void fallback_over(self) noexcept:
        if self.loop is not None and not hx_bload(&self.detached):
            self.wake_loop()
        else:
            self.resolve()

    def _hx_cancel(self):
        """The future was cancelled. True the first time, when its waiters have yet to be told."""
        cdef CacheEntry joined = self.joined    # once: its end on another thread may take it away
        if joined is not None:
            if claim(self, BY_CANCEL):
                joined.leave(self._hx_shared)
                end_wait(joined, self.above)
                hit_given_up(self)
                self.future = None
        elif self.entry is None or not self.leave_to_others(False):
            self._hx_stop()
        return hx_bswap(&self.cancel_told, 1) == 0

    def _hx_stop(self):
        """Nobody wants the outcome any more."""
        if claim(self, BY_CANCEL):
            expiry_done(self)
            leave_run(self, self.settings.interrupt_on_cancel)
            settle_cancelled(self, CancelledError())
            finish(self)
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
        begin(self)
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
        if admit(self) and self.hand_over():
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
        if fallback_due(self):
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
                finish(self)
                return self.take_result()
        finish(self)
        raise final_error(self)

    cdef void wake_loop(self) noexcept:
        try:
            self.loop.call_soon_threadsafe(wake, self, self.waiter)
        except RuntimeError:                    # the loop is closed: whoever awaited has gone with it
            self.loop_is_gone()

    cdef int loop_is_gone(self) except -1:
        if self.entry is None:
            finish(self)
            return 0
        hx_bstore(&self.detached, 1)            # others may wait for the outcome, on loops and threads of their own
        if self.recovering:
            self.resolve()
        else:
            self.deliver()
        return 0


def wake(SyncCommand command not None, waiter):
    """On the loop: continue the driver; if it was cancelled meanwhile, finish in its place."""
    if not waiter.done():
        waiter.set_result(None)
    elif not hx_bload(&command.detached):
        finish(command)
    elif command.recovering:
        command.resolve()
    else:
        command.deliver()


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
        value = guarded_fallback(command)
        error = taken_error() if value == NULL else None
        pop_frame(&command.fallback_frame)
        leave_context(place)
        PyContext_Exit(self.context)
        if value == NULL:
            fallback_raised(command, error)
        else:
            fallback_returned(command)
            command.result = result = owned(value)
            if command.watcher is not None:
                command.result = fallback_emitted(command, result)

    cdef void publish(self) noexcept:
        self.command.fallback_over()


cdef class Delivery(Work):
    """The timeout of a future with done-callbacks: they are other people's code, for which the one timer must not wait."""

    cdef void perform(self) noexcept:
        self.command.resolve()
