"""One circuit per command key: a flat block of atomic words, and the Python face that reads it."""

cimport cython
from libc.stdlib cimport calloc, free
from libc.stdint cimport int64_t, uint64_t

from hystrixpy._native.atomics cimport hx_add, hx_icas, hx_iload, hx_istore, hx_load
from hystrixpy._native.breaker cimport (
    Breaker, BreakerRules, Change, CircuitBreaker, Counts, breaker_health, breaker_settle_at, breaker_state,
)
from hystrixpy._native.building cimport HX_FREE_THREADED
from hystrixpy._native.clock cimport now_ns
from hystrixpy._native.histogram cimport HIST_BUCKETS, hist_bump, hist_index, hist_read, hist_record, snapshot_of
from hystrixpy._native.scope cimport watch_census
from hystrixpy._native.window cimport (
    Shape, Spot, cell_add, cell_max, cells_max, cells_sum, shape_of, spot_at,
)

from hystrixpy.events import CircuitState

cdef int64_t armed = 0           # ARMED_* bits
cdef object transition_sink = None    # callable(key, old, new), set by the hooks floor
cdef tuple STATES = (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN)
cdef int64_t NS = 1_000_000_000
cdef double UNLIMITED = 9.2e18   # what does not fit an int64 means "no limit"


cdef int64_t armed_bits() noexcept nogil:
    return hx_iload(&armed)


cdef const int64_t *armed_word() noexcept nogil:
    return &armed


def set_armed(int64_t bit, bint on):
    """Switch one ARMED_* bit for the whole process."""
    arm(bit, on)


cdef void arm(int64_t bit, bint on) noexcept nogil:
    """Two threads may switch different bits at once."""
    cdef int64_t seen = hx_iload(&armed)
    while not hx_icas(&armed, &seen, (seen | bit) if on else (seen & ~bit)):
        pass


cdef void arm_contexts(bint any_open) noexcept nogil:
    arm(ARMED_CONTEXTS, any_open)


watch_census(arm_contexts)


def get_armed():
    """The ARMED_* bits that are on."""
    return hx_iload(&armed)


def set_transition_sink(sink):
    """Have every breaker transition of a circuit delivered to ``sink(key, old, new)``, in order."""
    global transition_sink
    transition_sink = sink


cdef int64_t nanoseconds(object seconds) except -1:
    """Seconds as whole nanoseconds; what an int64 cannot hold becomes its largest value. Raises TypeError."""
    cdef double value = float(seconds)
    return <int64_t>9223372036854775807 if value * 1e9 >= UNLIMITED else <int64_t>round(value * 1e9)


cdef int64_t counted(object count) except? -1:
    """A count as an int64; what it cannot hold means unlimited."""
    return <int64_t>9223372036854775807 if count > 9223372036854775807 else <int64_t>count


cdef class Settings:
    """The properties in force for a command, as native fields; ``values`` is what they were made of."""

    def __init__(self, values):
        self.values = values
        self.isolation = SEMAPHORE if values.isolation == "semaphore" else THREAD
        self.timeout_ns = 0 if values.timeout is None else max(1, nanoseconds(values.timeout))
        self.max_concurrent = counted(values.max_concurrent)
        self.fallback_max = counted(values.fallback_max_concurrent)
        self.interrupt_on_timeout = values.interrupt_on_timeout
        self.interrupt_on_cancel = values.interrupt_on_cancel
        self.fallback_enabled = values.fallback_enabled
        self.fallback_on_fatal = values.fallback_on_fatal
        self.percentile_enabled = values.percentile_enabled
        self.cache_enabled = values.request_cache_enabled
        self.log_enabled = values.request_log_enabled
        self.raise_hystrix = values.raise_hystrix_errors
        self.ignore = tuple(values.ignore)
        self._set_rules(values)

    cdef _set_rules(self, values):
        self.rules.sleep_ns = nanoseconds(values.breaker_sleep_window)
        self.rules.volume_threshold = counted(values.breaker_volume_threshold)
        self.rules.error_threshold = counted(values.breaker_error_threshold)
        self.rules.trials = counted(values.breaker_half_open_trials)
        self.rules.successes = counted(values.breaker_half_open_successes)
        self.rules.enabled = values.breaker_enabled
        self.rules.force_open = values.breaker_force_open
        self.rules.force_closed = values.breaker_force_closed


