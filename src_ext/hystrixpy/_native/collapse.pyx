"""Collapsers: the part that every request passes through. What becomes of requests is in batch.pyx."""

from hystrixpy._native.batch cimport Gatherer
from hystrixpy._native.loops cimport running_loop
from hystrixpy._native.request cimport CollapsedRequest
from hystrixpy._native.scope cimport Scope, current_scope
from hystrixpy._native.sharing cimport unusable_key

from asyncio import Future as LoopFuture

from hystrixpy._native.arguments import text
from hystrixpy.errors import RequestContextError


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
        if request is not None and (<Gatherer>request.gatherer).attach(request, future, loop, blocked):
            self.count_hit()
            return 0
        # Two threads may both come here: each then has a request of its own, and the later one is remembered.
        request = gatherer.submit(face, argument, future, loop, blocked)
        scope.entries[key] = request
        return 0

    cpdef object future_on_loop(self, object face, object argument, object cache_key=None):
        """An asyncio future of the running loop that will have the answer."""
        loop = running_loop()
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
            future = LoopFuture(loop=running_loop())
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
