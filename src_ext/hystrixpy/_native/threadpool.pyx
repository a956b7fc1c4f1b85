"""ThreadPool: the Python face of a pool, and plain function calls on it."""

from concurrent.futures import Future
from contextvars import copy_context

from libc.stdint cimport int64_t

from hystrixpy._native.atomics cimport hx_iload
from hystrixpy._native.crew cimport (ACCEPTED, EXECUTED, MOST_ACTIVE, REJECTED, Rules, crew_queued, crew_rolling,
                                     crew_rule)
from hystrixpy._native.parking cimport hx_monotonic
from hystrixpy._native.pool cimport Pool, Work

from hystrixpy.errors import ThreadPoolRejectedError

cdef int64_t MOST = 1 << 40              # what counts as unlimited


cdef class _Call(Work):
    """A function call on a pool, in a copy of the caller's context. Its outcome stays here, or goes to a Future."""
    cdef object function
    cdef tuple args
    cdef object context
    cdef object future                  # None: somebody waits for the Work itself
    cdef object result
    cdef object error

    cdef void perform(self) noexcept:
        if self.future is not None and not self.future.set_running_or_notify_cancel():
            self.future = None
            return
        try:
            self.result = self.context.run(self.function, *self.args)
        except BaseException as error:
            self.error = error

    cdef void publish(self) noexcept:
        if self.future is None:
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
            self.error = None           # it holds the frames that hold this call

    cdef object outcome(self):
        error, self.error = self.error, None
        if error is None:
            return self.result
        try:
            raise error
        finally:
            del error


cdef _Call new_call(object function, tuple args):
    cdef _Call call = _Call.__new__(_Call)
    call.function, call.args, call.context = function, args, copy_context()
    return call


cdef class ThreadPool(Pool):
    """A bulkhead of threads: a dependency that hangs takes its own few threads and nothing else.

    ``properties`` has the attributes of :class:`~hystrixpy.ThreadPoolProperties`; without it the defaults of
    that class hold. Threads are started when they are needed and named ``hystrix-<key>-<n>``.
    """

    cdef readonly object max_queue_size
    cdef readonly object queue_rejection_threshold
    cdef readonly bint allow_max_to_diverge
    cdef readonly double keep_alive

    def __init__(self, key, properties=None):
        self.max_queue_size, self.queue_rejection_threshold, self.keep_alive = -1, 5, 60.0
        if properties is not None:
            self.configure(properties)

    def configure(self, properties) -> None:
        """Apply sizes, at once and without losing what is queued.

        Fewer threads: those that run finish first. A shorter queue: what is queued stays, nothing more gets in.
        """
        cdef Rules rules
        rules.core = clipped(properties.core_size)
        rules.max = rules.core
        self.allow_max_to_diverge = properties.allow_max_to_diverge
        if self.allow_max_to_diverge:
            rules.max = max(rules.core, clipped(properties.max_size))
        self.max_queue_size = properties.max_queue_size
        self.queue_rejection_threshold = properties.queue_rejection_threshold
        self.keep_alive = properties.keep_alive
        rules.queue = clipped(self.max_queue_size)
        rules.threshold = clipped(self.queue_rejection_threshold)
        rules.keep_alive = <int64_t>(min(self.keep_alive, 1e9) * 1e9)
        crew_rule(self.crew, &rules)
        self.start_wanted()

    def call(self, function, *args):
        """Run ``function(*args)`` on a thread of the pool, in a copy of this context; returns its Future.

        Raises ThreadPoolRejectedError at once when no thread is free and the queue is full.
        """
        cdef _Call call = new_call(function, args)
        future = call.future = Future()
        self.check(self.submit(call))
        return future

    def run(self, function, *args, timeout: float | None = None):
        """Run ``function(*args)`` on a thread of the pool and return its result; the GIL is free meanwhile.

        Raises what it raises; TimeoutError after ``timeout`` seconds, counted from now: the thread stays taken
        until the function returns. Raises ThreadPoolRejectedError as :meth:`call` does.
        """
        cdef _Call call = new_call(function, args)
        cdef int64_t deadline = -1 if timeout is None else hx_monotonic() + <int64_t>(timeout * 1e9)
        cdef bint published = False
        try:
            self.check(self.submit_and_wait(call, deadline, &published))
        finally:
            if not published and not self.withdraw(call):
                call.leave()
        if not published:
            raise TimeoutError(f"no result from thread pool {self.key!r} within {timeout:g} s")
        return call.outcome()

    cdef int check(self, int verdict) except -1:
        if verdict != ACCEPTED:
            raise ThreadPoolRejectedError(self.why_full())
        return 0

    cdef str why_full(self):
        if self.crew.closed:
            return f"thread pool {self.key!r} is shut down"
        return (f"thread pool {self.key!r} is full: all of its {self.max_size} threads are taken "
                f"({self.abandoned} of them by work that nobody waits for any more), "
                f"{self.queue_size} of {self.queue_limit()} places in the queue too")

    cdef int64_t queue_limit(self):
        return max(0, min(self.crew.rules.queue, self.crew.rules.threshold))

    @property
    def core_size(self) -> int:
        """Threads the pool may always have."""
        return self.crew.rules.core

    @property
    def max_size(self) -> int:
        """Threads it may have at most: ``core_size`` unless it may diverge."""
        return self.crew.rules.max

    @property
    def size(self) -> int:
        """Threads alive."""
        return hx_iload(&self.crew.alive)

    @property
    def active(self) -> int:
        """Threads that run something; those whose caller has given up included."""
        return hx_iload(&self.crew.active)

    @property
    def abandoned(self) -> int:
        """Threads that run something whose caller has given up."""
        return max(0, hx_iload(&self.crew.abandoned))

    @property
    def queue_size(self) -> int:
        """Works that wait for a thread."""
        return crew_queued(self.crew)

    @property
    def completed(self) -> int:
        """Works that are over, however they ended."""
        return hx_iload(&self.crew.completed)

    @property
    def executed(self) -> int:
        """Works that were begun."""
        return hx_iload(&self.crew.executed)

    @property
    def rejected(self) -> int:
        """Works turned away because the pool was full."""
        return hx_iload(&self.crew.rejected)

    @property
    def max_active(self) -> int:
        """The most threads that were active at once within the rolling window; never below ``active``."""
        return crew_rolling(self.crew, MOST_ACTIVE)

    @property
    def rolling_executed(self) -> int:
        """Works begun within the rolling window."""
        return crew_rolling(self.crew, EXECUTED)

    @property
    def rolling_rejected(self) -> int:
        """Works turned away within the rolling window."""
        return crew_rolling(self.crew, REJECTED)

    @property
    def largest(self) -> int:
        """The most threads that were alive at once."""
        return hx_iload(&self.crew.largest)

    @property
    def is_shutdown(self) -> bool:
        """Whether the pool takes in nothing more."""
        return self.crew.closed != 0

    def __repr__(self) -> str:
        return (f"<ThreadPool {self.key!r}: {self.active} of {self.max_size} threads active, {self.size} alive, "
                f"{self.queue_size} queued, {self.abandoned} abandoned, {self.completed} completed, "
                f"{self.rejected} rejected>")


cdef inline int64_t clipped(object count) except? -2:
    return <int64_t>min(count, MOST)
