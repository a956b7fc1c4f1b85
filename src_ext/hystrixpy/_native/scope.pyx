"""What the commands of one request share: the log, and the cache of outcomes in flight or finished.

A RequestContext is a Scope. The contextvar that leads to it is kept here, so that a command reaches its
scope without a Python-level call; while no scope is open anywhere, commands do not even look.

Locking: a scope's mutex is held for a few instructions and never while Python code of a user runs (but
for the comparing of keys when an entry is removed). Waiters and ``give_up`` are called without it.
"""

cimport cython
from cpython.contextvars cimport PyContextVar_Get, PyContextVar_New
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_icas, hx_iload, hx_istore
from hystrixpy._native.forks cimport forks

import logging

from hystrixpy.errors import CommandStateError, RequestContextError

cdef enum:               # Scope.phase
    SCOPE_NEW = 0
    SCOPE_OPEN = 1
    SCOPE_CLOSED = 2

cdef enum:
    LOG_LIMIT = 1000

REQUEST_CONTEXT = PyContextVar_New("hystrixpy_request_context", <PyObject *>None)
cdef object variable = REQUEST_CONTEXT
cdef object logger = logging.getLogger("hystrixpy")

cdef cython.pymutex census           # guards the two below
cdef int64_t open_scopes = 0
cdef Census census_sink = NULL
cdef cython.pymutex graph            # guards every CacheEntry.waits_for


cdef void watch_census(Census sink) noexcept:
    global census_sink
    with census:
        census_sink = sink
        sink(open_scopes > 0)


def open_count() -> int:
    """How many request contexts are open in this process."""
    with census:
        return open_scopes


cdef void take_census(int64_t change) noexcept:
    """Count a scope in or out. The sink is told under the lock, so that its last word is the right one.

    No Python object is made under the lock: the collector could run, and close a forgotten scope in here.
    """
    global open_scopes
    with census:
        open_scopes += change
        if census_sink != NULL:
            census_sink(open_scopes > 0)


cdef Scope current_scope():
    cdef PyObject *found = NULL
    PyContextVar_Get(variable, NULL, &found)
    if found is NULL:
        return None
    scope = <object>found
    Py_DECREF(scope)  # PyContextVar_Get gave a reference, the assignment took another
    if scope is None or not (<Scope>scope).is_open():
        return None
    return <Scope>scope


def current() -> object:
    """The open scope of this contextvars context, or None."""
    return current_scope()


