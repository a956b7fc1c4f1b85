"""State, since when, why, and what happens next."""

import logging

from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.atomics cimport hx_load, hx_load_acquire
from hystrixpy._native.decision cimport (
    CLOSED, HALF_OPEN, OPEN, STEER_CLOSED, STEER_OPEN, Breaker, BreakerRules, breaker_is_open, breaker_retry_ns,
    in_flight, successes, trials_of,
)
from hystrixpy._native.word cimport word_age_ns, word_generation, word_state
from hystrixpy._native.wording cimport seconds_text

cdef object LOGGER = logging.getLogger("hystrixpy")


cdef str state_sentence(str name, const Breaker *b, const BreakerRules *rules, str reason, str opens_when, int64_t now):
    cdef uint64_t word = hx_load_acquire(&b.word)
    cdef str age = seconds_text(word_age_ns(word, now))
    if word_state(word) == CLOSED:
        since = f" since {age}" if hx_load(&b.transitions[CLOSED]) else " and never was open"
        return f"circuit {name!r} is closed{since}: {reason}; {opens_when}."
    if word_state(word) == OPEN:
        return f"circuit {name!r} is open since {age}: {reason}; {next_trial(b, rules, now)}."
    trials = trials_of(hx_load_acquire(&b.trials), word_generation(word))
    return (f"circuit {name!r} is half-open, last trial {age} ago: {in_flight(trials)} of {rules.trials} trials running, "
            f"{successes(trials)} of {rules.successes} successes; {reason}; {next_trial(b, rules, now)}.")


cdef str next_trial(const Breaker *b, const BreakerRules *rules, int64_t now):
    cdef int64_t retry = breaker_retry_ns(b, rules, now)
    if not breaker_is_open(b, rules):
        return "no trial is needed, for calls are let through"
    if retry < 0:
        return "no trial while it is forced open"
    return f"next trial in {seconds_text(retry)}" if retry else "the next call is a trial"


cdef str forced_sentence(const Breaker *b, const BreakerRules *rules):
    if hx_load(&b.steer) & STEER_OPEN:
        return "Forced open by hand: no call is admitted until unforce()."
    if rules.enabled and rules.force_open:
        return "Forced open by property breaker_force_open: no call is admitted."
    if hx_load(&b.steer) & STEER_CLOSED:
        return "Forced closed by hand: every call is admitted until unforce()."
    if not rules.enabled:
        return "Disabled by property breaker_enabled: every call is admitted and it does not open."
    return "Forced closed by property breaker_force_closed: every call is admitted." if rules.force_closed else ""


cdef object log_transition(str name, const Breaker *b, const BreakerRules *rules, int old, int new, str reason, int64_t now):
    if new == OPEN:
        again = " again, a trial failed" if old == HALF_OPEN else ""
        LOGGER.warning("circuit %r opened%s: %s; %s", name, again, reason, next_trial(b, rules, now))
    elif new == HALF_OPEN:
        LOGGER.info("circuit %r is half-open: up to %d call(s) at a time are let through as trials", name, rules.trials)
    else:
        LOGGER.info("circuit %r closed: calls go through again", name)
