"""Made on the path of every refused call, so from C integers: floating-point formatting costs more than the rest."""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    TENTH = 100_000_000
    SECOND = 1_000_000_000


cdef str seconds_text(int64_t ns):
    cdef int64_t tenths = max((ns + TENTH // 2) // TENTH, 1)
    cdef int64_t whole = tenths // 10
    cdef int rest = tenths % 10
    return f"{whole}.{rest} s"


cdef str span_text(int64_t ns):
    if ns % SECOND == 0:
        return f"{ns // SECOND} s"
    return f"{ns / <double>SECOND:g} s"


cdef str counts_text(uint64_t total, uint64_t errors, int64_t window_ns, int64_t threshold):
    cdef str window = span_text(window_ns)
    cdef uint64_t percentage
    if total == 0:
        return f"no calls in the last {window} (threshold {threshold}%)"
    percentage = 100 * errors // total
    return f"{percentage}% of {total} calls failed in the last {window} (threshold {threshold}%)"


cdef str refusal_text(str name, bint forced, bint half_open, str reason, int64_t retry_ns):
    if forced:
        return f"circuit {name!r} is forced open and admits no call until that is taken back; {reason}"
    if half_open:
        return (f"circuit {name!r} is half-open and its trials are still running: {reason}; "
                f"next trial in {seconds_text(retry_ns)} at the latest")
    return f"circuit {name!r} is open: {reason}; next trial in {seconds_text(retry_ns)}"
