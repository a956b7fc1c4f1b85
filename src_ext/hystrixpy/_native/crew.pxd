"""The crew of one thread pool: which job waits, which worker is free, who is woken for whom.

Plain C under one mutex that is held for a few dozen instructions; no Python, so nothing here needs the GIL.

Who counts how:
- `alive` workers exist (from the decision to start one until it retires); `active` of them run a job.
- `pending` jobs are linked. As many of them as there are workers neither active nor gone are as good as
  running: their worker is on its way. Only the rest is "queued".
"""

from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.parking cimport hx_mutex, hx_parker
from hystrixpy._native.window cimport Shape

cdef enum:               # Job.phase, moved by compare-and-swap or under the crew's mutex
    WORK_NEW = 0
    WORK_QUEUED = 1
    WORK_RUNNING = 2
    WORK_LEFT = 3        # running, but its caller has given up (abandoned)
    WORK_RETURNED = 4    # it is over, or it never ran and never will

cdef enum:               # crew_submit
    ACCEPTED = 0
    POOL_FULL = 1        # no thread is free and the queue takes no more
    POOL_CLOSED = 2

cdef enum:               # crew_submit, flags
    NO_QUEUE = 1         # accept only if a thread is free for it at once
    FROM_OWN_WORKER = 2  # the caller is a worker of this crew that is not active (it runs done-callbacks)

cdef enum:               # rows of Crew.rolling
    EXECUTED = 0
    REJECTED = 1
    MOST_ACTIVE = 2
    ROWS = 3

ctypedef struct Worker:
    hx_parker parker
    Worker *older        # idle stack, newest on top
    Worker *newer
    int64_t idle         # on the stack, or the watcher
    int64_t idle_since
    int64_t performing   # its own thread's view: inside perform()

ctypedef struct Job:     # part of a Work
    Job *before
    Job *after
    void *work           # the Work, with the crew's reference while it is pending or runs
    int64_t phase
    int64_t linked       # in the queue
    int64_t epoch        # of the crew that took it in: a forked child forgets what was in flight

ctypedef struct Rules:
    int64_t core
    int64_t max          # effective: core unless it may diverge
    int64_t queue        # places; below 1: hand-off only
    int64_t threshold    # dynamic limit of the queue
    int64_t keep_alive   # ns

ctypedef struct Crew:
    hx_mutex lock
    Rules rules
    Job *first
    Job *last
    Worker *top          # idle workers that sleep, last come first
    Worker *watcher      # the one idle worker that spins, or NULL
    Worker *spare        # structs of retired workers: never freed while the crew lives (a late wake-up may hit one)
    int64_t pending
    int64_t active
    int64_t alive
    int64_t largest
    int64_t threads      # started in all: numbers the threads
    int64_t completed
    int64_t executed     # jobs begun
    int64_t rejected
    int64_t abandoned
    int64_t luck         # of spinning workers
    int64_t patience     # of spinning callers
    int64_t closed
    int64_t epoch
    int64_t holders      # the Pool and its workers: the last one frees
    Shape shape          # of the rolling counts
    uint64_t *rolling    # three rows of cells: executed, rejected, most active

cdef Crew *crew_new(const Shape *shape) noexcept nogil   # NULL: no memory
cdef void crew_release(Crew *crew) noexcept nogil
cdef int crew_submit(Crew *crew, Job *job, int flags, Worker **wake, int64_t *thread) noexcept nogil
cdef int64_t crew_wants_thread(Crew *crew) noexcept nogil
cdef void crew_unstart(Crew *crew) noexcept nogil    # a counted thread could not be started
cdef bint crew_withdraw(Crew *crew, Job *job) noexcept nogil
cdef bint crew_has_free_thread(Crew *crew, int flags) noexcept nogil
cdef int64_t crew_queued(Crew *crew) noexcept nogil
cdef void crew_reject(Crew *crew) noexcept nogil    # count one
cdef int64_t crew_rolling(Crew *crew, int row) noexcept nogil
cdef void crew_rule(Crew *crew, const Rules *rules) noexcept nogil
cdef void crew_close(Crew *crew) noexcept nogil
cdef void crew_reborn(Crew *crew) noexcept nogil    # in a forked child

cdef Worker *worker_enlist(Crew *crew) noexcept nogil
cdef Job *worker_take(Crew *crew, Worker *me, hx_parker *told) noexcept nogil   # NULL: retired, `me` is gone
cdef void worker_finish(Crew *crew, Job *job) noexcept nogil
