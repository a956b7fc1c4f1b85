"""What `with breaker:` admitted, kept until it is left.

One breaker is entered by many threads and tasks at once, and may be entered again inside. What was admitted is
therefore kept with the context (of the thread, of the task), innermost first.
"""

from libc.stdint cimport int64_t

cdef object push(object breaker, int64_t admission)
cdef int64_t pop(object breaker) except -1      # the admission; raises RuntimeError in another context
