"""The data of one execution, and the view of it that users read."""

from cpython.object cimport PyObject

from hystrixpy._native.circuit cimport (
    EV_BAD_REQUEST, EV_CANCELLED, EV_COLLAPSED, EV_FAILURE, EV_FALLBACK_SUCCESS, EV_FROM_CACHE, EV_POOL_REJECTED,
    EV_SEMAPHORE_REJECTED, EV_SHORT_CIRCUITED, EV_SUCCESS, EV_TIMEOUT, SEMAPHORE,
)
from hystrixpy._native.refusal cimport refusal_error

from hystrixpy.events import EventType

cdef extern from "instances.h":
    PyObject *hx_own_entry(PyObject *instance, PyObject *name) noexcept

cdef str BINDING = "_hx_binding"
cdef tuple EVENT_TYPES = tuple(EventType)


cdef class CommandLife(Work):
    """The state of one execution. Public faces are ``Command`` and ``AsyncCommand``."""

    def __cinit__(self):
        cdef PyObject *entry = hx_own_entry(<PyObject *>self, <PyObject *>BINDING)
        self.latency = self.total = self.deadline = self.outer_deadline = -1
        if entry == NULL:                # the function forms set it themselves
            return
        self.binding = <Binding>entry
        if not self.binding.runnable:
            raise TypeError(
                f"{type(self).__qualname__} has no run(): define the guarded work as "
                f"{'async def' if self.binding.is_async else 'def'} run(self) in it, or use it as a base class only"
            )

    def __init__(self, *, key=None, group=None, thread_pool=None):
        if key is not None or group is not None or thread_pool is not None:
            self.binding = self.binding.derive(key, group, thread_pool)

    cdef PyObject *call_run(self) noexcept:
        return NULL

    cdef PyObject *call_fallback(self) noexcept:
        return NULL

    @property
    def execution(self):
        """What has happened to this command so far, as an ``Execution``; readable at any time."""
        return Execution(self)


cdef object the_error(CommandLife c):
    """What made run not succeed. A short circuit's is made when it is asked for: a fallback seldom looks."""
    if c.error is None and c.cause == EV_SHORT_CIRCUITED:
        c.error = refusal_error(c.circuit.key, &c.settings.rules, &c.circuit.health_cells, &c.refusal)
    return c.error


cdef class Execution:
    """What has happened to one command; a live view, so it changes until ``is_complete``."""

    def __init__(self, CommandLife command not None):
        self.command = command

    cdef bint has(self, int event) noexcept:
        if self.command.gave_up:         # what its work ends with belongs to those who share it
            return event == EV_CANCELLED
        return (self.command.events >> event) & 1

    @property
    def command_key(self):
        """The key of the circuit that the command belongs to."""
        return self.command.binding.key

    @property
    def events(self):
        """What happened, as a tuple of ``EventType`` in enum order."""
        return tuple([event for event in EVENT_TYPES if self.has(event)])

    @property
    def event_counts(self):
        """How often each of ``events`` happened: 1, and for COLLAPSED the number of requests in the batch."""
        return {
            event: self.command.number_collapsed if event == EV_COLLAPSED else 1 for event in self.events
        }

    @property
    def exception(self):
        """What made ``run`` not succeed, whatever the kind; None if it succeeded or has not ended.

        Once a fallback has answered, its traceback still has its lines, but no longer the locals of ``run``.
        """
        return the_error(self.command)

    @property
    def fallback_exception(self):
        """What the fallback raised, or None."""
        return self.command.fallback_error

    @property
    def latency(self):
        """Seconds from the start to the end of ``run``, queue wait included; None if ``run`` had no part in it."""
        if self.command.latency < 0 or cause_was_refusal(self.command):
            return None
        return self.command.latency * 1e-9

    @property
    def total_latency(self):
        """Seconds that the caller waited, fallback included; None where ``latency`` is, or not yet known."""
        return None if self.command.total < 0 else self.command.total * 1e-9

    @property
    def is_complete(self):
        """True once the caller's outcome is decided."""
        return bool(self.command.finished or self.command.gave_up)

    @property
    def is_success(self):
        """True if ``run`` returned a value in time."""
        return self.has(EV_SUCCESS)

    @property
    def is_failure(self):
        """True if ``run`` raised (FAILURE only: no timeout, no rejection)."""
        return self.has(EV_FAILURE)

    @property
    def is_timed_out(self):
        """True if the time limit ended it."""
        return self.has(EV_TIMEOUT)

    @property
    def is_bad_request(self):
        """True if ``run`` raised ``BadRequestError`` or an ignored type."""
        return self.has(EV_BAD_REQUEST)

    @property
    def is_short_circuited(self):
        """True if the circuit breaker refused it."""
        return self.has(EV_SHORT_CIRCUITED)

    @property
    def is_thread_pool_rejected(self):
        """True if no thread was free and the queue was full."""
        return self.has(EV_POOL_REJECTED)

    @property
    def is_semaphore_rejected(self):
        """True if ``max_concurrent`` executions were running."""
        return self.has(EV_SEMAPHORE_REJECTED)

    @property
    def is_rejected(self):
        """True if a bulkhead refused it."""
        return self.has(EV_SEMAPHORE_REJECTED) or self.has(EV_POOL_REJECTED)

    @property
    def is_cancelled(self):
        """True if the caller went away, or ``run`` raised a BaseException."""
        return self.has(EV_CANCELLED)

    @property
    def is_from_fallback(self):
        """True if the caller got the fallback's value."""
        return self.has(EV_FALLBACK_SUCCESS)

    @property
    def is_from_cache(self):
        """True if the outcome was another command's, shared by the request cache."""
        return self.has(EV_FROM_CACHE)

    @property
    def is_executed_in_thread(self):
        """True if ``run`` was called on a thread of the pool."""
        return bool(self.command.in_thread) and not self.has(EV_FROM_CACHE)

    @property
    def number_collapsed(self):
        """How many requests of a collapser this batch answers; 0 for any other command."""
        return self.command.number_collapsed

    @property
    def collapser_key(self):
        """The key of the collapser that made this batch, or None."""
        return None if self.command.note_book is None else self.command.note_book.get("collapser_key")

    def __eq__(self, other):
        return isinstance(other, Execution) and (<Execution>other).command is self.command

    def __hash__(self):
        return hash((Execution, id(self.command)))

    def __repr__(self):
        names = ", ".join([event.name for event in self.events]) or ("in flight" if self.command.used else "not executed")
        return f"<Execution of {self.command_key!r}: {names}>"


def set_links(CommandLife command not None, tuple links):
    """Tell a batch command, before it is executed, which spans it works for."""
    if command.note_book is None:
        command.note_book = {}
    command.note_book["links"] = links


def span_facts(CommandLife command not None):
    """What a span is made of: (key, group, thread pool of a THREAD command or None, links)."""
    in_pool = command.settings.isolation != SEMAPHORE and not command.binding.is_async
    links = () if command.note_book is None else command.note_book.get("links", ())
    return command.circuit.key, command.circuit.group, command.circuit.thread_pool if in_pool else None, links
