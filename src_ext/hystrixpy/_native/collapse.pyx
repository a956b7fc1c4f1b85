"""Gathering requests into batches: the part of a collapser that every request passes through.

A request joins the current batch of its gatherer. Each kind of place on which somebody waits arms its own
timer for the batch: an event loop its ``call_later``, all threads together the one native timer. Whichever
comes first takes the batch; so a loop that is blocked or gone holds up nobody but its own tasks. What
happens to a batch that goes (create, run, map) is Python: ``hystrixpy/collapser/sending.py``.

Locking: a gatherer's lock is held while arguments are hashed and compared and lists appended to, never
while a future is answered or a batch sent. A batch is taken once (for newcomers it is gone) and sent once,
both under that lock: one that its loop was to send is sent by a thread when somebody joins who does not
wait on that loop. No finalizer may take the lock: the collector could run while this thread holds it.
"""

cimport cython
from libc.stdint cimport INT64_MAX, int64_t

from hystrixpy._native.atomics cimport hx_iadd, hx_iload
from hystrixpy._native.clock cimport real_ns
from hystrixpy._native.watching cimport has_tracer
from hystrixpy._native.pool cimport ACCEPTED, Pool, Work
from hystrixpy._native.crew cimport Rules, crew_rule
from hystrixpy._native.scope cimport Scope, current_scope
from hystrixpy._native.sharing cimport unusable_key
from hystrixpy._native.timer cimport expire_at, expiry_done

import logging
from asyncio import Future as LoopFuture
from asyncio import InvalidStateError as LoopInvalidStateError
from asyncio import get_running_loop as running_loop_or_error
from asyncio.events import _get_running_loop as get_running_loop
from concurrent.futures import InvalidStateError
from contextvars import Context
from os import register_at_fork
from types import GenericAlias

from hystrixpy._native.arguments import text
from hystrixpy._native.future import CommandFuture
from hystrixpy.errors import CollapserError, CommandStateError, RequestContextError

cdef enum:
    UNANSWERED = 0
    RESPONSE = 1
    EXCEPTION = 2

cdef object logger = logging.getLogger("hystrixpy")
cdef object send_batch = None        # sending.send(batch), set by the collapser package
cdef object find_link = None         # callable giving the link to the current span or None, telemetry's
cdef int64_t fork_generation = 0     # a batch of the parent has no timer in the child: nobody may join it there
cdef Pool pool = None
cdef cython.pymutex pool_lock


def set_sender(sender):
    """Have ``sender(batch)`` called, in the batch's context, for every batch that goes."""
    global send_batch
    send_batch = sender


def set_link_finder(finder):
    """Have ``finder()`` asked, while a tracer is set, for what the batch's span links to for this request."""
    global find_link
    find_link = finder


def _forked() -> None:
    hx_iadd(&fork_generation, 1)


register_at_fork(after_in_child=_forked)


# --- the threads that send what no event loop sends -----------------------------------------------------

cdef Pool sending_pool():
    """Up to ten daemon threads ``hystrix-collapser-<n>`` for all collapsers; what does not fit is queued."""
    global pool
    cdef Rules rules
    cdef Pool fresh = None
    if pool is None:
        rules.core = rules.max = 10
        rules.queue = rules.threshold = INT64_MAX >> 1
        rules.keep_alive = 60_000_000_000
        fresh = Pool("collapser")
        crew_rule(fresh.crew, &rules)
        with pool_lock:
            if pool is None:
                pool = fresh
    return pool


def shutdown(wait=True, timeout=None) -> bool:
    """Stop the sending threads; the next batch that needs one starts new ones. False: one still runs."""
    global pool
    cdef Pool old
    with pool_lock:
        old, pool = pool, None
    return True if old is None else old.shutdown(wait, timeout)


# --- one request ----------------------------------------------------------------------------------------

