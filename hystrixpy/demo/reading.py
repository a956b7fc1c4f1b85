"""What one circuit is like at one moment, read from its native counters."""

from __future__ import annotations

from dataclasses import dataclass

import hystrixpy
from hystrixpy import CircuitState, EventType

__all__ = ["STARTED", "Reading", "read"]

STARTED = (
    EventType.SUCCESS,
    EventType.FAILURE,
    EventType.TIMEOUT,
    EventType.BAD_REQUEST,
    EventType.SHORT_CIRCUITED,
    EventType.THREAD_POOL_REJECTED,
    EventType.SEMAPHORE_REJECTED,
    EventType.CANCELLED,
)
"""Every call ends in exactly one of these, so their sum is the number of calls."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counts since the start; latencies in seconds over the percentile window."""

    key: str
    state: CircuitState
    calls: int
    fallbacks: int
    error_percentage: int
    p50: float
    p99: float
    abandoned: int


def read(key: str) -> Reading:
    """Read a circuit that has been used at least once."""
    metrics = hystrixpy.metrics(key)
    counts = metrics.cumulative_counts()
    latency = metrics.latency
    return Reading(
        key=key,
        state=hystrixpy.circuit_breaker(key).state,
        calls=sum(counts[event] for event in STARTED),
        fallbacks=counts[EventType.FALLBACK_SUCCESS],
        error_percentage=metrics.health.error_percentage,
        p50=latency.percentile(50),
        p99=latency.percentile(99),
        abandoned=metrics.abandoned,
    )
