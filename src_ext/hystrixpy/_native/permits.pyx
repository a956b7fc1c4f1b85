"""The Python face of a permit count. Taking and giving themselves are inline in permits.pxd."""

from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_icas, hx_iload, hx_istore

from hystrixpy._native import arguments
from hystrixpy.errors import SemaphoreRejectedError


cdef class Semaphore:
    """A count of permits that never makes anybody wait: taken now, or refused now.

    >>> permits = Semaphore(1)
    >>> permits.try_acquire(), permits.try_acquire()
    (True, False)
    >>> permits.release()

    ``with permits:`` takes one and gives it back, or raises SemaphoreRejectedError.
    Raises PropertyError if ``limit`` is no whole number of at least 1.
    """

    def __init__(self, limit):
        self.limit = limit

    @property
    def limit(self):
        """How many permits there are. Lowered below ``in_use`` it takes nothing away: the next ones must wait for returns."""
        return hx_iload(&self._limit)

    @limit.setter
    def limit(self, value):
        hx_istore(&self._limit, arguments.count("limit", value))

    @property
    def in_use(self):
        """How many permits are taken now."""
        return hx_iload(&self.taken)

    def try_acquire(self):
        """Take a permit if one is free; whether it was."""
        return permit_try(&self.taken, hx_iload(&self._limit))

    def release(self):
        """Give a permit back. Raises RuntimeError if none is taken, and then changes nothing."""
        cdef int64_t seen = hx_iload(&self.taken)
        while seen > 0:  # not a plain decrement: a release too many must not mint a permit, not even for a moment
            if hx_icas(&self.taken, &seen, seen - 1):
                return
        raise RuntimeError(f"no permit of {self!r} is taken: release() was called more often than try_acquire() succeeded")

    def __enter__(self):
        if not self.try_acquire():
            raise SemaphoreRejectedError(f"all {self.limit} permits are taken; raise the limit, or call less at once")
        return self

    def __exit__(self, exc_type, error, traceback):
        self.release()
        return False

    def __repr__(self):
        return f"<Semaphore {self.in_use} of {self.limit} in use>"

    def __reduce__(self):
        raise TypeError("a Semaphore counts what runs in this process and cannot be pickled or copied; make one in each process")