@cython.final
cdef class CollapsedRequest:
    """One argument of a batch: ``map_response`` sets its ``response`` or its ``exception``.

    The first answer stays; a second one raises ``CollapserError``.
    """

    __class_getitem__ = classmethod(GenericAlias)

    @property
    def response(self):
        """The answer that was set, or None."""
        return self.answer if self.state == RESPONSE else None

    @response.setter
    def response(self, value):
        self.set_answer(RESPONSE, value)

    @property
    def exception(self):
        """The exception that was set, or None."""
        return self.answer if self.state == EXCEPTION else None

    @exception.setter
    def exception(self, error):
        if not isinstance(error, BaseException):
            raise TypeError(f"request.exception must be an exception object, not {type(error).__name__}")
        self.set_answer(EXCEPTION, error)

    @property
    def is_answered(self):
        """Whether a response or an exception has been set."""
        return self.state != UNANSWERED

    def __repr__(self):
        return f"<CollapsedRequest {self.argument!r}>"

    cdef int set_answer(self, int state, object answer) except -1:
        if not self.try_answer(state, answer):
            raise CollapserError(
                f"a request of collapser {self.gatherer.spec.key!r} was answered twice; the first answer stays"
            )
        return 0

    cdef bint try_answer(self, int state, object answer) except -1:
        """Whether this is the first answer."""
        cdef bint is_first = False
        trace = answer.__traceback__ if state == EXCEPTION else None  # now, before anybody raises it
        with cython.critical_section(self):
            if self.state == UNANSWERED:
                self.answer = answer
                self.trace = trace
                self.state = state
                is_first = True
        return is_first

    cdef int add(self, object future, object loop) except -1:
        """One more waits for it. Under the lock."""
        if self.first is None:
            self.first, self.first_loop = future, loop
        elif self.more is None:
            self.more = [(future, loop)]
        else:
            self.more.append((future, loop))
        return 0

    cdef bint is_wanted(self) except -1:
        """Whether anybody still waits for it. Under the lock."""
        if not self.first.cancelled():
            return True
        if self.more is not None:
            for future, _ in self.more:
                if not future.cancelled():
                    return True
        return False


def links_of(list requests) -> tuple:
    """The spans in which these requests were asked for."""
    cdef CollapsedRequest request
    return tuple([link for request in requests if request.links is not None for link in request.links])


def fill_missing(list requests, error):
    """Give ``error(request)`` to each request that has no answer yet."""
    cdef CollapsedRequest request
    for request in requests:
        if request.state == UNANSWERED:
            request.try_answer(EXCEPTION, error(request))


def deliver(list requests):
    """Answer everybody who waits for these requests, each future on the loop it belongs to."""
    cdef CollapsedRequest request
    cdef Gatherer gatherer
    cdef dict elsewhere = {}
    cdef object here = get_running_loop()
    if not requests:
        return
    gatherer = (<CollapsedRequest>requests[0]).gatherer
    with gatherer.lock:
        for request in requests:
            request.delivered = True  # nobody is added from now on: who comes is answered at once
            request.batch = None  # which holds the request
    for request in requests:
        first, request.first = request.first, None
        if first is not None:
            route(first, request.first_loop, request, here, elsewhere)
        if request.more is not None:
            for future, loop in request.more:
                route(future, loop, request, here, elsewhere)
            request.more = None
    for loop, pairs in elsewhere.items():
        try:
            loop.call_soon_threadsafe(answer_all, pairs)
        except RuntimeError:
            pass  # the loop is closed: nobody waits there any more


cdef inline int route(object future, object loop, CollapsedRequest request, object here, dict elsewhere) except -1:
    """Answer a future now if it may be done in this thread, else keep it for its loop."""
    if loop is None or loop is here:
        return answer(future, request)
    elsewhere.setdefault(loop, []).append((future, request))
    return 0


def answer_all(list pairs):
    """Answer futures on their own loop."""
    for future, request in pairs:
        answer(future, request)


