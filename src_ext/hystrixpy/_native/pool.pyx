"""Work, and the threads that do it. Admission and hand-over are in crew.pyx.

How a result meets its waiter: `Work.waiter` is one word. A waiter puts its parker there by compare-and-swap
from NULL; the worker exchanges the word for PUBLISHED after publish(). Whoever comes second sees the first: the
waiter that finds PUBLISHED does not sleep, the worker that finds a parker wakes it. A waiter that gives up takes
its parker out by compare-and-swap; if that fails the wake-up is on its way, and it stays until it came, so the
parker may live on the waiter's stack.

The worker wakes the waiter after it released the GIL (so the waiter finds the GIL free) and after its crew
has it on the books as free (so a waiter that comes back at once finds it). submit_and_wait mirrors that: the
worker is woken when the caller has released the GIL. Each saves a blocked hand-over of the GIL, which costs
more than all the rest.
"""

import logging
import threading
from os import register_at_fork
from weakref import WeakSet

from cpython.exc cimport PyErr_CheckSignals, PyErr_Occurred
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_iadd, hx_icas, hx_iload, hx_pcas, hx_pswap
from hystrixpy._native.crew cimport (FROM_OWN_WORKER, NO_QUEUE, Rules, crew_close, crew_has_free_thread, crew_new,
                                     crew_reborn, crew_reject, crew_release, crew_submit, crew_unstart,
                                     crew_wants_thread, crew_withdraw, worker_enlist, worker_finish, worker_take)
from hystrixpy._native.daemon cimport Duty, start_daemon
from hystrixpy._native.parking cimport (HX_LATE, HX_SIGNAL, HX_TOLD, hx_cores, hx_monotonic, hx_on_main_thread,
                                        hx_park, hx_parker, hx_parker_init, hx_spin, hx_unpark)
from hystrixpy._native.window cimport Shape, shape_of

from hystrixpy._native.arguments import text

cdef extern from *:
    """
    /* The crew and the worker that this thread is, if it is one. */
    static _Thread_local struct { void *crew, *worker; } hx_here;
    """
    struct _Here:
        void *crew
        void *worker
    _Here hx_here

cdef Rules DEFAULT_RULES = Rules(core=10, max=10, queue=-1, threshold=5, keep_alive=60_000_000_000)
cdef void *PUBLISHED = <void *>1
cdef int64_t SPIN_NS = 40_000             # what a caller watches out before it sleeps
cdef int64_t LOOK_FOR_SIGNALS_NS = 500_000_000   # a signal just before the sleep is seen after this
cdef int64_t MAX_PATIENCE = 8
cdef int64_t watching = 0                 # callers that spin now
cdef int64_t may_watch = hx_cores() - 1


cdef class Work:
    """Base of what runs on a pool. Only compiled code overrides it."""

    cdef void perform(self) noexcept:
        pass

    cdef void publish(self) noexcept:
        pass

    cdef void expire(self) noexcept:
        pass

    cdef bint wait(self, int64_t deadline) except -1:
        return wait_for(self, deadline, NULL)

    cdef bint leave(self) noexcept:
        cdef int64_t running = WORK_RUNNING
        cdef Pool pool = self.pool
        if pool is None or self.job.epoch != pool.crew.epoch:
            return False
        hx_iadd(&pool.crew.abandoned, 1)      # before the word changes: the worker takes it back when it sees WORK_LEFT
        if hx_icas(&self.job.phase, &running, WORK_LEFT):
            return True
        hx_iadd(&pool.crew.abandoned, -1)
        return False

    cdef bint is_left(self) noexcept:
        return hx_iload(&self.job.phase) == WORK_LEFT


# --- waiting --------------------------------------------------------------------------------------------

cdef bint wait_for(Work work, int64_t deadline, Worker *wake) except -1:
    """wait(); `wake` is the worker that was called for the work and is not told yet."""
    cdef hx_parker parker
    cdef void *seen = NULL
    cdef int ended = HX_TOLD
    with nogil:
        hx_parker_init(&parker)
        if hx_pcas(&work.waiter, &seen, &parker):
            if wake != NULL:
                hx_unpark(&wake.parker)
            ended = look_then_sleep(work, &parker, deadline)
        elif wake != NULL:
            hx_unpark(&wake.parker)
    if seen != NULL:
        return already_there(seen)
    while ended != HX_TOLD:
        if ended == HX_SIGNAL:
            check_signals(work, &parker)
        if deadline >= 0 and hx_monotonic() >= deadline:
            return not give_up(work, &parker)
        with nogil:
            ended = sleep(&parker, deadline)
    return True


cdef bint already_there(void *seen) except -1:
    if seen != PUBLISHED:
        raise RuntimeError("another thread waits for this work already")
    return True


