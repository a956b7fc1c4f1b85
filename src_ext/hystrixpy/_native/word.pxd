"""The breaker's word: state (2 bits) | generation (16) | time (46, monotonic microseconds, modulo).

Times are compared by their distance, so 46 bits are enough for ever: what lies up to 2.2 years back is told apart.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef enum:
    GENERATIONS = 0xFFFF        # mask
    MICROSECOND = 1_000


cdef inline uint64_t word_time(int64_t now) noexcept nogil:
    return <uint64_t>(now // MICROSECOND) & <uint64_t>0x3FFFFFFFFFFF


cdef inline uint64_t make_word(int state, uint32_t generation, int64_t now) noexcept nogil:
    return <uint64_t>state << 62 | <uint64_t>(generation & GENERATIONS) << 46 | word_time(now)


cdef inline int word_state(uint64_t word) noexcept nogil:
    return <int>(word >> 62)


cdef inline uint32_t word_generation(uint64_t word) noexcept nogil:
    return <uint32_t>(word >> 46) & GENERATIONS


cdef inline int64_t word_age_ns(uint64_t word, int64_t now) noexcept nogil:
    """Time since the word's time, both rounded down to microseconds: moving a clock by a whole sleep window ends it.

    A time up to 50 days ahead is no age of years: whoever asks read the clock before the word changed.
    """
    cdef uint64_t age = (<uint64_t>(now // MICROSECOND) - word) & <uint64_t>0x3FFFFFFFFFFF
    return 0 if age > <uint64_t>0x3BFFFFFFFFFF else <int64_t>age * MICROSECOND


cdef inline bint window_over(uint64_t word, int64_t sleep_ns, int64_t now) noexcept nogil:
    return word_age_ns(word, now) >= sleep_ns - sleep_ns % MICROSECOND