cdef int answer(object future, CollapsedRequest request) except -1:
    try:
        if request.state == RESPONSE:
            future.set_result(request.answer)
        else:
            if isinstance(future, RequestFuture):
                future._hx_trace = request.trace
            future.set_exception(request.answer)
    except (InvalidStateError, LoopInvalidStateError):
        pass  # cancelled meanwhile
    except TypeError as error:  # asyncio futures do not take a StopIteration
        future.set_exception(CollapserError(f"a collapsed request failed with {request.answer!r}: {error}"))
    return 0


class RequestFuture(CommandFuture):
    """The answer to a request. Its error may be that of many: it is raised with the traceback that it came with."""

    _hx_trace = None

    def result(self, timeout=None):
        """The value, or the error raised; ``TimeoutError`` if it is not there after ``timeout`` seconds."""
        error = self.exception(timeout)
        if error is None:
            return super().result()
        try:
            raise error.with_traceback(self._hx_trace)
        finally:
            del error, self  # its traceback holds this frame


def answer_in_order(list requests, answers):
    """Give each request the answer at its place; an exception object becomes the request's error."""
    cdef Py_ssize_t i = 0
    for value in answers:
        give(<CollapsedRequest>requests[i], value)
        i += 1


def answer_by_argument(list requests, answers):
    """Give each request the answer at its argument; those whose argument is missing stay unanswered."""
    cdef CollapsedRequest request
    for request in requests:
        if is_in(request.argument, answers):
            give(request, answers[request.argument])


cdef bint is_in(object argument, object answers) except -1:
    """Whether a mapping has an answer; for what cannot be hashed it has none, which is no fault of the others."""
    try:
        return argument in answers
    except TypeError:
        return False


cdef inline int give(CollapsedRequest request, object value) except -1:
    return request.set_answer(EXCEPTION if isinstance(value, Exception) else RESPONSE, value)


cdef class LastWord(Work):
    """An error for requests that nobody else will answer, on its way to a thread that may take their lock."""

    cdef void perform(self) noexcept:
        end(self.requests, self.error)


def end_elsewhere(list requests, error):
    """Give an error to every request that has no answer yet, on a sending thread: may be called by a finalizer."""
    cdef LastWord word = LastWord.__new__(LastWord)
    word.requests, word.error = requests, error
    sending_pool().submit(word)


cdef int end(list requests, object error) except -1:
    fill_missing(requests, lambda request: error)
    deliver(requests)
    return 0


# --- one batch ------------------------------------------------------------------------------------------

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


# --- where requests meet --------------------------------------------------------------------------------

cdef class Gatherer:
    """Where the requests of one collapser meet: one per request context, or one for the process."""

    def __init__(self, Spec spec, context, home):
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
                    if batch is None or batch.forks != hx_iload(&fork_generation):
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
        batch.forks = hx_iload(&fork_generation)
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
            batch = request.batch  # None: it was delivered
            if batch is not None:
                if batch.forks != hx_iload(&fork_generation):
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


