"""The life of a command, written once as steps; the drivers (inline, threaded, asyncio) only call and wait."""

from cpython.object cimport PyObject
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from hystrixpy._native.circuit cimport Circuit, Settings
from hystrixpy._native.pool cimport Pool, Work
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


cdef class Place:
    """The same for a contextvars context: what a task or a worker sees as the running command."""
    cdef CommandLife command
    cdef int64_t deadline
    cdef bint active
    cdef bint in_fallback


cdef class Binding:
    """What ties a command class or function to a circuit; made once per class, function or dynamic key."""
    cdef readonly str key
    cdef readonly str group
    cdef readonly str thread_pool
    cdef readonly str owner            # who claims the key, for messages: module-qualified name
    cdef readonly object code          # CommandProperties given in code, or None
    cdef readonly object pool_code     # ThreadPoolProperties given in code, or None
    cdef readonly bint is_async
    cdef readonly bint runnable
    cdef readonly bint has_fallback
    cdef readonly bint has_cache_key
    cdef Circuit circuit
    cdef int64_t epoch
    cdef list _kept                    # circuits another thread may still be reading (free-threaded builds)
    cdef dict _derived
    cdef object __weakref__
    cdef Circuit _rebind(self)
    cdef Circuit current(self)         # the circuit to use now; asks the registry after a reset. Raises PropertyError


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
    cdef uint8_t finished
    cdef uint8_t gave_up               # its caller went away, but it runs on for those who share its outcome

    # What differs by kind: both return a new reference, or NULL with the error indicator set.
    cdef PyObject *call_run(self) noexcept
    cdef PyObject *call_fallback(self) noexcept

    # The same for the drivers: with hooks and span around it, if there are any.
    cdef PyObject *guarded_run(self) noexcept
    cdef PyObject *guarded_fallback(self) noexcept
    cdef PyObject *watched_run(self) noexcept
    cdef PyObject *watched_fallback(self) noexcept
    cdef int start_watched(self) except -1
    cdef object emitted(self, object value)               # run's value as the hooks leave it
    cdef object fallback_emitted(self, object value)
    cdef object hooked_error(self, object error)
    cdef void thread_done(self) noexcept
    cdef void end_watch(self) noexcept                    # the outcome is there: the last word of hooks and span

    # The steps, in the order of DESIGN section 5.
    cdef int begin(self) except -1                        # one shot, circuit, one snapshot of settings, deadline
    cdef object the_error(self)
    cdef bint admit(self) except -1                       # breaker; False: refused, error kept
    cdef bint take_permit(self) except -1                 # SEMAPHORE bulkhead; False: refused, error kept
    cdef bint out_of_time(self) except -1                 # nothing left of an enclosing limit: settled as TIMEOUT
    cdef int settle_value(self) except -1                 # run returned; returns the event that it amounts to
    cdef int settle_raised(self, object error) except -1  # run raised
    cdef void settle_timeout(self, int64_t real) noexcept
    cdef void settle_cancelled(self, object error) noexcept
    cdef void refuse(self, int event, object error) noexcept  # rejected by a bulkhead after the breaker let it in
    cdef bint fallback_due(self) except -1                # True: its permit is taken, run it; False: final_error() is due
    cdef void fallback_returned(self) noexcept
    cdef void fallback_raised(self, object error) noexcept
    cdef void no_room_for_fallback(self) noexcept
    cdef void finish_counting(self) noexcept
    cdef void finish(self) noexcept                       # total latency; nothing of the command is counted after it
    cdef object final_error(self)                         # the exception that the caller gets

    cdef void note(self, int event, int64_t now) noexcept
    cdef void note_now(self, int event) noexcept
    cdef void tell(self, int event) noexcept              # the listeners
    cdef void settle(self, int event, int ended, int64_t now) noexcept
    cdef bint claim(self, int64_t who) noexcept
    cdef void give_permit(self) noexcept
    cdef int find_circuit(self) except -1
    cdef int find_parent(self) except -1
    cdef int set_deadline(self, int64_t real) except -1
    cdef bint cause_was_refusal(self) noexcept
    cdef void give_fallback_permit(self) noexcept
    cdef bint is_late(self, int64_t real) noexcept
    cdef void count_waiting(self) noexcept                # THREAD or fallback: its caller waits
    cdef void count_waited(self) noexcept


cdef class Execution:
    cdef CommandLife command
    cdef bint has(self, int event) noexcept


cdef bint has_tracer() noexcept                           # a tracer provider is set
cdef int tell_of_hit(CommandLife command) except -1       # hooks and the current span, of a cache hit
cdef object taken_error()                                 # the exception that call_run or call_fallback left
cdef void push_frame(Frame *frame, CommandLife command, int64_t deadline) noexcept
cdef void pop_frame(Frame *frame) noexcept
cdef CommandLife innermost(int64_t *deadline, bint *in_fallback)  # or None; deadline: what holds here, -1: none
cdef Place enter_context(CommandLife command, int64_t deadline, bint in_fallback)   # in tasks and workers
cdef void leave_context(Place place) noexcept
cdef bint is_running(CommandLife command) noexcept        # run or fallback is under way
