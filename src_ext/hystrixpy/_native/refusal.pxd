"""The refusal of a call: a new exception each time, without a traceback to grow, made in half a microsecond."""

from libc.stdint cimport int64_t

from hystrixpy._native.decision cimport Breaker, BreakerRules, Health

cdef object refused(str name, const Breaker *b, const BreakerRules *rules, str reason, int64_t now)
cdef object open_error(str name, const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now)
cdef str health_reason(const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now)
