"""Admission and hand-over inside one pool; what the numbers mean is said in crew.pxd.

How a job meets a worker without a wake-up being lost: a job is linked and a worker becomes idle only under the
mutex, and a worker becomes idle only when no job is linked. Whoever links a job takes one idle worker off the
books in the same critical section and wakes it afterwards. So between the two every job has a worker that is
awake, or about to be woken, and that looks at the queue before it sleeps again. A wake-up that comes late (the
worker found the job earlier) merely makes a worker look once more.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from hystrixpy._native.atomics cimport hx_iadd, hx_iload, hx_istore, hx_iswap
from hystrixpy._native.clock cimport now_ns
from hystrixpy._native.parking cimport (hx_cores, hx_lock, hx_monotonic, hx_mutex_init, hx_park, hx_parker_init,
                                        hx_spin, hx_unlock, hx_unpark)
from hystrixpy._native.window cimport Shape, Spot, cell_add, cell_max, cells_max, cells_sum, spot_at

cdef int64_t SPIN_NS = 25_000         # about what a sleep and a wake-up cost
cdef int64_t MAX_LUCK = 8
cdef int64_t spinning = 0             # workers that spin now, all pools
cdef int64_t may_spin = hx_cores() - 1


cdef Crew *crew_new(const Shape *shape) noexcept nogil:
    cdef Crew *crew = <Crew *>calloc(1, sizeof(Crew))
    if crew == NULL:
        return NULL
    crew.rolling = <uint64_t *>calloc(ROWS * shape.buckets, sizeof(uint64_t))
    if crew.rolling == NULL:
        free(crew)
        return NULL
    crew.shape = shape[0]
    crew.holders = 1
    crew.luck = crew.patience = MAX_LUCK
    hx_mutex_init(&crew.lock)
    return crew


cdef void crew_release(Crew *crew) noexcept nogil:
    """Give up one hold; the last one frees. No job can be pending: each holds its pool."""
    cdef Worker *worker
    if hx_iadd(&crew.holders, -1) > 1:
        return
    while crew.spare != NULL:
        worker = crew.spare
        crew.spare = worker.older
        free(worker)
    free(crew.rolling)
    free(crew)


# --- who gets in -----------------------------------------------------------------------------------

cdef inline int64_t free_threads(const Crew *crew, int flags) noexcept nogil:
    """Workers that neither run a job nor are promised to a pending one; below zero: jobs without a worker."""
    return crew.alive - crew.active - crew.pending - (1 if flags & FROM_OWN_WORKER else 0)


cdef inline int64_t queued(const Crew *crew) noexcept nogil:
    cdef int64_t waiting = -free_threads(crew, 0)
    if waiting > crew.pending:
        waiting = crew.pending
    return waiting if waiting > 0 else 0


cdef bint thread_for_it(const Crew *crew, int flags, bint *start) noexcept nogil:
    """Whether a thread is free for one more job, or may be started (start) by the pool's size alone."""
    cdef int64_t taken = hx_iload(&crew.active) + crew.pending
    cdef bint free_one = free_threads(crew, flags) > 0
    cdef bint queues = crew.rules.queue > 0
    start[0] = not free_one
    if taken < crew.rules.core or crew.alive < crew.rules.core:
        return True
    return taken < crew.rules.max and (free_one or not queues)


cdef int admit(const Crew *crew, int flags, bint *start) noexcept nogil:
    """Hystrix's rules on those of the JDK: threads up to core, then the queue, then threads up to the maximum."""
    cdef int64_t waiting
    if crew.closed:
        return POOL_CLOSED
    if thread_for_it(crew, flags, start):
        return ACCEPTED
    if flags & NO_QUEUE or crew.rules.queue < 1:
        return POOL_FULL
    waiting = queued(crew)
    if waiting >= crew.rules.threshold:      # before the maximum is thought of, as in Hystrix
        return POOL_FULL
    start[0] = waiting >= crew.rules.queue
    if start[0] and crew.alive >= crew.rules.max:
        return POOL_FULL
    return ACCEPTED


cdef void link(Crew *crew, Job *job) noexcept nogil:
    job.before = crew.last
    job.after = NULL
    if crew.last == NULL:
        crew.first = job
    else:
        crew.last.after = job
    crew.last = job
    job.linked = True
    crew.pending += 1


cdef void unlink(Crew *crew, Job *job) noexcept nogil:
    if job.before == NULL:
        crew.first = job.after
    else:
        job.before.after = job.after
    if job.after == NULL:
        crew.last = job.before
    else:
        job.after.before = job.before
    job.linked = False
    crew.pending -= 1


cdef int crew_submit(Crew *crew, Job *job, int flags, Worker **wake, int64_t *thread) noexcept nogil:
    """Take a job in, or refuse it. The caller then wakes `wake`, and starts thread number `thread` if not 0."""
    cdef int verdict
    cdef bint start = False
    wake[0] = NULL
    thread[0] = 0
    hx_lock(&crew.lock)
    verdict = admit(crew, flags, &start)
    if verdict == ACCEPTED:
        job.epoch = crew.epoch
        hx_istore(&job.phase, WORK_QUEUED)
        link(crew, job)
        if start:
            thread[0] = reckon_new_thread(crew)
        else:
            wake[0] = call_idle(crew)
    hx_unlock(&crew.lock)
    if verdict == POOL_FULL:
        crew_reject(crew)
    return verdict


