"""The ``HystrixConfig`` event: the properties in force, and (ours) where each of them comes from.

Hystrix prints the value of forceOpen as isForcedClosed and the counter's bucket count as
percentileBucketCount; here both tell the truth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.stream.process import process_fields
from hystrixpy.stream.wire import milliseconds, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hystrixpy.stream.views import CircuitView, CollapserView, PoolView

__all__ = ["config_event"]


def config_event(
    circuits: Iterable[CircuitView], pools: Iterable[PoolView], collapsers: Iterable[CollapserView]
) -> dict[str, Any]:
    """One object for the whole process, as Hystrix sends it."""
    return {
        "type": "HystrixConfig",
        "commands": {circuit.key: _command(circuit) for circuit in circuits},
        "threadpools": {pool.key: _pool(pool) for pool in pools},
        "collapsers": {collapser.key: _collapser(collapser) for collapser in collapsers},
        **process_fields(),
    }


def _command(circuit: CircuitView) -> dict[str, Any]:
    p = circuit.properties
    return {
        "threadPoolKey": circuit.thread_pool,
        "groupKey": circuit.group,
        "execution": {
            "isolationStrategy": p.isolation.upper(),
            "threadPoolKeyOverride": None,
            "requestCacheEnabled": p.request_cache_enabled,
            "requestLogEnabled": p.request_log_enabled,
            "timeoutEnabled": p.timeout is not None,
            "fallbackEnabled": p.fallback_enabled,
            "timeoutInMilliseconds": milliseconds(p.timeout),
            "semaphoreSize": whole(p.max_concurrent),
            "fallbackSemaphoreSize": whole(p.fallback_max_concurrent),
            "threadInterruptOnTimeout": p.interrupt_on_timeout,
        },
        "metrics": {
            "healthBucketSizeInMs": _bucket(p.rolling_window, p.rolling_buckets),
            **_percentile(p.percentile_window, p.percentile_buckets, enabled=p.percentile_enabled),
            **_counter(p),
        },
        "circuitBreaker": {
            "enabled": p.breaker_enabled,
            "isForcedOpen": p.breaker_force_open,
            "isForcedClosed": p.breaker_force_closed,
            "requestVolumeThreshold": whole(p.breaker_volume_threshold),
            "errorPercentageThreshold": p.breaker_error_threshold,
            "sleepInMilliseconds": milliseconds(p.breaker_sleep_window),
        },
        "hystrixpyExplain": circuit.explanation,
        "hystrixpyProperties": _origins(circuit.origins),
    }


def _pool(pool: PoolView) -> dict[str, Any]:
    p = pool.properties
    return {
        "coreSize": whole(p.core_size),
        "maximumSize": whole(p.max_size),
        "actualMaximumSize": whole(pool.max_size),
        "maxQueueSize": whole(p.max_queue_size),
        "queueRejectionThreshold": whole(p.queue_rejection_threshold),
        "keepAliveTimeInMinutes": int(p.keep_alive // 60),
        "allowMaximumSizeToDivergeFromCoreSize": p.allow_max_to_diverge,
        **_counter(p),
        "hystrixpyProperties": _origins(pool.origins),
    }


def _collapser(collapser: CollapserView) -> dict[str, Any]:
    p = collapser.properties
    return {
        "maxRequestsInBatch": whole(p.max_batch_size),
        "timerDelayInMilliseconds": milliseconds(p.delay),
        "requestCacheEnabled": p.cache_enabled,
        "metrics": {
            **_percentile(collapser.percentile_window, collapser.percentile_buckets, enabled=True),
            **_counter(collapser),
        },
        "hystrixpyProperties": _origins(collapser.origins),
    }


def _percentile(window: float, buckets: int, *, enabled: bool) -> dict[str, Any]:
    return {
        "percentileBucketSizeInMilliseconds": _bucket(window, buckets),
        "percentileBucketCount": buckets,
        "percentileEnabled": enabled,
    }


def _counter(p: Any) -> dict[str, Any]:
    return {
        "counterBucketSizeInMilliseconds": _bucket(p.rolling_window, p.rolling_buckets),
        "counterBucketCount": p.rolling_buckets,
    }


def _bucket(window: float, buckets: int) -> int:
    return milliseconds(window / buckets)


def _origins(origins: Mapping[str, Any]) -> dict[str, Any]:
    """Each property's value and where it comes from, as ``explain_properties`` tells it."""
    return {
        name: {"value": _plain(origin.value), "level": origin.level, "source": origin.source}
        for name, origin in origins.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):  # exception types
        return [each.__name__ if isinstance(each, type) else str(each) for each in value]
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
