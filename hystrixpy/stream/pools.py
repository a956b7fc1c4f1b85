"""The ``HystrixThreadPool`` event: Hystrix's fields in Hystrix's order, then ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.stream.process import now_ms, process_fields
from hystrixpy.stream.wire import milliseconds, whole

if TYPE_CHECKING:
    from hystrixpy.stream.views import PoolView

__all__ = ["pool_event"]


def pool_event(pool: PoolView) -> dict[str, Any]:
    """Everything the stream says of one thread pool; all but the names are numbers."""
    return {
        "type": "HystrixThreadPool",
        "name": pool.key,
        "currentTime": now_ms(),
        "currentActiveCount": pool.active,
        "currentCompletedTaskCount": pool.completed,
        "currentCorePoolSize": whole(pool.core_size),
        "currentLargestPoolSize": pool.largest,
        "currentMaximumPoolSize": whole(pool.max_size),
        "currentPoolSize": pool.size,
        "currentQueueSize": pool.queue_size,
        "currentTaskCount": pool.completed + pool.active + pool.queue_size,
        "rollingCountThreadsExecuted": pool.rolling_executed,
        "rollingMaxActiveThreads": pool.max_active,
        "rollingCountCommandRejections": pool.rolling_rejected,
        "propertyValue_queueSizeRejectionThreshold": whole(pool.properties.queue_rejection_threshold),
        "propertyValue_metricsRollingStatisticalWindowInMilliseconds": milliseconds(pool.properties.rolling_window),
        "reportingHosts": 1,
        "hystrixpyAbandoned": pool.abandoned,
        "hystrixpyMaxQueueSize": whole(pool.properties.max_queue_size),
        **process_fields(),
    }
