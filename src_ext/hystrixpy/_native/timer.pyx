"""Deadlines nobody waits on.

A binary heap of alarms; each alarm knows its place, so one that is no longer needed leaves at once and the
timer keeps nothing alive. The thread sleeps without the GIL until the earliest deadline it has seen; it is
woken only for an earlier one. Most calls end long before their limit, so it sleeps nearly always.
"""

import threading
from os import register_at_fork

from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t
from libc.stdlib cimport realloc

from hystrixpy._native.atomics cimport hx_icas, hx_iload, hx_istore
from hystrixpy._native.daemon cimport Duty, start_daemon
from hystrixpy._native.parking cimport (hx_lock, hx_monotonic, hx_mutex, hx_mutex_init, hx_park, hx_parker,
                                        hx_parker_init, hx_unlock, hx_unpark)
from hystrixpy._native.pool cimport Alarm, Work

cdef enum:
    BATCH = 64            # alarms per stay in the GIL

cdef struct Timer:
    hx_mutex lock
    hx_parker parker
    Alarm **heap
    int64_t size
    int64_t room
    int64_t sleeps_until  # -1: for ever
    int64_t running       # a thread exists, or is being started
    int64_t stopping

cdef Timer timer
cdef Duty duty = None
hx_mutex_init(&timer.lock)


# --- the heap; under the mutex --------------------------------------------------------------------------

cdef inline void put(int64_t place, Alarm *alarm) noexcept nogil:
    timer.heap[place] = alarm
    alarm.place = place + 1


cdef void rise(int64_t place, Alarm *alarm) noexcept nogil:
    cdef int64_t parent
    while place > 0:
        parent = (place - 1) >> 1
        if timer.heap[parent].deadline <= alarm.deadline:
            break
        put(place, timer.heap[parent])
        place = parent
    put(place, alarm)


cdef void sink(int64_t place, Alarm *alarm) noexcept nogil:
    cdef int64_t child
    while True:
        child = 2 * place + 1
        if child >= timer.size:
            break
        if child + 1 < timer.size and timer.heap[child + 1].deadline < timer.heap[child].deadline:
            child += 1
        if alarm.deadline <= timer.heap[child].deadline:
            break
        put(place, timer.heap[child])
        place = child
    put(place, alarm)


cdef bint make_room() noexcept nogil:
    cdef Alarm **larger
    cdef int64_t room = 2 * timer.room if timer.room else 64
    if timer.size < timer.room:
        return True
    larger = <Alarm **>realloc(timer.heap, room * sizeof(Alarm *))
    if larger == NULL:
        return False
    timer.heap = larger
    timer.room = room
    return True


cdef bint is_in(Alarm *alarm) noexcept nogil:
    """Its place alone proves nothing in a forked child, whose heap is empty."""
    return 0 < alarm.place <= timer.size and timer.heap[alarm.place - 1] == alarm


cdef void remove(Alarm *alarm) noexcept nogil:
    cdef int64_t place = alarm.place - 1
    cdef Alarm *last = timer.heap[timer.size - 1]
    timer.size -= 1
    alarm.place = 0
    if last == alarm:
        return
    if place > 0 and last.deadline < timer.heap[(place - 1) >> 1].deadline:
        rise(place, last)
    else:
        sink(place, last)


# --- for commands ---------------------------------------------------------------------------------------

cdef int expire_at(Work work, int64_t deadline) except -1:
    cdef bint there
    cdef bint earlier = False
    if not hx_iload(&timer.running):
        start()
    hx_lock(&timer.lock)
    there = not is_in(&work.alarm) and make_room()
    if there:
        work.alarm.deadline = deadline
        work.alarm.work = <void *>work
        timer.size += 1
        rise(timer.size - 1, &work.alarm)
        Py_INCREF(work)
        earlier = timer.sleeps_until < 0 or deadline < timer.sleeps_until
        if earlier:
            timer.sleeps_until = deadline
    hx_unlock(&timer.lock)
    if earlier:
        hx_unpark(&timer.parker)
    if not there:
        raise MemoryError
    return 0


