"""Gathering requests into batches.

A request joins the current batch of its gatherer. Each kind of place on which somebody waits arms its own
timer for the batch: an event loop its ``call_later``, all threads together the one native timer. Whichever
comes first takes the batch; so a loop that is blocked or gone holds up nobody but its own tasks. What
happens to a batch that goes (create, run, map) is Python: ``hystrixpy/collapser/sending.py``.

Locking: a gatherer's lock is held while arguments are hashed and compared and lists appended to, never
while a future is answered or a batch sent. A batch is taken once (for newcomers it is gone) and sent once,
both under that lock: one that its loop was to send is sent by a thread when somebody joins who does not
wait on that loop. No finalizer may take the lock: the collector could run while this thread holds it.
"""

from libc.stdint cimport INT64_MAX, int64_t

from hystrixpy._native.clock cimport real_ns
from hystrixpy._native.forks cimport forks
from hystrixpy._native.pool cimport ACCEPTED, Work
from hystrixpy._native.request cimport CollapsedRequest, Meeting, answer, end
from hystrixpy._native.senders cimport sending_pool
from hystrixpy._native.timer cimport expire_at, expiry_done
from hystrixpy._native.watching cimport has_tracer

import logging
from asyncio.events import _get_running_loop as get_running_loop
from contextvars import Context

from hystrixpy.errors import CollapserError, CommandStateError

cdef object logger = logging.getLogger("hystrixpy")
cdef object send_batch = None        # sending.send(batch), set by the collapser package
cdef object find_link = None         # callable giving the link to the current span or None, telemetry's


def set_sender(sender):
    """Have ``sender(batch)`` called, in the batch's context, for every batch that goes."""
    global send_batch
    send_batch = sender


def set_link_finder(finder):
    """Have ``finder()`` asked, while a tracer is set, for what the batch's span links to for this request."""
    global find_link
    find_link = finder


