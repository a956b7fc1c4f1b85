"""The breaker's decision.

`breaker_admit` and `breaker_settle` are the two calls around guarded work; everything else here is a
question, or a piece of these two. How the words are laid out is told in decision.pxd and word.pxd.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from hystrixpy._native.atomics cimport hx_add, hx_cas, hx_load, hx_load_acquire
from hystrixpy._native.clock cimport now_ns
from hystrixpy._native.window cimport Spot, health_add, health_sum, spot_at
from hystrixpy._native.word cimport GENERATIONS, make_word, window_over, word_age_ns, word_generation, word_state

cdef int64_t SHORTEST_LEASE = 1_000_000_000             # ns, of a trial when the sleep window is 0


cdef inline int64_t lease_ns(const BreakerRules *rules) noexcept nogil:
    """After how long without news a trial is given up as lost: one sleep window.

    With a sleep window of 0 that would be at once, and every caller would mint a trial.
    """
    return rules.sleep_ns if rules.sleep_ns > 0 else SHORTEST_LEASE


cdef bint move(Breaker *b, uint64_t seen, int state, int64_t now, Change *change) noexcept nogil:
    """The one place where a state is entered; False if another thread was faster."""
    cdef uint32_t generation = (word_generation(seen) + 1) & GENERATIONS
    if not hx_cas(&b.word, &seen, make_word(state, generation, now)):
        return False
    change.old = word_state(seen)
    change.new = state
    change.generation = generation
    change.happened = TRANSITION if change.old != state else GENERATION_ONLY
    if change.happened == TRANSITION:
        hx_add(&b.transitions[state], 1)
    return True


# ---- trials ----

cdef inline bint trial_free(uint64_t trials, const BreakerRules *rules) noexcept nogil:
    return <int64_t>in_flight(trials) < min(rules.trials, TRIALS_MAX)


cdef inline bint is_present(const Breaker *b, uint32_t generation) noexcept nogil:
    return word_generation(hx_load_acquire(&b.word)) == generation


cdef bint trial_take(Breaker *b, const BreakerRules *rules, uint32_t generation) noexcept nogil:
    cdef uint64_t seen = hx_load_acquire(&b.trials)
    cdef uint64_t mine
    # The generation is asked for after the trials were read: what we compare with is then no later
    # generation's, and a thread that slept here cannot wipe out the trials of one.
    while is_present(b, generation):
        mine = trials_of(seen, generation)
        if not trial_free(mine, rules):
            return False
        if hx_cas(&b.trials, &seen, mine + (1 << 24)):
            return True
    return False


cdef uint64_t trial_return(Breaker *b, uint32_t generation, uint64_t succeeded) noexcept nogil:
    """Give a trial back, with its success or without; how many of this generation succeeded so far."""
    cdef uint64_t seen = hx_load_acquire(&b.trials)
    cdef uint64_t after
    while seen >> 48 == generation and in_flight(seen) > 0:
        after = seen - (1 << 24)
        if successes(seen) < TRIALS_MAX:
            after += succeeded
        if hx_cas(&b.trials, &seen, after):
            return successes(after)
    return 0


cdef void trial_note(Breaker *b, uint64_t seen, int64_t now) noexcept nogil:
    """Last trial admitted at: now. The generation stays, and time never goes back."""
    cdef uint32_t generation = word_generation(seen)
    while word_generation(seen) == generation and word_age_ns(seen, now) > 0:
        if hx_cas(&b.word, &seen, make_word(HALF_OPEN, generation, now)):
            return


# ---- admit ----

cdef int64_t half_open_admit(Breaker *b, const BreakerRules *rules, uint64_t word, int64_t now) noexcept nogil:
    """A trial of this half-open generation, or REFUSED; the caller looks whether the generation still holds."""
    cdef uint32_t generation = word_generation(word)
    if not trial_take(b, rules, generation):
        return REFUSED
    trial_note(b, word, now)
    return <int64_t>generation << 1 | 1


cdef int64_t real_admit(Breaker *b, const BreakerRules *rules, int64_t now, Change *change) noexcept nogil:
    cdef uint64_t word
    cdef int64_t admission, rest
    while True:
        word = hx_load_acquire(&b.word)
        if word_state(word) == CLOSED:
            return <int64_t>word_generation(word) << 1
        if word_state(word) == HALF_OPEN:
            admission = half_open_admit(b, rules, word, now)
            if not is_present(b, word_generation(word)):
                # It ended while we took the trial: ours would be one too many. Hand it back, look again.
                if admission != REFUSED:
                    trial_return(b, word_generation(word), 0)
                continue
            if admission != REFUSED:
                return admission
        rest = rules.sleep_ns if word_state(word) == OPEN else lease_ns(rules)
        if not window_over(word, rest, now) or change.happened:
            return REFUSED
        # The sleep window is over, or the trials are lost: a new half-open generation. One thread wins, then
        # all compete for its trials. The winner may lose that race, somebody is the trial; it does not go
        # round again (sleep window 0), for a call tells of one change.
        move(b, word, HALF_OPEN, now, change)


cdef int64_t breaker_admit(Breaker *b, const BreakerRules *rules, int64_t now, Change *change) noexcept nogil:
    cdef uint64_t steer = hx_load(&b.steer)
    change.happened = NOTHING
    if steer & STEER_OPEN or (rules.force_open and rules.enabled):
        return REFUSED
    if steer & STEER_CLOSED or rules.force_closed or not rules.enabled:
        return <int64_t>word_generation(hx_load_acquire(&b.word)) << 1  # no trial, whatever the state
    return real_admit(b, rules, now, change)


# ---- settle ----

cdef void breaker_settle(Breaker *b, const BreakerRules *rules, Health *health, int64_t admission, int ended,
                         int64_t now, Change *change) noexcept nogil:
    cdef Spot spot = spot_at(&health.shape, now)
    breaker_settle_at(b, rules, health, &spot, admission, ended, now, change)


cdef void breaker_settle_at(Breaker *b, const BreakerRules *rules, Health *health, const Spot *spot, int64_t admission,
                            int ended, int64_t now, Change *change) noexcept nogil:
    cdef uint64_t word = hx_load_acquire(&b.word)
    change.happened = NOTHING
    if word_generation(word) != <uint32_t>(admission >> 1):
        return  # given under an earlier state: decides nothing
    if ended != ENDED_NEUTRAL:
        health_count_at(b, health, spot, word, ended, now)
    if admission & 1:
        trial_settle(b, rules, word, ended, now, change)
    elif ended != ENDED_NEUTRAL and word_state(word) == CLOSED and rules.enabled:
        if erred_lately(b, health, now):
            closed_decide(b, rules, health, word, now, change)


cdef inline uint32_t health_generation(const Breaker *b, uint64_t word) noexcept nogil:
    """Health counts belong to a CLOSED period: the present one, or the one that led to being open."""
    return word_generation(word) if word_state(word) == CLOSED else <uint32_t>hx_load_acquire(&b.closed_generation)


cdef void health_count(Breaker *b, Health *health, uint64_t word, int ended, int64_t now) noexcept nogil:
    cdef Spot spot = spot_at(&health.shape, now)
    health_count_at(b, health, &spot, word, ended, now)


cdef inline void health_count_at(Breaker *b, Health *health, const Spot *spot, uint64_t word, int ended,
                                 int64_t now) noexcept nogil:
    if ended == ENDED_ERROR:
        erred_note(b, health, now)
    health_add(health.errors if ended == ENDED_ERROR else health.ok, spot, health_generation(b, word))


cdef inline void erred_note(Breaker *b, const Health *health, int64_t now) noexcept nogil:
    """There are errors in the window: noted once per bucket."""
    cdef uint64_t seen = hx_load(&b.erred)
    while word_age_ns(seen, now) >= health.shape.bucket_ns:
        if hx_cas(&b.erred, &seen, make_word(CLOSED, 0, now)):
            return


cdef inline bint erred_lately(const Breaker *b, const Health *health, int64_t now) noexcept nogil:
    """Without an error in the window a call that succeeds need not add the window up."""
    return word_age_ns(hx_load(&b.erred), now) <= (health.shape.buckets + 1) * health.shape.bucket_ns


cdef void closed_decide(Breaker *b, const BreakerRules *rules, Health *health, uint64_t word, int64_t now,
                       Change *change) noexcept nogil:
    """Where the breaker opens: enough calls, and enough of them errors, in the window of this CLOSED period."""
    cdef Counts counts = counts_of(health, now, word_generation(word))
    if <int64_t>counts.total < rules.volume_threshold:
        return
    if 100 * <int64_t>counts.errors >= rules.error_threshold * <int64_t>counts.total:
        open_from(b, word, now, change)


cdef void open_from(Breaker *b, uint64_t word, int64_t now, Change *change) noexcept nogil:
    """CLOSED or HALF_OPEN -> OPEN, if this generation still is."""
    cdef uint32_t generation = word_generation(word)
    if word_state(word) == CLOSED:
        keep_closed_generation(b, generation)  # before the word says OPEN: whoever reads that finds these counts
    while word_generation(word) == generation:  # again if only a trial's time changed
        if move(b, word, OPEN, now, change):
            return
        word = hx_load_acquire(&b.word)


cdef void keep_closed_generation(Breaker *b, uint32_t generation) noexcept nogil:
    """Only ever forward: a thread that slept here must not bring back an old period."""
    cdef uint64_t seen = hx_load_acquire(&b.closed_generation)
    while is_present(b, generation) and seen != generation:
        if hx_cas(&b.closed_generation, &seen, generation):
            return


cdef void trial_settle(Breaker *b, const BreakerRules *rules, uint64_t word, int ended, int64_t now,
                       Change *change) noexcept nogil:
    cdef uint32_t generation = word_generation(word)
    if ended == ENDED_ERROR:
        open_from(b, word, now, change)
    elif <int64_t>trial_return(b, generation, ended == ENDED_OK) >= min(rules.successes, TRIALS_MAX):
        close_from(b, generation, now, change)


cdef void close_from(Breaker *b, uint32_t generation, int64_t now, Change *change) noexcept nogil:
    """HALF_OPEN -> CLOSED: health starts at zero, for it is tagged with the new generation."""
    cdef uint64_t word = hx_load_acquire(&b.word)
    while word_generation(word) == generation:
        if move(b, word, CLOSED, now, change):
            return
        word = hx_load_acquire(&b.word)


# ---- steering ----

cdef void breaker_reset(Breaker *b, Change *change) noexcept nogil:
    while not move(b, hx_load_acquire(&b.word), CLOSED, now_ns(), change):
        pass


cdef void breaker_steer(Breaker *b, uint64_t bits) noexcept nogil:
    cdef uint64_t seen = hx_load(&b.steer)
    while not hx_cas(&b.steer, &seen, seen | bits if bits else 0):
        pass


# ---- questions ----

cdef inline bint forced_open(const Breaker *b, const BreakerRules *rules) noexcept nogil:
    return hx_load(&b.steer) & STEER_OPEN or (rules.force_open and rules.enabled)


cdef inline bint forced_closed(const Breaker *b, const BreakerRules *rules) noexcept nogil:
    return hx_load(&b.steer) & STEER_CLOSED or rules.force_closed or not rules.enabled


cdef int breaker_state(const Breaker *b) noexcept nogil:
    return word_state(hx_load_acquire(&b.word))


cdef bint breaker_is_open(const Breaker *b, const BreakerRules *rules) noexcept nogil:
    if forced_open(b, rules):
        return True
    return not forced_closed(b, rules) and breaker_state(b) != CLOSED


cdef int64_t breaker_retry_ns(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil:
    cdef uint64_t word = hx_load_acquire(&b.word)
    cdef int64_t rest = rules.sleep_ns
    if forced_open(b, rules):
        return -1
    if word_state(word) == CLOSED or forced_closed(b, rules):
        return 0
    if word_state(word) == HALF_OPEN:
        if trial_free(trials_of(hx_load_acquire(&b.trials), word_generation(word)), rules):
            return 0
        rest = lease_ns(rules)
    return 0 if window_over(word, rest, now) else rest - word_age_ns(word, now)


cdef bint breaker_allows(const Breaker *b, const BreakerRules *rules, int64_t now) noexcept nogil:
    return breaker_retry_ns(b, rules, now) == 0


cdef Counts counts_of(const Health *health, int64_t now, uint32_t generation) noexcept nogil:
    cdef Counts counts
    counts.errors = health_sum(health.errors, &health.shape, now, generation)
    counts.total = counts.errors + health_sum(health.ok, &health.shape, now, generation)
    return counts


cdef Counts breaker_health(const Breaker *b, const Health *health, int64_t now) noexcept nogil:
    return counts_of(health, now, health_generation(b, hx_load_acquire(&b.word)))
