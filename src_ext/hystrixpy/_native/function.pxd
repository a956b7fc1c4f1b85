"""The function form of commands: a guarded callable, and the command of one call of it."""

from hystrixpy._native.aio cimport AioCommand
from hystrixpy._native.binding cimport Binding
from hystrixpy._native.drive cimport SyncCommand
from hystrixpy._native.life cimport CommandLife


cdef class Guarded:
    """What all calls of one decorated function share."""
    cdef object function
    cdef object fallback_spec        # callable, name of a method, or None
    cdef object fallback_function    # the callable once it is known
    cdef readonly object cache_key_function
    cdef bint fallback_wants_error
    cdef bint fallback_known
    cdef bint binds_class            # as a class method
    cdef bint binds_nothing          # as a static method
    cdef Binding binding
    cdef object declare              # callable(guarded) -> Binding: names and registers it, at first need
    cdef Binding bound(self)
    cdef object bind(self, object instance, object owner)
    cdef object find_fallback(self, tuple args)
    cdef object fall_back(self, CommandLife command, tuple args, dict kwargs)


cdef class FunctionCommand(SyncCommand):
    cdef Guarded guarded
    cdef tuple args
    cdef dict kwargs


cdef class AsyncFunctionCommand(AioCommand):
    cdef Guarded guarded
    cdef tuple args
    cdef dict kwargs


cdef class CommandFunction(Guarded):
    cdef dict __dict__
    cdef object __weakref__
    cdef FunctionCommand make(self, tuple args, dict kwargs)


cdef class AsyncCommandFunction(Guarded):
    cdef dict __dict__
    cdef object __weakref__
    cdef AsyncFunctionCommand make(self, tuple args, dict kwargs)


cdef class PlacedCommandFunction(CommandFunction):
    pass


cdef class PlacedAsyncCommandFunction(AsyncCommandFunction):
    pass


cdef class BoundCommandFunction:
    cdef Guarded function
    cdef object instance