cdef int64_t crew_wants_thread(Crew *crew) noexcept nogil:
    """After core was raised: the number of a thread to start for jobs that are queued, counted already; or 0."""
    cdef int64_t thread = 0
    hx_lock(&crew.lock)
    if queued(crew) > 0 and crew.alive < crew.rules.core:
        thread = reckon_new_thread(crew)
    hx_unlock(&crew.lock)
    return thread


cdef int64_t reckon_new_thread(Crew *crew) noexcept nogil:
    """A thread counts from the decision to start it: the job it is started for is not queued."""
    hx_iadd(&crew.holders, 1)
    crew.threads += 1
    crew.alive += 1
    if crew.alive > crew.largest:
        crew.largest = crew.alive
    return crew.threads


cdef void crew_unstart(Crew *crew) noexcept nogil:
    hx_lock(&crew.lock)
    crew.alive -= 1
    hx_unlock(&crew.lock)
    crew_release(crew)


cdef bint crew_withdraw(Crew *crew, Job *job) noexcept nogil:
    cdef bint ours
    hx_lock(&crew.lock)
    ours = job.linked and job.epoch == crew.epoch
    if ours:
        unlink(crew, job)
        hx_istore(&job.phase, WORK_RETURNED)
    hx_unlock(&crew.lock)
    return ours


cdef bint crew_has_free_thread(Crew *crew, int flags) noexcept nogil:
    cdef bint start
    cdef bint there
    hx_lock(&crew.lock)
    there = not crew.closed and thread_for_it(crew, flags, &start)
    hx_unlock(&crew.lock)
    return there


cdef int64_t crew_queued(Crew *crew) noexcept nogil:
    cdef int64_t waiting
    hx_lock(&crew.lock)
    waiting = queued(crew)
    hx_unlock(&crew.lock)
    return waiting


# --- numbers ---------------------------------------------------------------------------------------

cdef void crew_reject(Crew *crew) noexcept nogil:
    cdef Spot spot = spot_at(&crew.shape, now_ns())
    hx_iadd(&crew.rejected, 1)
    cell_add(crew.rolling + REJECTED * crew.shape.buckets + spot.index, spot.tag, 1)


cdef void count_begun(Crew *crew, int64_t active) noexcept nogil:
    cdef Spot spot = spot_at(&crew.shape, now_ns())
    hx_iadd(&crew.executed, 1)
    cell_add(crew.rolling + EXECUTED * crew.shape.buckets + spot.index, spot.tag, 1)
    cell_max(crew.rolling + MOST_ACTIVE * crew.shape.buckets + spot.index, spot.tag, <uint64_t>active)


cdef int64_t crew_rolling(Crew *crew, int row) noexcept nogil:
    """A rolling count; the most active ones are never fewer than those that are active now."""
    cdef const uint64_t *cells = crew.rolling + row * crew.shape.buckets
    if row != MOST_ACTIVE:
        return <int64_t>cells_sum(cells, &crew.shape, now_ns())
    return max(<int64_t>cells_max(cells, &crew.shape, now_ns()), hx_iload(&crew.active))


# --- idle workers -----------------------------------------------------------------------------------

cdef Worker *call_idle(Crew *crew) noexcept nogil:
    """Take the idle worker that is nearest to being awake off the books, or NULL."""
    cdef Worker *worker = crew.watcher if crew.watcher != NULL else crew.top
    if worker != NULL:
        leave_idle(crew, worker)
        learn(crew, hx_monotonic() - worker.idle_since)
    return worker


cdef void learn(Crew *crew, int64_t gap) noexcept nogil:
    """Spinning pays while work comes again sooner than a sleep would take; a slept-through gap counts as well."""
    if gap > SPIN_NS:
        crew.luck -= 2 if crew.luck > 1 else crew.luck
    elif crew.luck < MAX_LUCK:
        crew.luck += 1


cdef void become_idle(Crew *crew, Worker *me, bint watch) noexcept nogil:
    me.idle = True
    if watch:
        crew.watcher = me
        return
    me.newer = NULL
    me.older = crew.top
    if crew.top != NULL:
        crew.top.newer = me
    crew.top = me


cdef void leave_idle(Crew *crew, Worker *me) noexcept nogil:
    me.idle = False
    if crew.watcher == me:
        crew.watcher = NULL
        return
    if me.newer == NULL:
        crew.top = me.older
    else:
        me.newer.older = me.older
    if me.older != NULL:
        me.older.newer = me.newer


cdef Worker *worker_enlist(Crew *crew) noexcept nogil:
    """The struct of a new worker thread; NULL: no memory."""
    cdef Worker *me
    hx_lock(&crew.lock)
    me = crew.spare
    if me != NULL:
        crew.spare = me.older
    hx_unlock(&crew.lock)
    if me == NULL:
        me = <Worker *>calloc(1, sizeof(Worker))
    if me != NULL:
        hx_parker_init(&me.parker)
    return me


