"""Step 3 of a command's life: sharing the outcome of an identical command of the same request."""

from hystrixpy._native.life cimport CommandLife
from hystrixpy._native.scope cimport CacheEntry


cdef inline bint may_share(CommandLife command) noexcept:
    """Whether a command has to ask the cache at all: two loads for those that never do."""
    return command.binding.has_cache_key and command.settings.cache_enabled


cdef CacheEntry ask_cache(CommandLife command)
# The entry to share. None: the command is to run; if others may share what it brings, command.entry is set.
# Raises RequestContextError for a key without a context, what cache_key() raises, and CancelledError when a command
# that asks again has been cancelled meanwhile.

cdef bint is_settled(CacheEntry entry) noexcept          # it has an outcome
cdef object take_share(CommandLife command, CacheEntry entry)       # the value, or the error raised; counts the hit
cdef list enter_wait(CommandLife command, CacheEntry entry)         # CommandStateError if it could never end
cdef bint wait_here(CommandLife command, CacheEntry entry) except -1    # blocks; False: no outcome, ask again
cdef object unusable_key(str of, object cache_key, object error)    # the error to raise for one from comparing a key
cdef int hit_given_up(CommandLife command) except -1     # the caller of a hit went away while it waited
cdef int owner_gave_up(CommandLife command) except -1    # its own caller went away, but others wait for its outcome
cdef int end_entry(CommandLife command, object value, object error) except -1   # the owner's outcome is there


cdef class LoopWaiter:
    """Wakes a coroutine from any thread."""
    cdef readonly object loop
    cdef readonly object future
