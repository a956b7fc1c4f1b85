"""Transitions are made without a lock, so two threads may come to tell theirs in the wrong order.

Every transition has a number: the breaker's new generation. Who made one puts it here; one thread at a time
delivers, and only what is due. A number that has not come yet is on its way: its thread delivers the rest.
Nobody waits for anybody, and user code is called outside any lock.
"""

import os

from libc.stdint cimport int16_t, int64_t, uint32_t

from hystrixpy._native.atomics cimport hx_iadd, hx_icas, hx_iload, hx_istore

cdef enum:
    GENERATIONS = 0xFFFF
    PATIENCE = 64       # more waiting than this: the missing one was lost (fork), go on without it

cdef int64_t fork_epoch = 0


def _child_started() -> None:
    """After fork: threads that were delivering in the parent do not exist here, so their claims are void."""
    hx_iadd(&fork_epoch, 1)


os.register_at_fork(after_in_child=_child_started)


cdef inline int distance(uint32_t generation, uint32_t since) noexcept nogil:
    return <int16_t>((generation - since) & GENERATIONS)


cdef class Herald:
    """The order in which one breaker's transitions are told."""

    def __cinit__(self):
        self.pending = {}
        self.next = 1
        self.end()  # free, in the present process

    cdef void put(self, uint32_t generation, object news):
        self.pending[generation] = news

    cdef bint begin(self):
        cdef int64_t mine = hx_iload(&fork_epoch) << 1 | 1
        cdef int64_t seen = hx_iload(&self.busy)
        if seen == mine or not hx_icas(&self.busy, &seen, mine):
            return False
        if seen >> 1 != mine >> 1:
            self.skip_gap()  # a number may be missing for ever: its thread was not copied by the fork
        return True

    cdef object take(self):
        cdef uint32_t oldest
        while self.pending:
            oldest = self.oldest()
            if distance(oldest, self.next) > 0 and len(self.pending) <= PATIENCE:
                return None
            if distance(oldest, self.next) >= 0:
                self.next = (oldest + 1) & GENERATIONS
            news = self.pending.pop(oldest)
            if news is not None:
                return news
        return None

    cdef void end(self):
        hx_istore(&self.busy, hx_iload(&fork_epoch) << 1)

    cdef bint is_due(self):
        return bool(self.pending) and (distance(self.oldest(), self.next) <= 0 or len(self.pending) > PATIENCE)

    cdef uint32_t oldest(self):
        cdef uint32_t best = self.next
        cdef bint found = False
        for generation in list(self.pending):  # a copy: others put meanwhile
            if not found or distance(generation, best) < 0:
                best, found = generation, True
        return best

    cdef void skip_gap(self):
        if self.pending:
            self.next = self.oldest()
