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
    PATIENCE = 16_384   # more waiting than this, and numbers could no longer be told apart: go on without the missing one

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
        self.backlog = []
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
            self.skip_gaps()  # what is missing will not come: its thread was not copied by the fork
        return True

    cdef object take(self):
        cdef object news = None
        while news is None:
            if self.backlog:
                news = self.backlog.pop(0)
            elif self.next in self.pending:
                news = self.pending.pop(self.next)
                self.next = (self.next + 1) & GENERATIONS
            elif self.is_lost():
                self.skip_gaps()
            else:
                return None
        return news

    cdef void end(self):
        hx_istore(&self.busy, hx_iload(&fork_epoch) << 1)

    cdef bint is_due(self):
        return self.next in self.pending or self.is_lost() or bool(self.backlog)

    cdef bint is_lost(self):
        """In this process a number gets lost only if there was no memory to put it."""
        return len(self.pending) > PATIENCE

    cdef void skip_gaps(self):
        """What is here is told in its order, and what is missing from it never."""
        cdef list waiting = sorted([(distance(generation, self.next), generation) for generation in list(self.pending)])
        for _, generation in waiting:
            self.backlog.append(self.pending.pop(generation))
            if distance(generation, self.next) >= 0:  # not back, for one that came after it was given up
                self.next = (<uint32_t>generation + 1) & GENERATIONS