cdef void retire(Crew *crew, Worker *me) noexcept nogil:
    crew.alive -= 1
    me.older = crew.spare
    crew.spare = me


cdef bint surplus(const Crew *crew) noexcept nogil:
    """Whether a worker that looks for work should rather go: closed, or more threads than the sizes allow."""
    if crew.first != NULL:         # promised jobs are served first, but never by more threads than the maximum
        return crew.alive > crew.rules.max and crew.rules.queue > 0 and hx_iload(&crew.active) >= crew.rules.max
    return crew.closed or crew.alive > crew.rules.max


cdef Job *pop(Crew *crew) noexcept nogil:
    cdef Job *job = crew.first
    unlink(crew, job)
    hx_istore(&job.phase, WORK_RUNNING)
    return job


cdef Job *worker_take(Crew *crew, Worker *me, hx_parker *told) noexcept nogil:
    """The next job. `told`: who waits for the last one; woken when this worker is on the books as free again."""
    cdef Job *job = NULL
    cdef bint over = False
    cdef int64_t active
    hx_lock(&crew.lock)
    while True:
        if surplus(crew) or over:
            retire(crew, me)
            break
        if crew.first != NULL:
            job = pop(crew)
            active = hx_iadd(&crew.active, 1) + 1
            break
        over = idle(crew, me, told)
        told = NULL
    hx_unlock(&crew.lock)
    if told != NULL:
        hx_unpark(told)
    if job != NULL:
        count_begun(crew, active)
    return job


cdef bint idle(Crew *crew, Worker *me, hx_parker *told) noexcept nogil:
    """Wait for a job: entered and left with the mutex held. True: keep_alive is over and the crew larger than core."""
    cdef bint watch = crew.watcher == NULL and crew.luck > 0 and hx_iload(&spinning) < may_spin
    hx_parker_init(&me.parker)
    me.idle_since = hx_monotonic()
    become_idle(crew, me, watch)
    hx_unlock(&crew.lock)
    if told != NULL:
        hx_unpark(told)
    if watch:
        spin_a_while(crew, me)
    hx_lock(&crew.lock)
    if watch and me.idle:
        leave_idle(crew, me)
        if crew.first == NULL:
            become_idle(crew, me, False)
    while me.idle and crew.first == NULL and not surplus(crew):
        if crew.alive > crew.rules.core and hx_monotonic() - me.idle_since >= crew.rules.keep_alive:
            leave_idle(crew, me)
            return True
        sleep_until_told(crew, me)
    if me.idle:
        leave_idle(crew, me)
    return False


cdef void spin_a_while(Crew *crew, Worker *me) noexcept nogil:
    hx_iadd(&spinning, 1)
    hx_spin(&me.parker, SPIN_NS)
    hx_iadd(&spinning, -1)


cdef void sleep_until_told(Crew *crew, Worker *me) noexcept nogil:
    """One sleep of an idle worker; the mutex is released meanwhile."""
    cdef int64_t deadline = -1
    if crew.alive > crew.rules.core:
        deadline = me.idle_since + crew.rules.keep_alive
    hx_unlock(&crew.lock)
    hx_park(&me.parker, deadline)
    hx_lock(&crew.lock)
    if me.idle:
        hx_parker_init(&me.parker)


cdef void worker_finish(Crew *crew, Job *job) noexcept nogil:
    """The slot is free: from here on a new job is accepted in its place."""
    cdef int64_t phase = hx_iswap(&job.phase, WORK_RETURNED)
    if job.epoch != crew.epoch:
        return                     # forked inside the job: this process never counted it
    if phase == WORK_LEFT:
        hx_iadd(&crew.abandoned, -1)
    hx_iadd(&crew.completed, 1)
    hx_iadd(&crew.active, -1)


# --- the whole crew ---------------------------------------------------------------------------------

cdef void wake_all(Crew *crew) noexcept nogil:
    """Every idle worker looks at the rules again; it stays on the books until it has."""
    cdef Worker *worker = crew.top
    while worker != NULL:
        hx_unpark(&worker.parker)
        worker = worker.older


cdef void crew_rule(Crew *crew, const Rules *rules) noexcept nogil:
    hx_lock(&crew.lock)
    crew.rules = rules[0]
    wake_all(crew)
    hx_unlock(&crew.lock)


cdef void crew_close(Crew *crew) noexcept nogil:
    hx_lock(&crew.lock)
    crew.closed = True
    wake_all(crew)
    hx_unlock(&crew.lock)


cdef void crew_reborn(Crew *crew) noexcept nogil:
    """No thread of the crew exists in this process, and another one may have held the mutex when it was forked."""
    hx_mutex_init(&crew.lock)
    crew.first = crew.last = NULL
    crew.top = crew.watcher = crew.spare = NULL
    crew.pending = crew.active = crew.alive = crew.largest = crew.abandoned = 0
    crew.holders = 1
    crew.epoch += 1
