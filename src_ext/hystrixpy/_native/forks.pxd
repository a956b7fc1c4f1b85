"""What belongs to the parent of a fork is known by this number."""

from libc.stdint cimport int32_t

cdef int32_t forks         # goes up in every forked child, before it has a second thread
