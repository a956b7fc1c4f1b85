"""Who watches: listeners of events, hooks, spans, recorders. Nothing of this is reached while nobody does."""

from cpython.object cimport PyObject

from hystrixpy._native.life cimport CommandLife

cdef bint has_tracer() noexcept                           # a tracer provider is set
cdef bint is_watched() noexcept                           # hooks, recorder or tracer: start_watched is due
cdef int start_watched(CommandLife c) except -1
cdef int tell_of_hit(CommandLife command) except -1       # hooks and the current span, of a cache hit
cdef int ctrl_c_again(object error) except -1             # for a KeyboardInterrupt that cannot be raised here
cdef void tell_listeners(int event, str key) noexcept
cdef void tell(CommandLife c, int event) noexcept         # the listeners, and who watches this execution

# call_run and call_fallback for the drivers: with hooks and span around them, if there are any.
cdef PyObject *guarded_run(CommandLife c) noexcept
cdef PyObject *guarded_fallback(CommandLife c) noexcept
cdef object emitted(CommandLife c, object value)          # run's value as the hooks leave it
cdef object fallback_emitted(CommandLife c, object value)
cdef object hooked_error(CommandLife c, object error)
cdef void thread_done(CommandLife c) noexcept
cdef void end_watch(CommandLife c) noexcept               # the outcome is there: the last word of hooks and span
