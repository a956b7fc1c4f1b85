"""Made on the path of every refused call, so by hand in a buffer: formatting costs more than all the rest of a refusal."""

from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, strlen

cdef enum:
    TENTH = 100_000_000
    SECOND = 1_000_000_000
    ROOM = 240          # the longest text is some 150 characters

ctypedef struct Text:
    char letters[ROOM]
    Py_ssize_t length


cdef inline void put(Text *text, const char *letters) noexcept nogil:
    cdef Py_ssize_t length = strlen(letters)
    memcpy(&text.letters[text.length], letters, length)
    text.length += length


cdef inline void put_number(Text *text, uint64_t number) noexcept nogil:
    cdef char digits[20]
    cdef Py_ssize_t first = 20
    while True:
        first -= 1
        digits[first] = <char>(48 + number % 10)
        number //= 10
        if number == 0:
            break
    memcpy(&text.letters[text.length], &digits[first], 20 - first)
    text.length += 20 - first


cdef void put_seconds(Text *text, int64_t ns) noexcept nogil:
    cdef int64_t tenths = max((ns + TENTH // 2) // TENTH, 1)
    put_number(text, tenths // 10)
    put(text, ".")
    put_number(text, tenths % 10)
    put(text, " s")


cdef object put_span(Text *text, int64_t ns):
    if ns % SECOND:
        put(text, f"{ns / <double>SECOND:g}".encode())
    else:
        put_number(text, ns // SECOND)
    put(text, " s")


cdef inline str as_str(const Text *text):
    return PyUnicode_DecodeASCII(text.letters, text.length, NULL)


cdef str seconds_text(int64_t ns):
    cdef Text text
    text.length = 0
    put_seconds(&text, ns)
    return as_str(&text)


cdef str span_text(int64_t ns):
    cdef Text text
    text.length = 0
    put_span(&text, ns)
    return as_str(&text)


cdef str counts_text(uint64_t total, uint64_t errors, int64_t window_ns, int64_t threshold):
    cdef Text text
    text.length = 0
    if total == 0:
        put(&text, "no calls in the last ")
    else:
        put_number(&text, 100 * errors // total)
        put(&text, "% of ")
        put_number(&text, total)
        put(&text, " calls failed in the last ")
    put_span(&text, window_ns)
    put(&text, " (threshold ")
    put_number(&text, threshold)
    put(&text, "%)")
    return as_str(&text)


cdef str refusal_text(str name, bint forced, bint half_open, str reason, int64_t retry_ns):
    if forced:
        return f"circuit {name!r} is forced open and admits no call until that is taken back; {reason}"
    if half_open:
        return (f"circuit {name!r} is half-open and its trials are still running: {reason}; "
                f"next trial in {seconds_text(retry_ns)} at the latest")
    return f"circuit {name!r} is open: {reason}; next trial in {seconds_text(retry_ns)}"
