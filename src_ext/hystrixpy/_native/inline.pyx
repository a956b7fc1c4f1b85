"""Calling run and the fallback in this thread: what execute() of a semaphore command does, and part of every other."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from hystrixpy._native.circuit cimport EV_SUCCESS
from hystrixpy._native.execution cimport (
    fallback_due, fallback_raised, fallback_returned, finish, let_in, settle_raised, settle_value,
)
from hystrixpy._native.failures cimport final_error
from hystrixpy._native.life cimport CommandLife
from hystrixpy._native.raised cimport given, hx_give_error, owned, taken_error
from hystrixpy._native.running cimport pop_frame, push_frame
from hystrixpy._native.watching cimport ctrl_c_again, emitted, end_watch, fallback_emitted, guarded_fallback, guarded_run


cdef PyObject *attempt(CommandLife c) except? NULL:
    """The value of run in this thread, or NULL without an error: no success, and recovery is due."""
    cdef PyObject *value
    if not let_in(c):
        return NULL
    c.ran = True
    push_frame(&c.run_frame, c, c.deadline)
    value = guarded_run(c)
    if value == NULL:
        settle_error(c, taken_error())
    elif settle_inline(c) == EV_SUCCESS:
        return value if c.watcher is None else given(watched_value(c, owned(value)))
    else:
        Py_DECREF(<object>value)
    return NULL


cdef int settle_inline(CommandLife c) except -1:
    pop_frame(&c.run_frame)
    return settle_value(c)


cdef int settle_error(CommandLife c, object error) except -1:
    pop_frame(&c.run_frame)
    return settle_raised(c, error)


cdef object watched_value(CommandLife c, object value):
    try:
        return emitted(c, value)
    finally:                                # Ctrl-C inside a hook must not leave the command unsettled
        end_watch(c)


cdef PyObject *recovered(CommandLife c) noexcept:
    cdef PyObject *value
    try:
        if fallback_due(c):
            push_frame(&c.fallback_frame, c, c.outer_deadline)
            value = guarded_fallback(c)
            failure = taken_error() if value == NULL else None
            pop_frame(&c.fallback_frame)
            if value != NULL:
                return fallback_answer(c, value)
            fallback_raised(c, failure)
        finish(c)
        hx_give_error(final_error(c))
    except BaseException as error:
        hx_give_error(error)
    return NULL


cdef PyObject *fallback_answer(CommandLife c, PyObject *value) except NULL:
    fallback_returned(c)
    try:
        result = fallback_emitted(c, owned(value))
    finally:                                # Ctrl-C inside a hook must not leave the command unsettled
        finish(c)
    return given(result)


cdef bint attempt_kept(CommandLife c) except -1:
    cdef PyObject *value
    if not let_in(c):
        return False
    c.ran = True
    push_frame(&c.run_frame, c, c.deadline)
    value = guarded_run(c)
    error = taken_error() if value == NULL else None
    pop_frame(&c.run_frame)
    keep(c, value, error)
    return c.cause == EV_SUCCESS


cdef void keep(CommandLife c, PyObject *value, object error) noexcept:
    if value == NULL:
        settle_raised(c, error)
        return
    result = owned(value)
    if settle_value(c) == EV_SUCCESS:
        c.result = result
        if c.watcher is not None:
            keep_emitted(c, result)


cdef void keep_emitted(CommandLife c, object result) noexcept:
    try:
        c.result = emitted(c, result)
    except KeyboardInterrupt as error:
        ctrl_c_again(error)
