"""What the commands of one request share: the log, and the cache of outcomes in flight or finished."""

cimport cython
from libc.stdint cimport int32_t, int64_t

cdef enum:               # CacheEntry.state
    PENDING = 0
    SETTLED = 1          # it has an outcome: a value or an error
    ABANDONED = 2        # it never will have one: who waited must ask again


cdef class Scope:
    """The native part of a RequestContext."""
    cdef int64_t phase             # SCOPE_*; moves up only
    cdef cython.pymutex mutex      # guards the entries' callers and waiters; held for a few instructions
    cdef dict entries              # (command key, cache key) -> CacheEntry; the dict itself is never replaced
    cdef readonly dict gatherers   # collapser -> where its requests of this scope meet; never replaced
    cdef list noted                # commands, in the order they began
    cdef bint log_full
    cdef object __weakref__
    cdef bint is_open(self) noexcept nogil
    cdef int note(self, object command) except -1        # append to the request log
    cdef CacheEntry join(self, object command_key, object cache_key, object owner, bint *mine)
    cdef int forget(self, CacheEntry entry) except -1


@cython.final
cdef class CacheEntry:
    """One run whose outcome several commands share. ``owner`` runs; its caller and all who joined are callers."""
    cdef Scope scope
    cdef object key
    cdef readonly object owner     # the command that runs
    cdef readonly object value
    cdef readonly object error
    cdef object traceback          # of error as it was settled: raising it again must not make it grow
    cdef object home               # the event loop that the run needs to go on, or None
    cdef object give_up            # callable: stop the run, nobody wants it any more; or None
    cdef list waiters              # callables without arguments, called once when the state is no longer PENDING
    cdef list waits_for            # entries that the run waits for (guarded by the graph lock)
    cdef int64_t state
    cdef int64_t callers           # guarded by scope.mutex
    cdef int32_t forks             # at its beginning
    cdef bint gone                 # takes no newcomers (guarded by scope.mutex)

    cdef bint ended(self) noexcept nogil
    cdef bint runs_here(self) noexcept nogil
    cdef bint take_caller(self) except -1
    cdef bint lost_last(self) noexcept
    cdef int end(self, int64_t state) except -1
    cpdef int settle(self, object value, object error) except -1
    cpdef int abandon(self) except -1                  # the run ended without an outcome, or never began
    cpdef bint when_ended(self, object waiter) except -1   # False: it has ended already, the waiter is not kept
    cpdef int leave(self, object waiter) except -1     # a caller who joined gives up; waiter may be None
    cpdef bint owner_leaves(self) except -1            # its own caller gives up; True: others remain, so run on
    cpdef object again(self)                           # the error, ready to be raised once more


ctypedef void (*Census)(bint any_open) noexcept nogil

cdef void watch_census(Census sink) noexcept          # have sink told now, and whenever a scope opens or closes
cdef Scope current_scope()                            # the open scope of this contextvars context, or None
cdef int begin_wait(CacheEntry entry, list own) except -1   # raises CommandStateError if it could never end
cdef void end_wait(CacheEntry entry, list own) noexcept
