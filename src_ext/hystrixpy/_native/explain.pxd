"""Sentences about a breaker for people: explain() and the log."""

from libc.stdint cimport int64_t

from hystrixpy._native.decision cimport Breaker, BreakerRules

cdef str state_sentence(str name, const Breaker *b, const BreakerRules *rules, str reason, str opens_when, int64_t now)
cdef str forced_sentence(const Breaker *b, const BreakerRules *rules)    # "" when nothing is forced
cdef object log_transition(str name, const Breaker *b, const BreakerRules *rules, int old, int new, str reason, int64_t now)
