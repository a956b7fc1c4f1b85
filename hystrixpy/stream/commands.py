"""The ``HystrixCommand`` event: Hystrix's fields in Hystrix's order, then ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy._native.histogram import FIRST, SCALE
from hystrixpy.events import EventType
from hystrixpy.stream.process import now_ms, process_fields
from hystrixpy.stream.wire import milliseconds, whole

if TYPE_CHECKING:
    from hystrixpy.stream.views import CircuitView, Histogram

__all__ = ["command_event", "exact_latency"]

_PERCENTILES = tuple((f"{p:g}", p) for p in (0, 25, 50, 75, 90, 95, 99, 99.5, 100))
_SHOWN = (("50", 50), ("90", 90), ("99", 99), ("99.5", 99.5))

_ROLLING = (
    ("rollingCountBadRequests", EventType.BAD_REQUEST),
    ("rollingCountCollapsedRequests", EventType.COLLAPSED),
    ("rollingCountEmit", EventType.EMIT),
    ("rollingCountExceptionsThrown", EventType.EXCEPTION_THROWN),
    ("rollingCountFailure", EventType.FAILURE),
    ("rollingCountFallbackEmit", EventType.FALLBACK_EMIT),
    ("rollingCountFallbackFailure", EventType.FALLBACK_FAILURE),
    ("rollingCountFallbackMissing", EventType.FALLBACK_MISSING),
    ("rollingCountFallbackRejection", EventType.FALLBACK_REJECTION),
    ("rollingCountFallbackSuccess", EventType.FALLBACK_SUCCESS),
    ("rollingCountResponsesFromCache", EventType.RESPONSE_FROM_CACHE),
    ("rollingCountSemaphoreRejected", EventType.SEMAPHORE_REJECTED),
    ("rollingCountShortCircuited", EventType.SHORT_CIRCUITED),
    ("rollingCountSuccess", EventType.SUCCESS),
    ("rollingCountThreadPoolRejected", EventType.THREAD_POOL_REJECTED),
    ("rollingCountTimeout", EventType.TIMEOUT),
)


def command_event(circuit: CircuitView) -> dict[str, Any]:
    """Everything the stream says of one circuit. Times are whole milliseconds, as Hystrix sends them."""
    return {
        **_identity(circuit),
        **_counts(circuit),
        **_latencies(circuit),
        **_properties(circuit),
        "reportingHosts": 1,
        "threadPool": circuit.thread_pool,
        **_ours(circuit),
    }


def _identity(circuit: CircuitView) -> dict[str, Any]:
    total, errors = circuit.health
    return {
        "type": "HystrixCommand",
        "name": circuit.key,
        "group": circuit.group,
        "currentTime": now_ms(),
        "isCircuitBreakerOpen": bool(circuit.is_open),
        "errorPercentage": errors * 100 // total if total else 0,
        "errorCount": errors,
        "requestCount": total,
    }


def _counts(circuit: CircuitView) -> dict[str, Any]:
    rolling = circuit.rolling
    counts = {name: rolling[event] for name, event in _ROLLING}
    counts["currentConcurrentExecutionCount"] = circuit.active
    counts["rollingMaxConcurrentExecutionCount"] = circuit.max_active
    return counts


def _latencies(circuit: CircuitView) -> dict[str, Any]:
    run, total = circuit.latency, circuit.total_latency
    return {
        "latencyExecute_mean": milliseconds(run.mean),
        "latencyExecute": {name: milliseconds(run.percentile(p)) for name, p in _PERCENTILES},
        "latencyTotal_mean": milliseconds(total.mean),
        "latencyTotal": {name: milliseconds(total.percentile(p)) for name, p in _PERCENTILES},
    }


def _properties(circuit: CircuitView) -> dict[str, Any]:
    p = circuit.properties
    timeout = milliseconds(p.timeout)
    return {
        "propertyValue_circuitBreakerRequestVolumeThreshold": whole(p.breaker_volume_threshold),
        "propertyValue_circuitBreakerSleepWindowInMilliseconds": milliseconds(p.breaker_sleep_window),
        "propertyValue_circuitBreakerErrorThresholdPercentage": p.breaker_error_threshold,
        "propertyValue_circuitBreakerForceOpen": p.breaker_force_open,
        "propertyValue_circuitBreakerForceClosed": p.breaker_force_closed,
        "propertyValue_circuitBreakerEnabled": p.breaker_enabled,
        "propertyValue_executionIsolationStrategy": p.isolation.upper(),
        "propertyValue_executionIsolationThreadTimeoutInMilliseconds": timeout,
        "propertyValue_executionTimeoutInMilliseconds": timeout,
        "propertyValue_executionIsolationThreadInterruptOnTimeout": p.interrupt_on_timeout,
        "propertyValue_executionIsolationThreadPoolKeyOverride": None,
        "propertyValue_executionIsolationSemaphoreMaxConcurrentRequests": whole(p.max_concurrent),
        "propertyValue_fallbackIsolationSemaphoreMaxConcurrentRequests": whole(p.fallback_max_concurrent),
        "propertyValue_metricsRollingStatisticalWindowInMilliseconds": milliseconds(p.rolling_window),
        "propertyValue_requestCacheEnabled": p.request_cache_enabled,
        "propertyValue_requestLogEnabled": p.request_log_enabled,
    }


def _ours(circuit: CircuitView) -> dict[str, Any]:
    # Bucket i is what lies above base**(first + i) and up to base**(first + i + 1) seconds, where
    # base = 2**(2**-scale): summing the counts of many processes gives the histogram of them all.
    rolling, (closed, opened, half_open) = circuit.rolling, circuit.transitions
    return {
        "hystrixpyState": str(circuit.state),
        "hystrixpyForced": circuit.forced,
        "hystrixpyTransitions": {"closed": closed, "open": opened, "half_open": half_open},
        "hystrixpyRollingCountFallbackDisabled": rolling[EventType.FALLBACK_DISABLED],
        "hystrixpyRollingCountCancelled": rolling[EventType.CANCELLED],
        "hystrixpyAbandoned": circuit.abandoned,
        "hystrixpyConcurrencyLimit": whole(circuit.limit),
        "hystrixpyLatencyExecute": exact_latency(circuit.latency),
        "hystrixpyLatencyTotal": exact_latency(circuit.total_latency),
        "hystrixpyLatencyBuckets": {
            "scale": SCALE,
            "first": FIRST,
            "execute": circuit.latency.sparse(),
            "total": circuit.total_latency.sparse(),
        },
        **process_fields(),
    }


def exact_latency(histogram: Histogram) -> dict[str, float]:
    """Milliseconds with their microseconds kept: Hystrix's whole ones are 0 for most of what Python guards."""
    return {
        "count": histogram.count,
        "mean": _exact(histogram.mean),
        **{name: _exact(histogram.percentile(p)) for name, p in _SHOWN},
        "max": _exact(histogram.max),
    }


def _exact(seconds: float) -> float:
    return int(seconds * 1_000_000 + 0.5) / 1000
