"""The refusal of a call: a new exception each time, without a traceback to grow, made in half a microsecond."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from hystrixpy._native.decision cimport Breaker, BreakerRules, Health

cdef object refused(str name, const Breaker *b, const BreakerRules *rules, str reason, int64_t now)
cdef object open_error(str name, const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now)
cdef str health_reason(const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now)

ctypedef struct Refusal:      # the facts of a refusal, for an error that is made only if somebody asks for it
    int64_t retry_ns          # negative: forced open
    uint64_t total
    uint64_t errors
    int32_t half_open

cdef void refusal_facts(Refusal *out, const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now) noexcept nogil
cdef object refusal_error(str name, const BreakerRules *rules, const Health *health, const Refusal *facts)