cdef int look_then_sleep(Work work, hx_parker *parker, int64_t deadline) noexcept nogil:
    """Spin while that has paid lately and a core is free for it; then sleep."""
    cdef Crew *crew = (<Pool>work.pool).crew
    cdef int64_t patience = hx_iload(&crew.patience)
    cdef bint told
    if patience <= -64:                     # no luck for long: try again now and then
        patience = MAX_PATIENCE // 4
    if patience <= 0 or hx_iload(&watching) >= may_watch:
        hx_iadd(&crew.patience, -1 if may_watch > 0 else 0)
        return sleep(parker, deadline)
    hx_iadd(&watching, 1)
    told = hx_spin(parker, SPIN_NS)
    hx_iadd(&watching, -1)
    if told:
        patience = min(patience + 1, MAX_PATIENCE)
    else:
        patience -= 4
    crew.patience = patience
    return HX_TOLD if told else sleep(parker, deadline)


cdef int sleep(hx_parker *parker, int64_t deadline) noexcept nogil:
    """Until told, late, or time to look for signals (which matters on the main thread only)."""
    cdef int64_t until = deadline
    cdef int ended
    if hx_on_main_thread():
        until = hx_monotonic() + LOOK_FOR_SIGNALS_NS
        if 0 <= deadline < until:
            until = deadline
    ended = hx_park(parker, until)
    return HX_SIGNAL if ended == HX_LATE and until != deadline else ended


cdef int check_signals(Work work, hx_parker *parker) except -1:
    try:
        PyErr_CheckSignals()
    except BaseException:
        give_up(work, parker)
        raise
    return 0


cdef bint give_up(Work work, hx_parker *parker) noexcept:
    """Take the parker back; False: the work is published and has told it by now."""
    cdef void *ours = parker
    if hx_pcas(&work.waiter, &ours, NULL):
        return True
    with nogil:
        while hx_park(parker, -1) != HX_TOLD:
            pass
    return False


# --- the worker -----------------------------------------------------------------------------------------

cdef class _WorkerDuty(Duty):
    """What a worker thread does; keeps the crew, not the pool, so that a forgotten pool can end its threads."""
    cdef Crew *crew

    cdef void serve(self) noexcept:
        serve(self.crew)


cdef void serve(Crew *crew) noexcept:
    cdef int64_t epoch = crew.epoch
    cdef Worker *me = worker_enlist(crew)
    cdef hx_parker *told = NULL
    cdef Job *job
    if me == NULL:
        crew_unstart(crew)
        return
    hx_here.crew = crew
    hx_here.worker = me
    while crew.epoch == epoch:           # another one: forked inside a job, and this process has no such crew
        with nogil:
            job = worker_take(crew, me, told)
        if job == NULL:
            break
        told = do_one(crew, me, job)
    hx_here.crew = NULL
    if crew.epoch == epoch:
        crew_release(crew)


cdef hx_parker *do_one(Crew *crew, Worker *me, Job *job) noexcept:
    """Run one job; returns who has to be told that it is published."""
    cdef Work work = <Work>job.work
    cdef void *waiter
    me.performing = True
    work.perform()
    me.performing = False
    drop_error("perform")
    worker_finish(crew, job)
    work.publish()
    drop_error("publish")
    waiter = hx_pswap(&work.waiter, PUBLISHED)
    Py_DECREF(work)                      # the crew's reference
    return <hx_parker *>waiter


cdef void drop_error(str where) noexcept:
    """perform() and publish() keep their errors to themselves; a worker outlives one that does not."""
    if PyErr_Occurred() == NULL:
        return
    try:
        try:
            forward_error()
        except BaseException:
            logging.getLogger("hystrixpy").exception("an error escaped from %s() on a pool's worker", where)
    except BaseException:
        pass


cdef int forward_error() except? -1:
    return -1


# --- the pool -------------------------------------------------------------------------------------------

