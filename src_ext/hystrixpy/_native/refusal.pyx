"""CircuitOpenError, cheaply."""

from libc.stdint cimport int64_t

from hystrixpy._native.decision cimport (
    HALF_OPEN, Breaker, BreakerRules, Counts, Health, breaker_health, breaker_retry_ns, breaker_state,
)
from hystrixpy._native.wording cimport counts_text, refusal_text

from hystrixpy.errors import CircuitOpenError

cdef extern from *:
    """
    #define hx_new_exception(cls, args) (((PyTypeObject *)PyExc_BaseException)->tp_new((PyTypeObject *)(cls), (args), NULL))
    """
    object new_exception "hx_new_exception"(object cls, object args)

cdef object REFUSAL = CircuitOpenError


cdef object refused(str name, const Breaker *b, const BreakerRules *rules, str reason, int64_t now):
    return made(name, breaker_state(b) == HALF_OPEN, reason, breaker_retry_ns(b, rules, now))


cdef object made(str name, bint half_open, str reason, int64_t retry):
    text = refusal_text(name, retry < 0, half_open, reason, retry)
    error = new_exception(REFUSAL, (text,))  # its __init__ takes keywords: that costs more than all the rest
    error.__dict__ = {"command_key": name, "retry_after": retry / <double>1e9 if retry >= 0 else None}
    return error


cdef object open_error(str name, const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now):
    return refused(name, b, rules, health_reason(b, rules, health, now), now)


cdef void refusal_facts(Refusal *out, const Breaker *b, const BreakerRules *rules, const Health *health,
                        int64_t now) noexcept nogil:
    cdef Counts counts = breaker_health(b, health, now)
    out.retry_ns = breaker_retry_ns(b, rules, now)
    out.total, out.errors, out.half_open = counts.total, counts.errors, breaker_state(b) == HALF_OPEN


cdef object refusal_error(str name, const BreakerRules *rules, const Health *health, const Refusal *facts):
    cdef int64_t window = health.shape.bucket_ns * health.shape.buckets
    reason = counts_text(facts.total, facts.errors, window, rules.error_threshold)
    return made(name, facts.half_open, reason, facts.retry_ns)


cdef str health_reason(const Breaker *b, const BreakerRules *rules, const Health *health, int64_t now):
    """Why it is open: the numbers it decides on."""
    cdef Counts counts = breaker_health(b, health, now)
    cdef int64_t window = health.shape.bucket_ns * health.shape.buckets
    return counts_text(counts.total, counts.errors, window, rules.error_threshold)
