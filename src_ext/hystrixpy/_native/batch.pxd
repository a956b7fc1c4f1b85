"""Requests that go together, and where they meet."""

from libc.stdint cimport int32_t, int64_t

from hystrixpy._native.pool cimport Work
from hystrixpy._native.request cimport CollapsedRequest, Meeting


cdef class Batch(Work):
    cdef readonly Gatherer gatherer
    cdef readonly object face      # whose create_command, map_response and shard are used
    cdef readonly list requests
    cdef readonly object loop      # the first event loop on which somebody waits, or None
    cdef set blocked               # loops whose thread waits in execute(): nothing may be run on them; or None
    cdef set needed                # loops on which it is run or mapped: no thread of theirs may wait; or None
    cdef object sender             # the loop that is to send it at its next turn, or None
    cdef dict slots                # argument -> CollapsedRequest, when equal arguments share
    cdef object handle             # timer of `loop`
    cdef list more_loops           # further loops that have a timer
    cdef int64_t deadline          # real_ns() clock
    cdef int64_t most              # requests at which it is full
    cdef int32_t forks             # at its beginning: in a child it has no timer, and nobody may join it
    cdef readonly bint mixed                # somebody waits elsewhere than on `loop`
    cdef bint timed                # the native timer is armed
    cdef bint counted              # it was full, without the requests that were given up
    cdef bint taken                # it takes no more requests (guarded by gatherer.lock, as all above)
    cdef bint sent                 # somebody sends it
    cdef CollapsedRequest put(self, object argument, object future, object loop, object link)
    cdef bint wait_on(self, object loop, object blocked) except -1
    cdef bint needs_timer(self, object loop) except -1
    cdef int need(self, object loop) except -1
    cdef bint is_stuck_behind(self, object blocked) except -1
    cdef bint has_to_move(self, object loop) except -1
    cdef bint is_full(self) except -1
    cdef int leave_out(self) except -1
    cdef int drop_unwanted(self) except -1
    cdef int arm(self, object loop) except -1
    cdef int go(self) except -1
    cdef int start_timer(self, object loop) except -1
    cdef bint is_taken(self) except -1
    cdef bint take(self) except -1
    cdef bint is_mine_to_send(self) except -1
    cdef int fill_up(self, object loop) except -1
    cdef int dispatch(self) except -1
    cdef int hand_over(self) except -1


cdef class Gatherer(Meeting):
    """Where the requests of one collapser meet: one per request context, or one for the process."""
    cdef readonly object context   # contextvars.Context to run batches in a copy of, None: an empty one
    cdef readonly object home      # the event loop on which the scope was entered, or None
    cdef readonly Batch current    # the one that takes requests now, or None
    cdef bint closed
    cdef CollapsedRequest submit(self, object face, object argument, object future, object loop, object blocked)
    cdef bint attach(self, CollapsedRequest request, object future, object loop, object blocked) except -1
