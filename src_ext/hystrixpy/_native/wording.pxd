"""Sentences about a breaker, with numbers: for errors, the log and explain(). From plain numbers only."""

from libc.stdint cimport int64_t, uint64_t

cdef str seconds_text(int64_t ns)                 # "3.2 s", never "0.0 s"
cdef str span_text(int64_t ns)                    # "10 s", "0.5 s": as it was configured
cdef str counts_text(uint64_t total, uint64_t errors, int64_t window_ns, int64_t threshold)
cdef str refusal_text(str name, bint forced, bint half_open, str reason, int64_t retry_ns)
