"""Step 3 of a command's life: sharing the outcome of an identical command of the same request.

The drivers ask here before they run anything. Whoever comes first for a key owns its entry, runs, and ends
it with ``end_entry``; the others wait and share. An owner whose caller goes away runs on while others wait
(``owner_gave_up``); what is shared then, and counted, is the work, while the owner's own ``Execution`` says
CANCELLED. An entry that ends without an outcome (Ctrl-C, a cancelled task) is shared by nobody: those who
waited ask again, and one of them runs.
"""

from libc.stdint cimport uint32_t

from hystrixpy._native.atomics cimport hx_iload, hx_istore
from hystrixpy._native.circuit cimport (
    ARMED_HOOKS, ARMED_LISTENERS, EV_CANCELLED, EV_COLLAPSED, EV_FROM_CACHE, armed_bits,
)
from hystrixpy._native.clock cimport now_of, real_ns
from hystrixpy._native.execution cimport note
from hystrixpy._native.life cimport BY_CANCEL, BY_RUN, NOBODY, CommandLife
from hystrixpy._native.watching cimport has_tracer, tell, tell_of_hit
from hystrixpy._native.scope cimport SETTLED, CacheEntry, Scope, begin_wait, current_scope, end_wait

from _thread import allocate_lock
from asyncio import get_running_loop
from asyncio.events import _get_running_loop as running_loop
from concurrent.futures import CancelledError

from hystrixpy.errors import CommandStateError, RequestContextError

cdef uint32_t NOT_SHARED = <uint32_t>1 << EV_COLLAPSED


cdef bint is_settled(CacheEntry entry) noexcept:
    return hx_iload(&entry.state) == SETTLED


cdef CacheEntry ask_cache(CommandLife command):
    cdef CacheEntry entry
    cdef bint mine = False
    try:
        entry = find_entry(command, &mine)
    except BaseException as error:
        hx_istore(&command.claimed, BY_RUN)
        command.error = error
        command.finished = True
        raise
    if hx_iload(&command.claimed) != NOBODY:
        step_back(entry, mine)
    if mine:
        command.entry = entry
        return None
    return entry


cdef CacheEntry find_entry(CommandLife command, bint *mine):
    """The entry of the command's cache key, and whether it is the command's to run; None: it has no key."""
    cdef Scope scope
    key = command.cache_key()
    if key is None:
        return None
    scope = current_scope()
    if scope is None:
        raise no_context(command.circuit.key)
    try:
        return scope.join(command.circuit.key, key, command, mine)
    except TypeError as error:
        raise unusable_key(f"command {command.circuit.key!r}", key, error) from None


cdef int step_back(CacheEntry entry, bint mine) except -1:
    """A queued hit that asks once more was cancelled meanwhile: it never runs, so nobody may come to wait for it."""
    if mine:
        entry.abandon()
    elif entry is not None:
        entry.leave(None)
    raise CancelledError


cdef object no_context(str key):
    return RequestContextError(
        f"command {key!r} has a cache key and needs an open RequestContext, and there is none here: wrap the request "
        f"in `with RequestContext():`, or switch request_cache_enabled off for it", command_key=key,
    )


cdef object unusable_key(str of, object cache_key, object error):
    """The TypeError to raise for one that came from comparing a cache key, for which it must be hashable."""
    try:
        hash(cache_key)
    except TypeError as reason:
        return TypeError(f"the cache key of {of} is a {type(cache_key).__name__}: {reason}; a str will do")
    return error


cdef object take_share(CommandLife command, CacheEntry entry):
    cdef CommandLife owner = <CommandLife>entry.owner
    command.events |= owner.events & ~NOT_SHARED
    command.error = owner.error
    command.fallback_error = owner.fallback_error
    command.cause = owner.cause
    command.finished = True
    note(command, EV_FROM_CACHE, now_of(real_ns()))
    if armed_bits() & ARMED_HOOKS or has_tracer():
        tell_in_context(command)
    if entry.error is not None:
        raise entry.again()
    return entry.value


cdef int tell_in_context(CommandLife command) except -1:
    """Where the caller is, for the span that is current there: a queued hit learns of it where the run has ended."""
    if command.context is None:
        return tell_of_hit(command)
    command.context.copy().run(tell_hooks, command)   # a copy: perhaps we are inside the context itself
    return 0


def tell_hooks(CommandLife command not None):
    """For ``Context.run``."""
    tell_of_hit(command)


cdef list enter_wait(CommandLife command, CacheEntry entry):
    """The pending entries of the commands around this one, which now wait for ``entry``, too."""
    cdef list own = []
    cdef CommandLife outer = command.parent
    while outer is not None:
        if outer.entry is not None and not outer.entry.ended():
            own.append(outer.entry)
        outer = outer.parent
    try:
        begin_wait(entry, own)
    except BaseException:
        entry.leave(None)
        raise
    return own


cdef bint wait_here(CommandLife command, CacheEntry entry) except -1:
    cdef list own = enter_wait(command, entry)
    lock = allocate_lock()
    release = lock.release
    lock.acquire()
    try:
        if entry.home is not None and entry.home is running_loop():
            raise standstill(command.circuit.key)
        if entry.when_ended(release):
            lock.acquire()  # Ctrl-C comes through
    except BaseException as error:
        entry.leave(release)
        if not isinstance(error, CommandStateError):
            hit_given_up(command)
        raise
    finally:
        end_wait(entry, own)
    return is_settled(entry)


cdef object standstill(str key):
    return CommandStateError(
        f"command {key!r} would wait for itself: an identical one is awaited on this thread's event loop, which "
        f"execute() would block; await it instead", command_key=key,
    )


cdef class LoopWaiter:
    """Wakes a coroutine from any thread."""

    def __init__(self, loop):
        self.loop, self.future = loop, loop.create_future()

    def __call__(self):
        if self.loop is running_loop():
            self.wake()
            return
        try:
            self.loop.call_soon_threadsafe(self.wake)
        except RuntimeError:
            pass  # the loop is closed, and the coroutine with it

    def wake(self):
        """On the loop."""
        if not self.future.done():
            self.future.set_result(None)


async def wait_on_loop(CommandLife command not None, CacheEntry entry not None):
    """Wait as a coroutine; False: no outcome, ask again."""
    cdef list own = enter_wait(command, entry)
    cdef LoopWaiter waiter = LoopWaiter(get_running_loop())
    try:
        if entry.when_ended(waiter):
            await waiter.future
    except BaseException:
        entry.leave(waiter)
        hit_given_up(command)
        raise
    finally:
        end_wait(entry, own)
    return is_settled(entry)


cdef int hit_given_up(CommandLife command) except -1:
    hx_istore(&command.claimed, BY_CANCEL)
    command.finished = True
    note(command, EV_FROM_CACHE, now_of(real_ns()))
    note(command, EV_CANCELLED, now_of(real_ns()))
    return 0


cdef int owner_gave_up(CommandLife command) except -1:
    # Counted here for the caller; what the work ends with is counted when it ends.
    command.circuit.count(EV_CANCELLED, now_of(real_ns()))
    if armed_bits() & ARMED_LISTENERS:
        tell(command, EV_CANCELLED)
    command.gave_up = True
    return 0


cdef int end_entry(CommandLife command, object value, object error) except -1:
    if error is not None and not isinstance(error, Exception):
        return command.entry.abandon()
    return command.entry.settle(value, error)