cdef class Circuit:
    """The numbers and the breaker of one command key.

    Windows keep the shape of the first settings; every other setting is replaced by ``apply``.
    """

    def __cinit__(self, str key not None, str group not None, str thread_pool not None, Settings settings not None):
        self.key, self.group, self.thread_pool = key, group, thread_pool
        self._settings, self._kept = settings, []
        self._allocate(settings.values)

    cdef _allocate(self, values):
        cdef Shape events = shape_of(values.rolling_window, values.rolling_buckets)
        cdef Shape latency = shape_of(values.percentile_window, values.percentile_buckets)
        cdef size_t rows = (EVENTS + 3) * events.buckets
        cdef size_t histogram = latency.buckets * HIST_BUCKETS
        cdef size_t words = rows + 2 * histogram
        self.n = <Numbers *>calloc(1, sizeof(Numbers) + words * sizeof(uint64_t))
        if self.n == NULL:
            raise MemoryError(f"no memory for the numbers of circuit {self.key!r}")
        self.n.events_shape, self.n.latency_shape = events, latency
        self.events = <uint64_t *>(self.n + 1)
        self.health_cells.ok = self.events + EVENTS * events.buckets
        self.health_cells.errors = self.health_cells.ok + events.buckets
        self.health_cells.shape = events
        self.max_cells = self.health_cells.errors + events.buckets
        self.rolling_latency = self.max_cells + events.buckets
        self.rolling_total = self.rolling_latency + histogram

    def __dealloc__(self):
        free(self.n)

    # -- what commands do -------------------------------------------------------------------------

    cdef void count(self, int event, int64_t now) noexcept:
        self.count_many(event, 1, now)

    cdef void count_many(self, int event, uint64_t n, int64_t now) noexcept:
        cdef Spot spot = spot_at(&self.n.events_shape, now)
        hx_add(&self.n.cumulative[event], n)
        cell_add(&self.events[event * self.n.events_shape.buckets + spot.index], spot.tag, n)

    cdef void started(self, int64_t now) noexcept:
        # Most starts do not raise the maximum of their bucket. Two words remember it; whoever reads them while
        # another thread changes them keeps a maximum once too often, or one start later.
        cdef int64_t running = hx_iload(&self.n.permits) + hx_iload(&self.n.others)
        if now >= hx_iload(&self.n.max_until) or running > hx_iload(&self.n.max_seen):
            self.keep_max(now, running)

    cdef void keep_max(self, int64_t now, int64_t running) noexcept:
        cdef Shape *shape = &self.n.events_shape
        cdef Spot spot = spot_at(shape, now)
        cell_max(&self.max_cells[spot.index], spot.tag, running)
        hx_istore(&self.n.max_seen, 0)      # never a high maximum with the end of a later bucket
        hx_istore(&self.n.max_until, now - (now - shape.origin) % shape.bucket_ns + shape.bucket_ns)
        hx_istore(&self.n.max_seen, running)

    cdef void settled(self, const BreakerRules *rules, int event, int ended, int64_t admission, int64_t now,
                      int64_t latency, bint is_total, Change *change) noexcept:
        cdef Numbers *n = self.n
        cdef Spot spot = spot_at(&n.events_shape, now)
        hx_add(&n.cumulative[event], 1)
        cell_add(&self.events[event * n.events_shape.buckets + spot.index], spot.tag, 1)
        if latency >= 0:
            self.record(now, latency, is_total)
        breaker_settle_at(&n.breaker, rules, &self.health_cells, &spot, admission, ended, now, change)

    cdef void record(self, int64_t now, int64_t latency, bint is_total) noexcept:
        cdef Spot spot = spot_at(&self.n.latency_shape, now)
        cdef int bucket = hist_index(latency)
        hist_bump(self.rolling_latency, self.n.latency, &spot, bucket)
        if is_total:
            hist_bump(self.rolling_total, self.n.total_latency, &spot, bucket)

    cdef void record_total(self, int64_t now, int64_t total) noexcept:
        cdef Spot spot = spot_at(&self.n.latency_shape, now)
        hist_record(self.rolling_total, self.n.total_latency, &spot, total)

    cdef object told(self, Change *change):
        # The breaker's face delivers in the order of generations: there must be one, whoever comes first.
        (<KeyedBreaker>self.keyed_breaker()).told(change)

    # -- settings ---------------------------------------------------------------------------------

    @property
    def settings(self):
        """The settings that the next execution will use."""
        return self._settings

    def apply(self, Settings settings not None):
        """Use these settings from the next execution on; executions under way keep theirs."""
        if HX_FREE_THREADED:
            # Another thread may have read the old pointer and not yet taken its reference.
            self._kept.append(self._settings)
        self._settings = settings

    def attach_pool(self, pool):
        """Set the pool that THREAD executions of this circuit run on."""
        self.pool = pool

    cdef object keyed_breaker(self):
        with cython.critical_section(self):
            if self._breaker is None:
                self._breaker = KeyedBreaker(self)
        return self._breaker

    # -- reading ----------------------------------------------------------------------------------

    @property
    def breaker(self):
        """The ``CircuitBreaker`` that steers and shows this circuit's breaker."""
        return self.keyed_breaker()

    @property
    def state(self):
        """0 closed, 1 open, 2 half-open: the real state, whatever is forced."""
        return breaker_state(&self.n.breaker)

    @property
    def transitions(self):
        """How often the breaker became (closed, open, half-open)."""
        cdef Breaker *b = &self.n.breaker
        return (hx_load(&b.transitions[0]), hx_load(&b.transitions[1]), hx_load(&b.transitions[2]))

    def health(self):
        """(total, errors) of the rolling window since the breaker last closed."""
        cdef Counts counts = breaker_health(&self.n.breaker, &self.health_cells, now_ns())
        return counts.total, counts.errors

    def cumulative(self, int event):
        """How often ``event`` happened in the life of this circuit."""
        return self.cumulative_all()[event]

    def cumulative_all(self):
        """The cumulative counts of all events, by event number, EXCEPTION_THROWN derived."""
        return with_derived([hx_load(&self.n.cumulative[event]) for event in range(EVENTS)])

    def rolling(self, int event):
        """How often ``event`` happened within the rolling window, the open bucket included."""
        return self.rolling_all()[event]

    def rolling_all(self):
        """The rolling counts of all events, by event number, EXCEPTION_THROWN derived."""
        cdef int64_t now = now_ns()
        cdef int64_t buckets = self.n.events_shape.buckets
        return with_derived([
            cells_sum(&self.events[event * buckets], &self.n.events_shape, now) for event in range(EVENTS)
        ])

    def latency(self):
        """``LatencySnapshot`` of queue wait plus run over the percentile window."""
        cdef uint64_t counts[HIST_BUCKETS]
        hist_read(self.rolling_latency, &self.n.latency_shape, now_ns(), counts)
        return snapshot_of(counts)

    def total_latency(self):
        """``LatencySnapshot`` of what callers saw, fallbacks included, over the percentile window."""
        cdef uint64_t counts[HIST_BUCKETS]
        hist_read(self.rolling_total, &self.n.latency_shape, now_ns(), counts)
        return snapshot_of(counts)

    def latency_cumulative(self):
        """The cumulative latency counts, one int per histogram bucket."""
        return tuple([hx_load(&self.n.latency[i]) for i in range(HIST_BUCKETS)])

    def total_latency_cumulative(self):
        """The cumulative total-latency counts, one int per histogram bucket."""
        return tuple([hx_load(&self.n.total_latency[i]) for i in range(HIST_BUCKETS)])

    @property
    def active(self):
        """Executions whose caller still waits."""
        return max(0, hx_iload(&self.n.permits) + hx_iload(&self.n.others))

    @property
    def max_active(self):
        """The highest ``active`` within the rolling window, never below the present one."""
        return max(self.active, cells_max(self.max_cells, &self.n.events_shape, now_ns()))

    @property
    def abandoned(self):
        """Runs still going on whose caller has given up."""
        return max(0, hx_iload(&self.n.abandoned))

    def forget_in_flight(self):
        """After fork, in the child: nothing that was running in the parent runs here."""
        hx_istore(&self.n.permits, 0)
        hx_istore(&self.n.others, 0)
        hx_istore(&self.n.fallback_permits, 0)
        hx_istore(&self.n.abandoned, 0)

    def memory(self):
        """Bytes of the native block."""
        cdef size_t words = (EVENTS + 3) * self.n.events_shape.buckets
        words += 2 * self.n.latency_shape.buckets * HIST_BUCKETS
        return sizeof(Numbers) + words * sizeof(uint64_t)

    def __repr__(self):
        return f"<Circuit {self.key!r} {STATES[breaker_state(&self.n.breaker)]}>"


cdef tuple with_derived(list counts):
    """Fill in EXCEPTION_THROWN, which is never counted by itself (reference: events.EXCEPTION_EVENTS)."""
    counts[EV_EXCEPTION_THROWN] = (
        counts[EV_BAD_REQUEST] + counts[EV_FALLBACK_FAILURE] + counts[EV_FALLBACK_MISSING]
        + counts[EV_FALLBACK_REJECTION] + counts[EV_FALLBACK_DISABLED]
    )
    return tuple(counts)


cdef class KeyedBreaker(CircuitBreaker):
    """The breaker of a command key: rules come from the circuit's settings in force."""

    def __init__(self, Circuit circuit not None):    # not super's: memory and rules are the circuit's
        self.circuit = circuit
        self.owner = circuit
        self.name = circuit.key
        self.b = &circuit.n.breaker
        self.health_cells = circuit.health_cells

    cdef void rules_now(self, BreakerRules *out) noexcept:
        out[0] = self.circuit._settings.rules

    cdef object deliver(self, int old, int new):
        CircuitBreaker.deliver(self, old, new)
        if transition_sink is not None:
            transition_sink(self.name, STATES[old], STATES[new])
