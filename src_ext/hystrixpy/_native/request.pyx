"""One request of a collapser, its answer, and everybody who waits for it.

Futures are answered without the lock of the gatherer, each on the loop it belongs to.
"""

cimport cython

from hystrixpy._native.pool cimport Work
from hystrixpy._native.senders cimport sending_pool

from asyncio import InvalidStateError as LoopInvalidStateError
from asyncio.events import _get_running_loop as get_running_loop
from concurrent.futures import InvalidStateError
from types import GenericAlias

from hystrixpy._native.future import CommandFuture
from hystrixpy.errors import CollapserError


cdef class Meeting:
    """Where requests meet, as far as they know."""


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
    cdef Meeting gatherer
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