cdef class Scope:
    """The native part of a RequestContext: its phase, its log and its cache."""

    def __cinit__(self, *args, **kwargs):
        self.entries = {}
        self.noted = []
        self.gatherers = {}

    cdef bint is_open(self) noexcept nogil:
        return hx_iload(&self.phase) == SCOPE_OPEN

    @property
    def is_open_now(self):
        """Whether the scope has been opened and not yet closed."""
        return self.is_open()

    @property
    def was_opened(self):
        """Whether the scope is open or has been."""
        return hx_iload(&self.phase) != SCOPE_NEW

    def open_scope(self):
        """Move from new to open. Raises RequestContextError if it was opened before."""
        cdef int64_t seen = SCOPE_NEW
        if not hx_icas(&self.phase, &seen, SCOPE_OPEN):
            raise RequestContextError(
                "this RequestContext is open already; make a new RequestContext() for a nested scope"
                if seen == SCOPE_OPEN
                else "this RequestContext has been closed and stays closed; make a new one for each request"
            )
        take_census(1)

    def close_scope(self) -> bool:
        """Move from open to closed and forget the cache; False if it was not open."""
        cdef int64_t seen = SCOPE_OPEN
        if not hx_icas(&self.phase, &seen, SCOPE_CLOSED):
            return False
        take_census(-1)
        self.entries.clear()  # who waits for an entry, or runs it, holds it
        return True

    cdef int note(self, object command) except -1:
        cdef bint first_refusal = False
        with cython.critical_section(self):  # with the GIL there is nothing to do: no Python code runs in here
            if len(self.noted) < LOG_LIMIT:
                self.noted.append(command)
            elif not self.log_full:
                self.log_full = first_refusal = True
        if first_refusal:
            logger.warning("a request context has executed more than %d commands; its log keeps the first %d",
                           LOG_LIMIT, LOG_LIMIT)
        return 0

    def log_append(self, command):
        """Append a command to the log; dropped, with one warning, beyond 1000. Ignored once closed."""
        if self.is_open():
            self.note(command)

    def log_entries(self) -> tuple:
        """The commands of the log, in the order they began."""
        return tuple(self.noted)

    cdef CacheEntry join(self, object command_key, object cache_key, object owner, bint *mine):
        """The entry of a key, and whether ``owner`` is to run for it (else it has joined, or the entry has ended)."""
        cdef tuple key = (command_key, cache_key)
        cdef CacheEntry entry, fresh = None
        while True:
            entry = <CacheEntry>self.entries.get(key)
            if entry is None:
                if fresh is None:
                    fresh = CacheEntry.__new__(CacheEntry)
                    fresh.scope, fresh.key, fresh.owner, fresh.callers = self, key, owner, 1
                    fresh.forks = forks
                entry = <CacheEntry>self.entries.setdefault(key, fresh)
                if entry is fresh:
                    mine[0] = True
                    return entry
            mine[0] = False
            if hx_iload(&entry.state) == SETTLED or entry.runs_here() and entry.take_caller():
                return entry
            self.forget(entry)  # it takes nobody any more; whoever left it so may not have come to remove it

    cdef int forget(self, CacheEntry entry) except -1:
        """Remove an entry, unless another one has taken its place."""
        cdef object removed = None  # dropped after the mutex: deallocation may run anything
        try:
            with self.mutex:
                if self.entries.get(entry.key) is entry:
                    removed = self.entries.pop(entry.key)
        except Exception:  # of the key's __hash__ or __eq__; who waits for the entry must be told all the same
            logger.exception("a cache key of command %r cannot be compared any more", entry.key[0])
        return 0

    def join_entry(self, command_key, cache_key, owner) -> tuple:
        """``(entry, mine)``: whether ``owner`` is to run for it, else it has joined, or the entry has ended."""
        cdef bint mine = False
        entry = self.join(command_key, cache_key, owner, &mine)
        return entry, mine

    def clear_entry(self, command_key, cache_key):
        """Forget the outcome of a key: newcomers run anew, those who wait for it still get it."""
        self.entries.pop((command_key, cache_key), None)