cdef class Batch(Work):
    """Requests that go together."""

    cdef CollapsedRequest put(self, object argument, object future, object loop, object link):
        """Add a request, or join the slot of an equal one. Under the lock. Raises what comparing raises."""
        cdef CollapsedRequest request = None
        cdef bint shares = self.slots is not None
        if shares:
            try:
                request = <CollapsedRequest>self.slots.get(argument)
            except TypeError:
                shares = False  # unhashable: it never shares
        if request is None:
            request = CollapsedRequest.__new__(CollapsedRequest)
            request.argument, request.gatherer, request.batch = argument, self.gatherer, self
            if shares:
                self.slots[argument] = request  # may raise: the request is not in the batch yet
            self.requests.append(request)
        request.add(future, loop)
        if link is not None:
            if request.links is None:
                request.links = []
            request.links.append(link)
        return request

    cdef bint wait_on(self, object loop, object blocked) except -1:
        """Somebody waits on ``loop`` (None: in a thread); whether a timer has to be armed there. Under the lock.

        ``blocked``: the loop that stands still until then, because its thread waits: nothing may be run on it.
        """
        cdef bint timer = self.needs_timer(loop)
        if loop is None or loop is not self.loop:
            self.mixed = True
        if blocked is not None:
            if self.blocked is None:
                self.blocked = set()
            self.blocked.add(blocked)
        return timer and not self.taken

    cdef bint needs_timer(self, object loop) except -1:
        """Whether whoever waits on ``loop`` (None: a thread) has to arm a timer. Under the lock."""
        if loop is None:
            needs, self.timed = not self.timed, True
            return needs
        if loop is self.loop:
            return False
        if self.loop is None:
            self.loop = loop
            return True
        if self.more_loops is None:
            self.more_loops = []
        if loop in self.more_loops:
            return False
        self.more_loops.append(loop)
        return True

    def run_on(self, list loops):
        """The first of these loops that does not stand still until the batch is answered, or None."""
        with self.gatherer.lock:
            for loop in loops:
                if self.blocked is None or loop not in self.blocked:
                    self.need(loop)
                    return loop
        return None

    def map_on(self):
        """The loop on which everybody waits, or None: they wait in several places."""
        with self.gatherer.lock:
            if self.mixed:
                return None
            self.need(self.loop)
            return self.loop

    cdef int need(self, object loop) except -1:
        """From now on no thread may stop this loop to wait for an answer. Under the lock."""
        if self.needed is None:
            self.needed = set()
        self.needed.add(loop)
        return 0

    cdef bint is_stuck_behind(self, object blocked) except -1:
        """Whether the answer comes by way of this loop. Under the lock."""
        return blocked is not None and self.needed is not None and blocked in self.needed

    cdef bint has_to_move(self, object loop) except -1:
        """Whether a loop was to send it, and now somebody waits elsewhere, too. True once. Under the lock."""
        if self.sent or self.sender is None or self.sender is loop:
            return False
        self.sender = None
        return True

    cdef bint is_full(self) except -1:
        """Whether it has as many wanted requests as it may. Under the lock."""
        if len(self.requests) < self.most:
            return False
        self.leave_out()
        return len(self.requests) >= self.most

    cdef int leave_out(self) except -1:
        """Drop the requests for which nobody waits any more. Under the lock."""
        cdef CollapsedRequest request
        for request in self.requests:
            if not request.is_wanted():
                self.drop_unwanted()
                break
        return 0

    cdef int drop_unwanted(self) except -1:
        cdef CollapsedRequest request
        cdef list kept = []
        for request in self.requests:
            if request.is_wanted():
                kept.append(request)
                continue
            request.left = True
            if self.slots is not None:
                try:
                    if self.slots.get(request.argument) is request:
                        del self.slots[request.argument]
                except TypeError:
                    pass  # unhashable: it has no slot
        self.requests = kept
        return 0

    cdef int arm(self, object loop) except -1:
        try:
            self.start_timer(loop)
        except BaseException as error:  # no thread, no memory
            if self.take():
                self.end_with(error)
        return 0

    cdef int go(self) except -1:
        try:
            self.dispatch()
        except BaseException as error:  # no thread, no memory
            if self.is_mine_to_send():
                self.end_with(error)
        return 0

    cdef int start_timer(self, object loop) except -1:
        """Have the batch taken at its deadline. Without the lock: it may be taken, even sent, meanwhile."""
        if loop is None:
            expire_at(self, self.deadline)
            if self.is_taken():  # who took it may have looked for the deadline before it was there
                expiry_done(self)
            return 0
        handle = loop.call_later(max(0.0, (self.deadline - real_ns()) / 1e9), self.due)
        if loop is self.loop:
            self.handle = handle
        return 0

    cdef bint is_taken(self) except -1:
        with self.gatherer.lock:
            return self.taken

    cdef bint take(self) except -1:
        """Close the batch for newcomers; True for the one caller who now has to send it."""
        with self.gatherer.lock:
            if self.taken:
                return False
            self.taken = True
            if self.gatherer.current is self:
                self.gatherer.current = None
        return True

    def due(self):
        """The delay is over, on an event loop."""
        if self.take():
            self.send()

    cdef void expire(self) noexcept:
        try:
            if self.take():
                self.go()
        except BaseException:
            logger.exception("a batch of collapser %r could not be sent", self.gatherer.spec.key)

    cdef int fill_up(self, object loop) except -1:
        """It is full: closed for newcomers, and its loop is to send it if all wait there. Under the lock."""
        self.taken = self.counted = True
        if loop is not None and not self.mixed:
            self.sender = loop
        return 0

    cdef int dispatch(self) except -1:
        """It is full: send it at once, but not in the context of whoever filled it.

        A loop may stop, close or block before its next turn. That is its own tasks' affair only.
        """
        loop = self.sender
        if loop is None:
            return self.hand_over()
        if self.handle is not None:
            self.handle.cancel()
        loop.call_soon(self.send)
        return 0

    cdef int hand_over(self) except -1:
        """Have one of the sending threads send it."""
        self.counted = False  # it may have to queue: look once more who has gone
        if sending_pool().submit(self) != ACCEPTED and self.is_mine_to_send():
            self.refuse("no thread can be started for it")
        return 0

    cdef void perform(self) noexcept:
        self.send()

    cdef bint is_mine_to_send(self) except -1:
        with self.gatherer.lock:
            if self.sent:
                return False
            self.sent = True
            self.sender = None
            if not self.counted:  # a full batch was looked through when it went
                self.leave_out()
        return True

    def send(self):
        """Send what is still wanted, in the context of the scope. On a thread of ours it never raises."""
        expiry_done(self)
        try:
            if self.is_mine_to_send() and self.requests:
                context = self.gatherer.context
                (Context() if context is None else context.copy()).run(send_batch, self)
        except BaseException as error:
            self.end_with(error)
            if isinstance(error, Exception):
                logger.exception("a batch of collapser %r could not be sent", self.gatherer.spec.key)
            elif get_running_loop() is not None:
                raise  # Ctrl-C during a loop's callback is the loop's business, too

    def refuse(self, why):
        """End every request with a ``CollapserError``."""
        key = self.gatherer.spec.key
        self.end_with(CollapserError(f"a request of collapser {key!r} was not sent: {why}"))

    def end_with(self, error):
        """Give an error to every request that has no answer yet."""
        end(self.requests, error)


