"""Which command is running here: its deadline, and who encloses it.

Each thread has a stack of frames, which costs a few instructions per call. A task or a worker has a place in its
contextvars context as well, which others inherit: a task that a command starts, a thread that is given a copy.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_iload
from hystrixpy._native.building cimport HX_FREE_THREADED
from hystrixpy._native.clock cimport real_ns
from hystrixpy._native.life cimport BY_RUN, CommandLife, Frame

from contextvars import ContextVar

cdef extern from "running.h":
    void *hx_get_top() noexcept
    void hx_set_top(void *frame) noexcept

cdef extern from "Python.h":
    int PyContextVar_Get(object var, PyObject *default, PyObject **value) except -1
    object PyContextVar_Set(object var, object value)
    void Py_XDECREF(PyObject *o) noexcept

cdef bint contexts_used = False         # a command has entered a context: from then on look there too
cdef object CURRENT = ContextVar("hystrixpy_command", default=None)


cdef class Place:
    """What a contextvars context holds while a command runs in it."""


cdef int find_parent(CommandLife c) except -1:
    cdef bint in_fallback
    if not contexts_used and hx_get_top() == NULL:
        return 0
    c.parent = innermost(&c.outer_deadline, &in_fallback)
    c.begun_in_fallback = in_fallback
    if c.parent is not None:
        c.depth = c.parent.depth + 1
    return 0


cdef void push_frame(Frame *frame, CommandLife command, int64_t deadline) noexcept:
    """Make the command the innermost one of this thread."""
    Py_INCREF(command)
    frame.command = <PyObject *>command
    frame.below = <Frame *>hx_get_top()
    frame.deadline = deadline
    frame.active = True
    hx_set_top(frame)


cdef void pop_frame(Frame *frame) noexcept:
    """Undo push_frame.

    Normally it is the top. Under greenlets that switch inside run it may lie deeper: it is then
    taken out of the middle, so that nobody is left pointing at a command that has gone.
    """
    cdef Frame *above = <Frame *>hx_get_top()
    frame.active = False
    if above == frame:
        hx_set_top(frame.below)
    else:
        while above != NULL and above.below != frame:
            above = above.below
        if above != NULL:
            above.below = frame.below
    Py_DECREF(<object>frame.command)


cdef CommandLife innermost(int64_t *deadline, bint *in_fallback):
    """The innermost command running here, by thread or by context, whichever is nested deeper; or None."""
    cdef Frame *top = <Frame *>hx_get_top()
    cdef CommandLife here = None if top == NULL else <CommandLife>top.command
    cdef CommandLife there
    cdef int64_t limit = -1
    cdef bint falling_back = False
    deadline[0] = -1 if top == NULL else top.deadline
    in_fallback[0] = top != NULL and top == &here.fallback_frame
    if contexts_used:
        there = in_context(&limit, &falling_back)
        if there is not None and (here is None or there.depth > here.depth):
            deadline[0], in_fallback[0] = limit, falling_back
            return there
    return here


cdef CommandLife in_context(int64_t *deadline, bint *in_fallback):
    """The innermost command of this contextvars context that is still running, or None."""
    cdef PyObject *value = NULL
    cdef Place place
    cdef CommandLife command
    PyContextVar_Get(CURRENT, NULL, &value)
    place = <Place>(<object>value) if <object>value is not None else None
    Py_XDECREF(value)
    if place is None:
        return None
    deadline[0], in_fallback[0], command = place.deadline, place.in_fallback, place.command
    if place.active:
        return command
    while command is not None and not is_running(command):   # a task may outlive the command that started it
        deadline[0], in_fallback[0], command = command.outer_deadline, command.begun_in_fallback, command.parent
    return command


cdef bint is_running(CommandLife command) noexcept:
    return command.run_frame.active or command.fallback_frame.active or command.in_task


cdef Place enter_context(CommandLife command, int64_t deadline, bint in_fallback):
    global contexts_used
    cdef Place place = Place.__new__(Place)
    contexts_used = True
    place.command, place.deadline, place.in_fallback, place.active = command, deadline, in_fallback, True
    PyContextVar_Set(CURRENT, place)
    return place


cdef void leave_context(Place place) noexcept:
    """The command is over here.

    The variable is not set back: a place that is over leads to the command around it, which is what the variable
    held before, and setting it costs as much as all the counting. So that the context does not keep the command
    alive, the place becomes one of the command around it; not without the GIL, where a thread that was given a
    copy of the context may be reading it.
    """
    cdef CommandLife command = place.command
    place.active = False
    if not HX_FREE_THREADED:
        place.deadline, place.in_fallback = command.outer_deadline, command.begun_in_fallback
        place.command = command.parent


def current_command():
    """The command that is executing in this context, or None outside of any."""
    cdef int64_t limit
    cdef bint in_fallback
    return innermost(&limit, &in_fallback)


def deadline():
    """Seconds left of the tightest time limit around this code, never below 0.0; None if there is none.

    Counts on real time, whatever a manual clock says.
    """
    cdef int64_t limit
    cdef bint in_fallback
    if innermost(&limit, &in_fallback) is None or limit < 0:
        return None
    return max(0.0, (limit - real_ns()) * 1e-9)


def is_abandoned():
    """True inside a ``run`` whose caller has given up (time limit or cancellation): stop when you can."""
    cdef int64_t limit
    cdef bint in_fallback          # whose caller waits, even if its run goes on elsewhere
    cdef CommandLife command = innermost(&limit, &in_fallback)
    while command is not None:
        if not in_fallback and hx_iload(&command.claimed) > BY_RUN:
            return True
        in_fallback, command = command.begun_in_fallback, command.parent
    return False