@cython.final
cdef class CacheEntry:
    """One run whose outcome several commands share."""

    @property
    def has_ended(self):
        """Whether there is an outcome, or never will be one."""
        return self.ended()

    @property
    def is_abandoned(self):
        """Whether it ended without an outcome: ask again."""
        return hx_iload(&self.state) == ABANDONED

    @property
    def stop(self):
        """Called when nobody wants the outcome any more."""
        return self.give_up

    @stop.setter
    def stop(self, callback):
        self.give_up = callback

    cdef bint ended(self) noexcept nogil:
        return hx_iload(&self.state) != PENDING

    cdef bint runs_here(self) noexcept nogil:
        """Whether it was begun in this process: what the parent of a fork runs never ends in the child."""
        return self.forks == forks

    cdef bint take_caller(self) except -1:
        """One more caller joins; False if the entry takes no newcomers."""
        with self.scope.mutex:
            if self.gone:
                return False
            self.callers += 1
        return True

    cpdef int settle(self, object value, object error) except -1:
        self.value = value
        self.error = error
        if error is not None:
            self.traceback = error.__traceback__
        return self.end(SETTLED)

    cpdef int abandon(self) except -1:
        with self.scope.mutex:
            if self.state != PENDING:
                return 0
            self.gone = True
        self.scope.forget(self)  # before anybody is woken: who asks again must not find it
        return self.end(ABANDONED)

    cdef int end(self, int64_t state) except -1:
        """Leave PENDING, once, and wake who waits."""
        cdef list waiters
        with self.scope.mutex:
            if self.state != PENDING:
                return 0
            hx_istore(&self.state, state)
            waiters, self.waiters = self.waiters, None
            self.give_up, give_up = None, self.give_up  # it holds the run: dropped after the mutex
        if waiters is not None:
            for waiter in waiters:
                call(waiter)
        return 0

    cpdef bint when_ended(self, object waiter) except -1:
        # Made before the mutex is held: the collector may run here, and end a coroutine that leaves an entry.
        cdef list fresh = [waiter]
        with self.scope.mutex:
            if self.state != PENDING:
                return False
            if self.waiters is None:
                self.waiters = fresh
            else:
                self.waiters.append(waiter)
        return True

    cpdef int leave(self, object waiter) except -1:
        cdef bint last
        with self.scope.mutex:
            if waiter is not None and self.waiters is not None and waiter in self.waiters:
                self.waiters.remove(waiter)
            last = self.lost_last()
            give_up = self.give_up if last else None
        if last:
            self.scope.forget(self)
        if give_up is not None:
            call(give_up)
        return 0

    cpdef bint owner_leaves(self) except -1:
        cdef bint last
        with self.scope.mutex:
            if self.state != PENDING:
                return False
            self.gone = True
            last = self.lost_last()
        self.scope.forget(self)
        return not last

    cdef bint lost_last(self) noexcept:
        """One caller less, under the mutex; True if the run is now unwanted."""
        self.callers -= 1
        if self.callers > 0 or self.state != PENDING:
            return False
        self.gone = True
        return True

    cpdef object again(self):
        # Raising adds a frame to the traceback of the one shared object: start from the original each time.
        self.error.__traceback__ = self.traceback
        return self.error


cdef int call(object callback) except -1:
    """Call a waiter; what it raises is logged, the others must still be called."""
    try:
        callback()
    except Exception:
        logger.exception("a waiter for a cached command failed")
    return 0


cdef int begin_wait(CacheEntry entry, list own) except -1:
    """Note that the runs of ``own`` wait for ``entry``; refused if one of them is what ``entry`` waits for.

    ``own``: the pending entries of the commands inside which the caller is. Without the check, a run that
    executes an identical cached command, directly or by way of others, would wait for itself.
    """
    cdef CacheEntry each
    cdef bint refused
    cdef list fresh, todo = [entry]
    cdef set seen = set()
    if not own:
        return 0
    fresh = [[] for _ in own]  # as all that is needed below: under the lock the collector must not run
    with graph:
        refused = leads_to(todo, seen, own)
        if not refused:
            for i in range(len(own)):
                each = own[i]
                if each.waits_for is None:
                    each.waits_for = fresh[i]
                each.waits_for.append(entry)
    if refused:
        key = entry.key[0]
        raise CommandStateError(
            f"command {key!r} would wait for itself: it is executed, with the same cache key, inside the run "
            f"that is to answer it; give it another cache_key() or call it before",
            command_key=key,
        )
    return 0


cdef bint leads_to(list todo, set seen, list targets) except -1:
    """Whether one of ``todo`` is one of ``targets`` or waits for one, however indirectly. Under the graph lock."""
    cdef CacheEntry each
    while todo:
        each = todo.pop()
        for target in targets:
            if each is target:
                return True
        if id(each) in seen:
            continue
        seen.add(id(each))
        if each.waits_for is not None and not each.ended():
            todo.extend(each.waits_for)
    return False


cdef void end_wait(CacheEntry entry, list own) noexcept:
    """Undo begin_wait."""
    cdef CacheEntry each
    cdef Py_ssize_t i
    if not own:
        return
    with graph:
        for each in own:
            for i in range(len(each.waits_for)):
                if each.waits_for[i] is entry:
                    del each.waits_for[i]
                    break