cdef class Pool:
    """Threads `hystrix-<key>-<n>` and who may use them; ThreadPool is what Python sees."""

    def __cinit__(self, key, properties=None):
        cdef Shape shape
        if properties is None:
            shape = shape_of(10.0, 10)
        else:
            shape = shape_of(properties.rolling_window, properties.rolling_buckets)
        self.key = text("key", key)
        self._threads = {}
        self.crew = crew_new(&shape)
        if self.crew == NULL:
            raise MemoryError
        self.crew.rules = DEFAULT_RULES
        pools.add(self)

    def __dealloc__(self):
        if self.crew != NULL:
            crew_close(self.crew)
            crew_release(self.crew)

    cdef int submit(self, Work work) except -1:
        cdef Worker *wake
        cdef int verdict = self.enter(work, 0, &wake)
        if wake != NULL:
            hx_unpark(&wake.parker)
        return verdict

    cdef int submit_now(self, Work work) except -1:
        cdef Worker *wake
        cdef int verdict = self.enter(work, NO_QUEUE, &wake)
        if wake != NULL:
            hx_unpark(&wake.parker)
        return verdict

    cdef int submit_and_wait(self, Work work, int64_t deadline, bint *published) except -1:
        cdef Worker *wake
        cdef int verdict = self.enter(work, 0, &wake)
        if verdict == ACCEPTED:
            published[0] = wait_for(work, deadline, wake)
        return verdict

    cdef bint withdraw(self, Work work) noexcept:
        if not crew_withdraw(self.crew, &work.job):
            return False
        Py_DECREF(work)
        return True

    cdef bint has_free_thread(self) noexcept:
        return crew_has_free_thread(self.crew, own_flags(self.crew))

    cdef void count_rejected(self) noexcept:
        crew_reject(self.crew)

    cdef int enter(self, Work work, int flags, Worker **wake) except -1:
        """Submit without waking: `wake` is who has to be."""
        cdef int64_t thread
        cdef int verdict
        wake[0] = NULL
        if work.job.phase != WORK_NEW:
            raise RuntimeError("a work is submitted once")
        work.pool = self
        work.job.work = <void *>work
        Py_INCREF(work)
        verdict = crew_submit(self.crew, &work.job, flags | own_flags(self.crew), wake, &thread)
        if verdict != ACCEPTED:
            Py_DECREF(work)
        elif thread != 0 and not self.start_thread_for(work, thread):
            verdict = POOL_FULL
        return verdict

    cdef bint start_thread_for(self, Work work, int64_t number) except -1:
        """Start a thread and the work with it; False: impossible, and nobody else took the work."""
        try:
            if self.start_thread(number):
                return True
        except BaseException:
            self.withdraw(work)
            raise
        if not self.withdraw(work):
            return True
        self.count_rejected()
        return False

    cdef bint start_thread(self, int64_t number) except -1:
        """Start a thread that the crew counts already; False: impossible (and logged)."""
        cdef _WorkerDuty duty = _WorkerDuty.__new__(_WorkerDuty)
        cdef bint started = False
        duty.crew = self.crew
        try:
            started = start_daemon(duty, f"hystrix-{self.key}-{number}")
        finally:
            if started or duty.serving():
                self.keep(number, duty.thread)
            else:
                crew_unstart(self.crew)
        self.report(duty.error)
        return started

    cdef int start_wanted(self) except -1:
        """After the pool has grown: threads for what is queued."""
        cdef int64_t number = crew_wants_thread(self.crew)
        while number != 0 and self.start_thread(number):
            number = crew_wants_thread(self.crew)
        return 0

    cdef int keep(self, int64_t number, object thread) except -1:
        """Remember a thread for shutdown(), and forget those that ended."""
        for other, old in self._threads.copy().items():
            if not old.is_alive():
                self._threads.pop(other, None)
        self._threads[number] = thread
        return 0

    cdef int report(self, object error) except -1:
        """Log why no thread can be started, once until one can."""
        if error is not None and not self._told_of_failure:
            logging.getLogger("hystrixpy").warning(
                "pool %r cannot start a thread (%s); calls are rejected until it can", self.key, error)
        self._told_of_failure = error is not None
        return 0

    def shutdown(self, wait: bool = True, timeout: float | None = None) -> bool:
        """Take in nothing more; what runs and what is queued still ends, then the threads do.

        With ``wait``, returns when they have, or after ``timeout`` seconds: False if a thread still runs.
        """
        cdef int64_t deadline = -1 if timeout is None else hx_monotonic() + <int64_t>(timeout * 1e9)
        crew_close(self.crew)
        while wait and self.join_some(deadline):
            pass
        return self.crew.alive == 0

    cdef bint join_some(self, int64_t deadline) except -1:
        """One round of joining; True: another one makes sense."""
        threads = [thread for thread in self._threads.copy().values()
                   if thread.is_alive() and thread is not threading.current_thread()]
        for thread in threads:
            left = None if deadline < 0 else max(0.0, (deadline - hx_monotonic()) / 1e9)
            thread.join(left)
        if not threads:
            return False
        return deadline < 0 or hx_monotonic() < deadline

    cdef void reborn(self) noexcept:
        crew_reborn(self.crew)
        self._threads = {}


cdef object pools = WeakSet()             # for a forked child


def _forked() -> None:
    """In the child of a fork: no thread of any pool exists here; what was in flight is forgotten."""
    cdef Pool pool
    global watching, making
    watching = 0
    making = threading.Lock()
    hx_here.crew = NULL
    for pool in list(pools):
        pool.reborn()


register_at_fork(after_in_child=_forked)


cdef inline int own_flags(Crew *crew) noexcept nogil:
    """Done-callbacks run on a worker whose slot is free already: it cannot serve what they submit."""
    if hx_here.crew == crew and not (<Worker *>hx_here.worker).performing:
        return FROM_OWN_WORKER
    return 0


# --- the pool of fallbacks nobody waits for -------------------------------------------------------------

cdef Pool fallbacks = None
cdef object making = threading.Lock()


cdef Pool fallback_pool():
    """Made at first use, and anew after it was shut down."""
    global fallbacks
    with making:
        if fallbacks is None or fallbacks.crew.closed:
            fallbacks = Pool("fallback")
        return fallbacks


def stop_fallbacks(wait: bool = True, timeout: float | None = None) -> bool:
    """Shut the fallback threads down; the next fallback that needs one gets new ones. True: none is left."""
    return fallbacks is None or fallbacks.shutdown(wait, timeout)
