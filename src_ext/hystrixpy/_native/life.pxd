"""The data of one execution; what is done with it is in execution.pyx and the drivers."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from hystrixpy._native.atomics cimport hx_icas
from hystrixpy._native.binding cimport Binding
from hystrixpy._native.circuit cimport (
    EV_POOL_REJECTED, EV_SEMAPHORE_REJECTED, EV_SHORT_CIRCUITED, Circuit, Settings,
)
from hystrixpy._native.pool cimport Work
from hystrixpy._native.refusal cimport Refusal
from hystrixpy._native.scope cimport CacheEntry

cdef enum:                 # CommandLife.claimed: who decides the outcome; moved from NOBODY once, by compare-and-swap
    NOBODY = 0
    BY_RUN = 1             # run ended first
    BY_LIMIT = 2           # the time limit ended first
    BY_CANCEL = 3          # the caller went away first

cdef enum:                 # CommandLife.interrupting
    NOT_RUNNING = 0
    INTERRUPTIBLE = 1
    INTERRUPT_SETTING = 2


ctypedef struct Frame:         # one level of the stack of commands that run in a thread
    PyObject *command          # an owned reference while pushed
    Frame *below
    int64_t deadline           # the limit that holds inside: real_ns() clock, -1: none
    bint active


cdef class CommandLife(Work):
    cdef Binding binding
    cdef Circuit circuit
    cdef Settings settings
    cdef CommandLife parent            # the command that was running where this one began
    cdef object error                  # what made run not succeed; read it by the_error()
    cdef Refusal refusal               # of a short circuit
    cdef object fallback_error
    cdef object result                 # kept only where a thread hands it over
    cdef object context                # contextvars context that run enters on a worker
    cdef object note_book              # None, or a dict of what only some commands have (links, cache entry, collapser)
    cdef CacheEntry entry              # what others share of our outcome; None: not cached, or a hit
    cdef object watcher                # hooks, span, recorder of this execution; None: nobody (hystrixpy.hooks.watch)
    cdef object final                  # what the watcher made of the exception that the caller gets
    cdef int64_t claimed
    cdef int64_t admission
    cdef int64_t started_at            # now_ns() clock
    cdef int64_t real_start            # real_ns() clock
    cdef int64_t deadline              # real_ns() clock; -1: none
    cdef int64_t outer_deadline        # what encloses this command, -1: none
    cdef int64_t latency               # ns, -1: none
    cdef int64_t total                 # ns, -1: none
    cdef int64_t number_collapsed
    cdef uint32_t events               # bit set of event numbers
    cdef int32_t depth
    cdef int32_t forks                 # fork generation in which the permit was taken
    cdef int32_t cause                 # event that ended the attempt: what the fallback answers to
    cdef unsigned long thread_id
    cdef Frame run_frame               # two: an abandoned run may go on while the fallback runs elsewhere
    cdef Frame fallback_frame
    # Flags are bytes: with them as ints the object would be too big for the allocator of small ones (512 bytes).
    cdef uint8_t used                  # executed
    cdef uint8_t watch_over            # 1 once the watcher was told the outcome
    cdef uint8_t left_behind           # 1: counted as abandoned, 2: run is over
    cdef uint8_t interrupting          # NOT_RUNNING ...
    cdef uint8_t holds_permit
    cdef uint8_t counted_other
    cdef uint8_t in_thread
    cdef uint8_t interrupted
    cdef uint8_t ran                   # run was called
    cdef uint8_t begun_in_fallback     # of the parent
    cdef uint8_t in_task               # inside run or fallback of a task right now
    cdef uint8_t no_fallback_thread    # its fallback was due on a thread of the shared pool, and none was free
    cdef uint8_t finished
    cdef uint8_t gave_up               # its caller went away, but it runs on for those who share its outcome

    # What differs by kind: both return a new reference, or NULL with the error indicator set.
    cdef PyObject *call_run(self) noexcept
    cdef PyObject *call_fallback(self) noexcept


cdef class Execution:
    cdef CommandLife command
    cdef bint has(self, int event) noexcept


cdef object the_error(CommandLife c)

cdef inline bint claim(CommandLife c, int64_t who) noexcept:
    """Decide the outcome; False: somebody else has."""
    cdef int64_t nobody = NOBODY
    return hx_icas(&c.claimed, &nobody, who)

cdef inline bint cause_was_refusal(CommandLife c) noexcept:
    """Whether run was never called because the breaker or a bulkhead refused."""
    return (1 << EV_SHORT_CIRCUITED | 1 << EV_SEMAPHORE_REJECTED | 1 << EV_POOL_REJECTED) >> c.cause & 1
