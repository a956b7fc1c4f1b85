"""How a synchronous command is performed: in the calling thread, or handed to a pool and waited for."""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t

from hystrixpy._native.life cimport CommandLife
from hystrixpy._native.pool cimport Work
from hystrixpy._native.scope cimport CacheEntry


ctypedef PyObject *(*Raw)(SyncCommand command) noexcept
cdef PyObject *execute_command(SyncCommand command) except? NULL   # execute(), for callers in C; call it as Raw


cdef class SyncCommand(CommandLife):
    cdef object future           # CommandFuture of queue(), until it is resolved
    cdef object loop             # of await, with
    cdef object waiter           # the loop's future that the driver sleeps on
    cdef CacheEntry joined       # the entry whose outcome a queued hit waits for
    cdef list above              # entries that wait with it, see sharing.enter_wait
    cdef uint8_t detached        # 1: its caller went away and it runs on for others; nobody is woken on the loop
    cdef uint8_t cancel_told
    cdef uint8_t recovering         # await: the fallback is under way
    cdef uint8_t answered           # the worker decided the outcome: publish() delivers it
    cdef uint8_t on_timer           # the timer decided it, and delivers

    cdef object run_here(self)
    cdef object execute_shared(self)
    cdef bint queue_shared(self) except -1        # True: run; False: it shares what somebody else runs
    cdef int wait_queued(self, CacheEntry entry) except -1
    cdef int share_queued(self, CacheEntry entry) except -1
    cdef bint leave_to_others(self, bint recovering) except -1
    cdef object run_inline(self)
    cdef object run_on_pool(self)
    cdef bint is_attended(self) noexcept
    cdef int find_pool(self) except -1
    cdef int start_queued(self) except -1
    cdef bint is_cut_short(self) noexcept
    cdef int finish_woken(self) except -1
    cdef void fallback_over(self) noexcept
    cdef bint hand_over(self) except -1
    cdef bint prepare(self) except -1
    cdef bint submit_attended(self, bint *done) except -1
    cdef object turn_away(self, int answer, bint nested)
    cdef object recover(self)                     # the fallback in this thread, or raise what the caller gets
    cdef object take_result(self)
    cdef object give_up_waiting(self, object error)
    cdef void run_on_worker(self) noexcept
    cdef void deliver(self) noexcept
    cdef void resolve(self) noexcept
    cdef void wake_loop(self) noexcept
    cdef int loop_is_gone(self) except -1
    cdef void start_fallback(self) noexcept


cdef class FallbackWork(Work):
    cdef SyncCommand command
    cdef object context


cdef class Delivery(Work):
    cdef SyncCommand command
