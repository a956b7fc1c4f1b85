"""What ties a command class, a function or a dynamic key to a circuit."""

from libc.stdint cimport int64_t

from hystrixpy._native.circuit cimport Circuit

cdef int64_t epoch         # goes up with every reset(): bindings then ask for a new circuit


cdef class Binding:
    """What ties a command class or function to a circuit; made once per class, function or dynamic key."""
    cdef readonly str key
    cdef readonly str group
    cdef readonly str thread_pool
    cdef readonly str owner            # who claims the key, for messages: module-qualified name
    cdef readonly object code          # CommandProperties given in code, or None
    cdef readonly object pool_code     # ThreadPoolProperties given in code, or None
    cdef readonly bint is_async
    cdef readonly bint runnable
    cdef readonly bint has_fallback
    cdef readonly bint has_cache_key
    cdef Circuit circuit
    cdef int64_t epoch
    cdef list _kept                    # circuits another thread may still be reading (free-threaded builds)
    cdef dict _derived
    cdef object __weakref__
    cdef Circuit _rebind(self)
    cdef Circuit current(self)         # the circuit to use now; asks the registry after a reset. Raises PropertyError
