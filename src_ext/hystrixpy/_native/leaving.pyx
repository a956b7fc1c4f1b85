"""A caller that goes before run has ended on its worker.

Work that is still queued is taken back. A worker that has begun is left behind: it keeps its place until run
returns, counts as abandoned, and may be interrupted.
"""

from cpython.object cimport PyObject
from libc.stdint cimport uint8_t
from posix.unistd cimport usleep

from hystrixpy._native.atomics cimport hx_bcas, hx_bstore, hx_bswap, hx_iadd, hx_pause
from hystrixpy._native.life cimport INTERRUPTIBLE, INTERRUPT_SETTING, NOT_RUNNING, CommandLife
from hystrixpy._native.pool cimport Pool

from hystrixpy.errors import CommandInterrupted

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() noexcept
    void PyErr_SetInterrupt() noexcept
    int PyThreadState_SetAsyncExc(unsigned long id, PyObject *exc) noexcept

cdef extern from "newborn.h":
    bint hx_starts_a_thread(unsigned long id) noexcept

cdef object abandoned_sink = None     # callable(key, pool key): a worker was left behind


def install(*, on_abandoned):
    """Set who is told of workers that were left behind (the registry)."""
    global abandoned_sink
    abandoned_sink = on_abandoned


cdef bint descends_from(CommandLife c, Pool pool) noexcept:
    """Then we must not wait in its queue."""
    cdef CommandLife outer = c.parent
    cdef bint in_fallback = c.begun_in_fallback    # no worker waits for that, even if an abandoned run goes on
    while outer is not None:
        if not in_fallback and outer.pool is pool and outer.in_thread and outer.run_frame.active:
            return True
        in_fallback, outer = outer.begun_in_fallback, outer.parent
    return False


cdef void leave_run(CommandLife c, bint interrupting) noexcept:
    """The outcome is decided without the worker: take the work back, or leave it running."""
    if c.pool is None or c.pool.withdraw(c):
        return
    if c.leave():
        mark_left(c)
        if interrupting:
            interrupt(c)


cdef void mark_left(CommandLife c) noexcept:
    # The worker may be past run already; whoever comes second takes the count back.
    cdef uint8_t unmarked = 0
    hx_iadd(&c.circuit.n.abandoned, 1)
    if not hx_bcas(&c.left_behind, &unmarked, 1):
        hx_iadd(&c.circuit.n.abandoned, -1)
    elif abandoned_sink is not None:
        try:
            abandoned_sink(c.circuit.key, c.circuit.thread_pool)
        except KeyboardInterrupt:
            PyErr_SetInterrupt()         # Ctrl-C while the log was written: not for us to lose


cdef void worker_done(CommandLife c) noexcept:
    if hx_bswap(&c.left_behind, 2) == 1:
        hx_iadd(&c.circuit.n.abandoned, -1)


cdef void interrupt(CommandLife c) noexcept:
    """Raise CommandInterrupted inside run, and only there: the handshake keeps it from hitting later work."""
    cdef uint8_t state = INTERRUPTIBLE
    if hx_bcas(&c.interrupting, &state, INTERRUPT_SETTING):
        c.interrupted = True
        while hx_starts_a_thread(c.thread_id):   # it would be raised in the new one
            with nogil:
                usleep(50)
        PyThreadState_SetAsyncExc(c.thread_id, <PyObject *>CommandInterrupted)
        hx_bstore(&c.interrupting, INTERRUPTIBLE)


cdef void run_begins(CommandLife c) noexcept:
    c.thread_id = PyThread_get_thread_ident()
    hx_bstore(&c.interrupting, INTERRUPTIBLE)


cdef void run_ends(CommandLife c) noexcept:
    cdef uint8_t state = INTERRUPTIBLE
    while not hx_bcas(&c.interrupting, &state, NOT_RUNNING):
        state = INTERRUPTIBLE               # an interrupter is at work: a few instructions
        with nogil:
            hx_pause()
    if c.interrupted:                    # set but not delivered before run ended
        PyThreadState_SetAsyncExc(c.thread_id, NULL)