cdef class Gatherer(Meeting):
    """Where the requests of one collapser meet: one per request context, or one for the process."""

    def __init__(self, spec, context, home):
        self.spec, self.context, self.home = spec, context, home

    cdef CollapsedRequest submit(self, object face, object argument, object future, object loop, object blocked):
        """Put a request into the current batch. Raises CollapserError once closed, and what comparing raises."""
        cdef Batch batch = None, fresh = None
        cdef CollapsedRequest request = None
        cdef bint timer = False, full = False
        while request is None:
            # In the loop: the first batch of all is what has the tracer looked for.
            link = find_link() if find_link is not None and has_tracer() else None
            with self.lock:
                if self.closed:
                    batch = None
                else:
                    batch = self.current
                    if batch is None or batch.forks != forks:
                        batch = fresh
                if batch is not None:
                    request = batch.put(argument, future, loop, link)
                    # Only now: had put() raised, nobody would arm the timer that a later request relies on.
                    self.current = batch
                    timer = batch.wait_on(loop, blocked)
                    full = batch.is_full()
                    if full:
                        batch.fill_up(loop)
                        self.current = None
            if self.closed and request is None:
                raise CollapserError(f"a request of collapser {self.spec.key!r} came after its context was closed")
            if request is None:
                fresh = self.new_batch(face)
        if full:
            batch.go()
        elif timer:
            batch.arm(loop)
        return request

    def new_batch(self, face):
        """A batch by the properties in force now. Raises PropertyError."""
        cdef Batch batch = Batch.__new__(Batch)
        values = self.spec.properties()
        batch.gatherer, batch.face, batch.requests = self, face, []
        batch.most = INT64_MAX if values.max_batch_size is None else min(values.max_batch_size, INT64_MAX)
        batch.deadline = real_ns() + <int64_t>(min(values.delay, 1e9) * 1e9)
        batch.forks = forks
        if values.cache_enabled:
            batch.slots = {}
        return batch

    cdef bint attach(self, CollapsedRequest request, object future, object loop, object blocked) except -1:
        """Wait for a request that is remembered; False if it can answer nobody any more, or not in this process.

        Raises CommandStateError where the wait could never end.
        """
        cdef Batch batch
        cdef bint timer = False, moves = False, stuck = False
        with self.lock:
            if request.left:
                return False
            batch = <Batch>request.batch  # None: it was delivered
            if batch is not None:
                if batch.forks != forks:
                    return False
                stuck = batch.is_stuck_behind(blocked)
                if not stuck:
                    request.add(future, loop)
                    timer = batch.wait_on(loop, blocked)
                    moves = batch.has_to_move(loop)
        if stuck:
            raise standstill(self.spec.key)
        if batch is None:
            answer(future, request)
        elif moves:
            batch.go()
        elif timer:
            batch.arm(loop)
        return True

    def close(self):
        """Take no more requests; those that are not sent yet end at once with a ``CollapserError``."""
        cdef Batch batch
        with self.lock:
            self.closed = True
            batch, self.current = self.current, None
            if batch is not None:
                batch.taken = True
        if batch is not None:
            expiry_done(batch)
            batch.refuse("its scope was closed before the batch was due")


cdef object standstill(str key):
    return CommandStateError(
        f"a request of collapser {key!r} would wait for itself: an identical one is being answered on this thread's "
        f"event loop, which execute() would block; await it instead", command_key=key,
    )