cdef class Spec:
    """What is the same for every request of one collapser class or function."""

    def __init__(self, key, bint is_global, code):
        self.key, self.is_global, self.code = text("key", key), is_global, code
        self.shared = {}

    def properties(self):
        """The ``CollapserProperties`` in force; overridden."""
        raise NotImplementedError

    def count_hit(self):
        """An answer was remembered; overridden."""
        raise NotImplementedError

    def open_in(self, scope):
        """A gatherer for a request context, registered to be closed with it; overridden."""
        raise NotImplementedError

    def close_shared(self):
        """End what the process-wide gatherer holds, and forget it."""
        for gatherer in list(self.shared.values()):
            self.shared.pop(None, None)
            gatherer.close()

    cdef Gatherer gatherer(self):
        cdef Scope scope
        if self.is_global:
            found = self.shared.get(None)
            return <Gatherer>(self.shared.setdefault(None, Gatherer(self, None, None)) if found is None else found)
        scope = current_scope()
        if scope is None:
            raise RequestContextError(
                f"collapser {self.key!r} has scope 'request' and needs an open RequestContext, and there is none "
                f"here: wrap the request in `with RequestContext():`, or use scope 'global'"
            )
        found = scope.gatherers.get(self)
        return <Gatherer>(self.open_in(scope) if found is None else found)

    cdef int ask(self, object face, object argument, object cache_key, object future, object loop,
                 object blocked) except -1:
        """Have ``future`` answered. With a cache key, by what the request context remembers, if it does.

        ``blocked``: the event loop that stands still until then, because its thread waits; or None.
        """
        cdef Gatherer gatherer = self.gatherer()
        cdef CollapsedRequest request
        cdef Scope scope
        if cache_key is None:
            gatherer.submit(face, argument, future, loop, blocked)
            return 0
        scope = current_scope()
        if scope is None:
            raise RequestContextError(
                f"collapser {self.key!r} has a cache key and needs an open RequestContext, and there is none here: "
                f"wrap the request in `with RequestContext():`"
            )
        key = (("collapser", self.key), cache_key)
        try:
            request = <CollapsedRequest>scope.entries.get(key)
        except TypeError as error:
            raise unusable_key(f"collapser {self.key!r}", cache_key, error) from None
        if request is not None and request.gatherer.attach(request, future, loop, blocked):
            self.count_hit()
            return 0
        # Two threads may both come here: each then has a request of its own, and the later one is remembered.
        request = gatherer.submit(face, argument, future, loop, blocked)
        scope.entries[key] = request
        return 0

    cpdef object future_on_loop(self, object face, object argument, object cache_key=None):
        """An asyncio future of the running loop that will have the answer."""
        loop = running_loop_or_error()
        future = LoopFuture(loop=loop)
        try:
            self.ask(face, argument, cache_key, future, loop, None)
        except Exception as error:
            future.set_exception(error)
        return future

    def fill(self, face, argument, cache_key, future, blocked=None):
        """Have a concurrent future answered; what cannot be submitted is delivered in it too.

        ``blocked``: the event loop of this thread, if the thread is going to wait for the future.
        """
        try:
            self.ask(face, argument, cache_key, future, None, blocked)
        except Exception as error:
            future.set_exception(error)
        return future


cdef object standstill(str key):
    return CommandStateError(
        f"a request of collapser {key!r} would wait for itself: an identical one is being answered on this thread's "
        f"event loop, which execute() would block; await it instead", command_key=key,
    )


cdef class FunctionPlace:
    """Where the requests of a function, or of one object's method, meet, and who answers them."""

    cdef readonly Spec spec
    cdef readonly object face

    def __init__(self, Spec spec, face):
        self.spec, self.face = spec, face


cdef class AsyncFunctionBase:
    """The part of the async function form that every request passes through."""

    cdef public FunctionPlace _own       # None until its key is known for certain
    cdef public object _remember         # cache_key, or None

    def one(self, argument):
        """An awaitable future of the answer for one argument; the request is in the batch when this returns."""
        cdef FunctionPlace place = self._own
        if place is None:
            place = self._place()
        if self._remember is None:
            return place.spec.future_on_loop(place.face, argument)
        try:
            cache_key = self._cache_key(place.spec, argument)
        except Exception as error:
            future = LoopFuture(loop=running_loop_or_error())
            future.set_exception(error)
            return future
        return place.spec.future_on_loop(place.face, argument, cache_key)


cdef class CollapserBase:
    """Keeps the first argument of the constructor, so that a subclass need not call ``super().__init__()``."""

    cdef object _first

    def __cinit__(self, *args, **kwargs):
        if not type(self)._hx_complete:
            raise TypeError(
                f"{type(self).__qualname__} has no create_command() or no map_response(): define both, "
                f"or use it as a base class only"
            )
        if args:
            self._first = args[0]
        elif kwargs:
            self._first = first_of(type(self), kwargs)

    @property
    def argument(self):
        """What the batch is asked for this request: the first argument of the constructor, unless overridden."""
        return self._first


cdef object first_of(object cls, dict kwargs):
    """The value for the first parameter of ``__init__``, which may not be the first one that was given."""
    import inspect

    for name in list(inspect.signature(cls).parameters):
        return kwargs.get(name)
    return None