cdef void expiry_done(Work work) noexcept:
    cdef bint ours
    if hx_iload(&work.alarm.place) == 0:
        return
    hx_lock(&timer.lock)
    ours = is_in(&work.alarm)
    if ours:
        remove(&work.alarm)
    hx_unlock(&timer.lock)
    if ours:
        Py_DECREF(work)


# --- the thread -----------------------------------------------------------------------------------------

cdef int take_due(Alarm **due) noexcept nogil:
    """Sleep until something is due; how many of them are in `due`. 0: stop."""
    cdef int64_t until
    cdef int found = 0
    while not hx_iload(&timer.stopping):
        hx_lock(&timer.lock)
        while found < BATCH and timer.size > 0 and timer.heap[0].deadline <= hx_monotonic():
            due[found] = timer.heap[0]
            remove(timer.heap[0])
            found += 1
        until = timer.heap[0].deadline if timer.size > 0 else -1
        timer.sleeps_until = 0 if found else until      # 0: awake, and will look again
        hx_parker_init(&timer.parker)       # under the mutex: who comes later with an earlier deadline wakes us
        hx_unlock(&timer.lock)
        if found or hx_iload(&timer.stopping):
            break
        hx_park(&timer.parker, until)
    return found


cdef class _TimerDuty(Duty):
    cdef void serve(self) noexcept:
        cdef Alarm *due[BATCH]
        cdef int found, i
        while True:
            with nogil:
                found = take_due(due)
            if found == 0:
                hx_istore(&timer.stopping, False)
                hx_istore(&timer.running, False)     # the next deadline starts another thread
                return
            for i in range(found):
                expire(due[i])


cdef void expire(Alarm *alarm) noexcept:
    """Each alarm in the batch still holds its reference, which keeps it from being freed."""
    cdef Work work = <Work>alarm.work
    Py_DECREF(work)
    work.expire()


cdef int start() except -1:
    """Start the thread if nobody else does at this moment; RuntimeError: no thread can be started."""
    global duty
    cdef int64_t stopped = False
    cdef _TimerDuty fresh = _TimerDuty.__new__(_TimerDuty)
    cdef bint started = False
    if not hx_icas(&timer.running, &stopped, True):
        return 0
    try:
        started = start_daemon(fresh, "hystrix-timer")
    finally:
        if started or fresh.serving():
            duty = fresh
        else:
            hx_istore(&timer.running, False)
    if not started:
        raise fresh.error
    return 0


def stop(timeout: float | None = None) -> bool:
    """End the timer thread, waiting up to ``timeout`` seconds; True: there is none now. The next deadline starts it anew."""
    cdef Duty last = duty
    if last is None or not last.thread.is_alive():
        return True
    if last.thread is threading.current_thread():
        return False
    hx_istore(&timer.stopping, True)
    hx_unpark(&timer.parker)
    last.thread.join(timeout)
    return not last.thread.is_alive()


def stop_if_idle(timeout: float | None = None) -> bool:
    """Stop unless a deadline is waited for; one that comes in between starts the timer again."""
    if timer.size > 0:
        return False
    stopped = stop(timeout)
    if timer.size > 0 and not hx_iload(&timer.running):
        start()
    return stopped


cdef class _Ring(Work):
    """A deadline that calls a function, for tests of the timer."""
    cdef object function

    def __init__(self, double seconds, function):
        self.function = function
        expire_at(self, hx_monotonic() + <int64_t>(seconds * 1e9))

    cdef void expire(self) noexcept:
        self.function()

    def done(self) -> None:
        expiry_done(self)


def pending() -> int:
    """How many deadlines are waited for."""
    return timer.size


def _forked() -> None:
    """In the child of a fork: another thread may have held the mutex or been moving alarms; start with none."""
    global duty
    hx_mutex_init(&timer.lock)
    timer.heap = NULL
    timer.size = timer.room = timer.running = timer.stopping = 0
    duty = None


register_at_fork(after_in_child=_forked)
