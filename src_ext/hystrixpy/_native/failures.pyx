"""What the caller of a command that did not succeed is told: every text of the life of a command."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from hystrixpy._native.circuit cimport EV_FAILURE, EV_FALLBACK_REJECTION
from hystrixpy._native.crew cimport POOL_CLOSED
from hystrixpy._native.life cimport CommandLife, the_error
from hystrixpy._native.raised cimport hx_put_error, matches, owned

from hystrixpy.errors import (
    CommandFailedError, CommandStateError, CommandTimeoutError, FallbackRejectedError, SemaphoreRejectedError,
    ThreadPoolRejectedError,
)
from hystrixpy.events import EventType


cdef object final_error(CommandLife c):
    """The exception that the caller gets; a failed fallback's is chained to what made run fail."""
    if c.final is not None:
        return c.final
    if c.fallback_error is not None:
        if not matches(c.fallback_error, Exception):
            return c.fallback_error
        chain(c.fallback_error, the_error(c))
    elif c.events >> EV_FALLBACK_REJECTION & 1:
        return fallback_rejected(c)
    if c.cause == EV_FAILURE and c.settings.raise_hystrix:
        return failed_error(c)
    return the_error(c) if c.fallback_error is None else c.fallback_error


cdef object chain(object error, object cause):
    """Set the cause, unless the error is part of what led to it: a fallback may raise the same one again."""
    link, length = cause, 0
    while link is not None and length < 100:
        if link is error:
            return
        link, length = link.__cause__, length + 1
    error.__cause__ = cause


cdef object used_error(CommandLife c):
    """One instance is one call."""
    again = "call the function again"
    if "_hx_binding" in type(c).__dict__:
        again = f"make a new {type(c).__name__}(...)"
    return CommandStateError(
        f"command {c.binding.key!r} was already executed: one instance is one call, so {again} for the next one",
        command_key=c.binding.key,
    )


cdef object timeout_error(CommandLife c, int64_t real):
    """What the caller of a timed-out command gets."""
    cdef double took = (real - c.real_start) * 1e-9
    if c.deadline == c.outer_deadline:
        text = f"command {c.circuit.key!r} timed out after {took:.3f} s: the enclosing command's limit was used up"
    else:
        text = f"command {c.circuit.key!r} timed out after {took:.3f} s (timeout {c.settings.timeout_ns * 1e-9:g} s)"
    # Made without a line of Python, in which Ctrl-C or the interrupt of a run around it would be raised: the command
    # would never be settled, and its permit be lost.
    error = CommandTimeoutError.__new__(CommandTimeoutError)
    error.args, error.command_key = (text,), c.circuit.key
    return error


cdef str shown(object error):
    """An exception of the user's; its class alone if it cannot show itself, for its caller must get it all the same."""
    try:
        return repr(error)
    except Exception:
        return f"{type(error).__qualname__}(...)"


cdef object fallback_rejected(CommandLife c):
    """The fallback could not be tried; what made run fail stays the cause."""
    if c.no_fallback_thread:
        why = "the threads that all keys share for the fallbacks of queue() and await are all busy"
    else:
        why = f"{c.settings.fallback_max} fallbacks are already running (fallback_max_concurrent)"
    error = FallbackRejectedError(
        f"the fallback of {c.circuit.key!r} was rejected: {why}; run had failed with {shown(the_error(c))}",
        command_key=c.circuit.key,
    )
    error.__cause__ = the_error(c)
    return error


cdef object failed_error(CommandLife c):
    """The wrapper that raise_hystrix_errors asks for."""
    error = CommandFailedError(
        f"command {c.circuit.key!r} failed: {shown(c.error)}"
        + ("" if c.fallback_error is None else f"; its fallback failed too: {shown(c.fallback_error)}"),
        command_key=c.circuit.key, failure_type=EventType.FAILURE, fallback_exception=c.fallback_error,
    )
    error.__cause__ = c.error
    return error


cdef PyObject *refused_coroutine(CommandLife c, PyObject *value, str part) noexcept:
    """It was made and never awaited: that would count as a success that guarded nothing."""
    coroutine = owned(value)
    coroutine.close()
    hx_put_error(TypeError(
        f"{part} of command {c.binding.key!r} returned a coroutine, but the command is of a plain def and nobody would "
        f"await it here: make the whole an async def (AsyncCommand, or @command on the async def itself), or return a value"
    ))
    return NULL


cdef object no_permit_error(CommandLife c):
    """All permits are taken."""
    return SemaphoreRejectedError(
        f"command {c.circuit.key!r} rejected: {c.settings.max_concurrent} executions are already running "
        f"(max_concurrent); shed load, or raise max_concurrent if the dependency can take more",
        command_key=c.circuit.key,
    )


cdef object pool_error(CommandLife c, int answer, bint nested):
    """The pool did not take it."""
    if answer == POOL_CLOSED:
        why = closed_text(c)
    else:
        why = starving_text(c) if nested else full_text(c)
    return ThreadPoolRejectedError(f"command {c.circuit.key!r} rejected{why}", command_key=c.circuit.key)


cdef str full_text(CommandLife c):
    """No thread and no room in the queue."""
    pool = c.circuit.pool
    return (
        f" by thread pool {pool.key!r}: all {pool.max_size} threads are busy "
        f"({pool.abandoned} of them left behind by callers that timed out or were cancelled) and {pool.queue_size} "
        f"commands are queued; shed load, or raise core_size or max_queue_size if the dependency can take more"
    )


cdef str starving_text(CommandLife c):
    """A nested command would wait for the thread that waits for it."""
    pool = c.circuit.pool
    return (
        f": it was called from inside a worker of its own thread pool {pool.key!r} while none of its {pool.max_size} "
        f"threads is free, so it could wait for itself; give the nested command a thread_pool of its own"
    )


cdef str closed_text(CommandLife c):
    """The pool was shut down."""
    return f": thread pool {c.circuit.thread_pool!r} was shut down (hystrixpy.shutdown or reset)"
