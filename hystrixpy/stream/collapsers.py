"""The ``HystrixCollapser`` event: Hystrix's fields in Hystrix's order, then ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.stream.process import now_ms, process_fields
from hystrixpy.stream.wire import milliseconds, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hystrixpy.stream.views import CollapserView

__all__ = ["batch_percentile", "collapser_event"]

_PERCENTILES = (25, 50, 75, 90, 95, 99, 99.5, 100)


def collapser_event(collapser: CollapserView) -> dict[str, Any]:
    """Everything the stream says of one collapser."""
    sizes = collapser.batch_sizes
    batches = sum(sizes.values())
    requests = sum(size * count for size, count in sizes.items())
    return {
        "type": "HystrixCollapser",
        "name": collapser.key,
        "currentTime": now_ms(),
        "rollingCountRequestsBatched": collapser.rolling_requests,
        "rollingCountBatches": collapser.rolling_batches,
        "rollingCountResponsesFromCache": collapser.rolling_from_cache,
        "batchSize_mean": requests // batches if batches else 0,
        "batchSize": {f"{p:g}": batch_percentile(sizes, p) for p in _PERCENTILES},
        "propertyValue_requestCacheEnabled": collapser.properties.cache_enabled,
        "propertyValue_maxRequestsInBatch": whole(collapser.properties.max_batch_size),
        "propertyValue_timerDelayInMilliseconds": milliseconds(collapser.properties.delay),
        "reportingHosts": 1,
        "hystrixpyBatchSizes": [[size, sizes[size]] for size in sorted(sizes)],
        **process_fields(),
    }


def batch_percentile(sizes: Mapping[int, int], p: float) -> int:
    """The smallest size that at least ``p`` percent of the batches do not exceed; 0 without batches."""
    rank, seen = sum(sizes.values()) * p / 100, 0
    for size in sorted(sizes):
        seen += sizes[size]
        if seen >= rank:
            return size
    return 0
