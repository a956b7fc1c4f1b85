"""Who watches: listeners of events, hooks, spans, recorders. Nothing of this is reached while nobody does.

The watcher of an execution is a Python object of the hooks floor (hystrixpy.hooks.watch), made at its start.
"""

from cpython.object cimport PyObject

from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_bswap, hx_iload, hx_istore
from hystrixpy._native.circuit cimport (
    ARMED_HOOKS, ARMED_LISTENERS, ARMED_RECORD, EV_BAD_REQUEST, EV_CANCELLED, EV_FALLBACK_SUCCESS, EV_SUCCESS,
    armed_word,
)
from hystrixpy._native.failures cimport final_error
from hystrixpy._native.life cimport BY_RUN, CommandLife
from hystrixpy._native.raised cimport hx_put_error, taken_error

from threading import current_thread, main_thread

from hystrixpy.errors import BadRequestError

cdef extern from "Python.h":
    void PyErr_SetInterrupt() noexcept

cdef extern from "tracer.h":
    int hx_tracer_at(PyObject *names, PyObject *name) except -1
    void hx_tracer_ignore(object provider) noexcept
    bint hx_has_tracer() noexcept

cdef const int64_t *ARMED = armed_word()
cdef int64_t ARMED_WATCH = ARMED_HOOKS | ARMED_RECORD
cdef object event_sink = None           # callable(event number, key), the hooks floor's
cdef object hit_sink = None             # callable(command), told of cache hits, the hooks floor's
cdef object watch_maker = None          # callable(command) -> what accompanies its execution or None, the hooks floor's


def install(*, on_event, watch, on_hit):
    """Set who is told of events, who accompanies executions, and who is told of cache hits: the hooks."""
    global event_sink, watch_maker, hit_sink
    event_sink, watch_maker, hit_sink = on_event, watch, on_hit


def look_for_tracer(dict names, str name):
    """Have every execution look whether ``names[name]`` holds a tracer provider; None: look no more."""
    hx_tracer_at(NULL if names is None else <PyObject *>names, NULL if name is None else <PyObject *>name)


def ignore_tracer(provider):
    """A tracer provider that records nothing: as good as none."""
    hx_tracer_ignore(provider)


cdef inline bint has_tracer() noexcept:
    """One comparison: nothing is called and nothing allocated."""
    return hx_has_tracer()


cdef bint is_watched() noexcept:
    return hx_iload(ARMED) & ARMED_WATCH or hx_has_tracer()


cdef int tell_of_hit(CommandLife command) except -1:
    if (hx_iload(ARMED) & ARMED_HOOKS or has_tracer()) and hit_sink is not None:
        hit_sink(command)
    return 0


cdef void tell_listeners(int event, str key) noexcept:
    if hx_iload(ARMED) & ARMED_LISTENERS and event_sink is not None:
        try:
            event_sink(event, key)
        except KeyboardInterrupt as error:
            ctrl_c_again(error)


cdef int ctrl_c_again(object error) except -1:
    """Ctrl-C came while a hook or listener was called from where nothing may be raised: not for us to lose."""
    if current_thread() is not main_thread():
        raise error
    PyErr_SetInterrupt()
    return 0


cdef void tell(CommandLife c, int event) noexcept:
    tell_listeners(event, c.circuit.key)
    if c.watcher is not None:
        c.watcher.noted(event)


cdef int start_watched(CommandLife c) except -1:
    """Before the breaker is asked. Raises what on_start raises: then the command has failed, and counts nowhere."""
    watcher = watch_maker(c) if watch_maker is not None else None
    if watcher is None:
        return 0
    try:
        watcher.start(c)
    except BaseException as error:
        hx_istore(&c.claimed, BY_RUN)
        c.error = error
        c.finished = True
        raise
    c.watcher = watcher
    return 0


cdef PyObject *guarded_run(CommandLife c) noexcept:
    return c.call_run() if c.watcher is None else watched_run(c)


cdef PyObject *guarded_fallback(CommandLife c) noexcept:
    return c.call_fallback() if c.watcher is None else watched_fallback(c)


cdef PyObject *watched_run(CommandLife c) noexcept:
    cdef PyObject *value = NULL
    cdef object error = None
    try:
        c.watcher.run_starts(c, c.in_thread)
    except BaseException as raised:
        error = raised
    if error is None:
        value = c.call_run()
        if value == NULL:
            error = taken_error()
    c.watcher.run_over()
    if error is not None:
        hx_put_error(error)
    return value


cdef PyObject *watched_fallback(CommandLife c) noexcept:
    cdef PyObject *value = NULL
    cdef object error = None
    try:
        c.watcher.fallback_starts(c)
    except BaseException as raised:
        error = raised
    if error is None:
        value = c.call_fallback()
        if value == NULL:
            error = taken_error()
    c.watcher.fallback_over()
    if error is not None:
        hx_put_error(error)
    return value


cdef object emitted(CommandLife c, object value):
    """What run returned, as the hooks leave it."""
    return value if c.watcher is None else c.watcher.run_returned(c, value)


cdef object fallback_emitted(CommandLife c, object value):
    """What the fallback returned, as the hooks leave it."""
    return value if c.watcher is None else c.watcher.fallback_returned(c, value)


cdef object hooked_error(CommandLife c, object error):
    """What run raised, as the hooks leave it: before it is decided what it amounts to."""
    try:
        return c.watcher.run_raised(c, error)
    except BaseException as raised:     # Ctrl-C inside a hook must not leave the command unsettled
        return raised


cdef void thread_done(CommandLife c) noexcept:
    if c.watcher is not None:
        try:
            c.watcher.thread_done(c)
        except KeyboardInterrupt as error:
            ctrl_c_again(error)


cdef void end_watch(CommandLife c) noexcept:
    if hx_bswap(&c.watch_over, 1) != 0:
        return
    try:
        last_word(c)
    except KeyboardInterrupt as error:
        ctrl_c_again(error)


cdef int last_word(CommandLife c) except -1:
    if c.cause == EV_CANCELLED or c.events >> EV_CANCELLED & 1:
        c.final = c.watcher.failed(c, final_error(c), True, None)
    elif c.cause == EV_SUCCESS or c.events >> EV_FALLBACK_SUCCESS & 1:
        c.watcher.succeeded(c)
    else:
        only = (BadRequestError, *c.settings.ignore) if c.cause == EV_BAD_REQUEST else None
        c.final = c.watcher.failed(c, final_error(c), False, only)
    return 0
