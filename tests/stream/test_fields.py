"""hystrix.stream, field for field: names, order and types as Hystrix 1.5.18 sends them, then ours with our prefix."""

from __future__ import annotations

from typing import Any

import pytest

from hystrixpy.stream.collapsers import batch_percentile, collapser_event
from hystrixpy.stream.commands import command_event
from hystrixpy.stream.pools import pool_event
from hystrixpy.stream.utilization import utilization_event
from tests.stream.fakes import (
    FakeCircuit,
    FakeCollapser,
    FakePool,
    collapser_properties,
    command_properties,
    counts,
    latencies,
    pool_properties,
)

COMMAND: dict[str, type | tuple[type, ...]] = {
    "type": str,
    "name": str,
    "group": str,
    "currentTime": int,
    "isCircuitBreakerOpen": bool,
    "errorPercentage": int,
    "errorCount": int,
    "requestCount": int,
    "rollingCountBadRequests": int,
    "rollingCountCollapsedRequests": int,
    "rollingCountEmit": int,
    "rollingCountExceptionsThrown": int,
    "rollingCountFailure": int,
    "rollingCountFallbackEmit": int,
    "rollingCountFallbackFailure": int,
    "rollingCountFallbackMissing": int,
    "rollingCountFallbackRejection": int,
    "rollingCountFallbackSuccess": int,
    "rollingCountResponsesFromCache": int,
    "rollingCountSemaphoreRejected": int,
    "rollingCountShortCircuited": int,
    "rollingCountSuccess": int,
    "rollingCountThreadPoolRejected": int,
    "rollingCountTimeout": int,
    "currentConcurrentExecutionCount": int,
    "rollingMaxConcurrentExecutionCount": int,
    "latencyExecute_mean": int,
    "latencyExecute": dict,
    "latencyTotal_mean": int,
    "latencyTotal": dict,
    "propertyValue_circuitBreakerRequestVolumeThreshold": int,
    "propertyValue_circuitBreakerSleepWindowInMilliseconds": int,
    "propertyValue_circuitBreakerErrorThresholdPercentage": int,
    "propertyValue_circuitBreakerForceOpen": bool,
    "propertyValue_circuitBreakerForceClosed": bool,
    "propertyValue_circuitBreakerEnabled": bool,
    "propertyValue_executionIsolationStrategy": str,
    "propertyValue_executionIsolationThreadTimeoutInMilliseconds": int,
    "propertyValue_executionTimeoutInMilliseconds": int,
    "propertyValue_executionIsolationThreadInterruptOnTimeout": bool,
    "propertyValue_executionIsolationThreadPoolKeyOverride": type(None),
    "propertyValue_executionIsolationSemaphoreMaxConcurrentRequests": int,
    "propertyValue_fallbackIsolationSemaphoreMaxConcurrentRequests": int,
    "propertyValue_metricsRollingStatisticalWindowInMilliseconds": int,
    "propertyValue_requestCacheEnabled": bool,
    "propertyValue_requestLogEnabled": bool,
    "reportingHosts": int,
    "threadPool": str,
}
POOL = [
    *("type", "name", "currentTime", "currentActiveCount", "currentCompletedTaskCount", "currentCorePoolSize"),
    *("currentLargestPoolSize", "currentMaximumPoolSize", "currentPoolSize", "currentQueueSize", "currentTaskCount"),
    *("rollingCountThreadsExecuted", "rollingMaxActiveThreads", "rollingCountCommandRejections"),
    *("propertyValue_queueSizeRejectionThreshold", "propertyValue_metricsRollingStatisticalWindowInMilliseconds"),
    "reportingHosts",
]
COLLAPSER = [
    *("type", "name", "currentTime", "rollingCountRequestsBatched", "rollingCountBatches"),
    *("rollingCountResponsesFromCache", "batchSize_mean", "batchSize", "propertyValue_requestCacheEnabled"),
    *("propertyValue_maxRequestsInBatch", "propertyValue_timerDelayInMilliseconds", "reportingHosts"),
]


def hystrix_part(event: dict[str, Any]) -> list[str]:
    return [name for name in event if not name.startswith("hystrixpy")]


def test_command_fields_are_hystrix_fields_in_order() -> None:
    """Nothing is missing, nothing is added without the prefix, and the order is Hystrix's."""
    assert hystrix_part(command_event(FakeCircuit())) == list(COMMAND)


def test_command_fields_have_hystrix_types() -> None:
    """A bool is a bool and a number a whole one: Netflix's page and Turbine care."""
    event = command_event(FakeCircuit(latency=latencies([0.0021, 0.5])))
    assert {name: type(event[name]) for name in COMMAND} == COMMAND


@pytest.mark.parametrize("field", ["latencyExecute", "latencyTotal"])
def test_latencies_have_hystrix_percentiles(field: str) -> None:
    """The nine keys, in order, each a whole number of milliseconds."""
    shown = command_event(FakeCircuit(latency=latencies([0.01]), total_latency=latencies([0.01])))[field]
    assert list(shown) == ["0", "25", "50", "75", "90", "95", "99", "99.5", "100"]
    assert {type(value) for value in shown.values()} == {int}


def test_each_counter_shows_its_own_event() -> None:
    """Eighteen different counts arrive under the right eighteen names."""
    event = command_event(FakeCircuit(rolling=[100 + i for i in range(18)]))
    shown = {
        "rollingCountEmit": 100,
        "rollingCountSuccess": 101,
        "rollingCountFailure": 102,
        "rollingCountTimeout": 103,
        "rollingCountBadRequests": 104,
        "rollingCountShortCircuited": 105,
        "rollingCountThreadPoolRejected": 106,
        "rollingCountSemaphoreRejected": 107,
        "rollingCountFallbackEmit": 108,
        "rollingCountFallbackSuccess": 109,
        "rollingCountFallbackFailure": 110,
        "rollingCountFallbackRejection": 111,
        "hystrixpyRollingCountFallbackDisabled": 112,
        "rollingCountFallbackMissing": 113,
        "rollingCountExceptionsThrown": 114,
        "rollingCountResponsesFromCache": 115,
        "hystrixpyRollingCountCancelled": 116,
        "rollingCountCollapsedRequests": 117,
    }
    assert {name: event[name] for name in shown} == shown


def test_error_percentage_is_truncated() -> None:
    """2 of 3 are 66 percent; no call at all is 0 percent."""
    assert command_event(FakeCircuit(health=(3, 2)))["errorPercentage"] == 66
    assert command_event(FakeCircuit(health=(0, 0)))["errorPercentage"] == 0


def test_half_open_sends_open_and_tells_the_truth_beside_it() -> None:
    """Hystrix has no word for half-open: old readers see open, ours the state."""
    event = command_event(FakeCircuit(state="half_open", is_open=True, transitions=(1, 2, 3)))
    assert event["isCircuitBreakerOpen"] is True
    assert event["hystrixpyState"] == "half_open"
    assert event["hystrixpyTransitions"] == {"closed": 1, "open": 2, "half_open": 3}


def test_no_timeout_sends_zero() -> None:
    """Where Hystrix has a limit always, none is 0 in both fields."""
    event = command_event(FakeCircuit(properties=command_properties(timeout=None)))
    assert event["propertyValue_executionIsolationThreadTimeoutInMilliseconds"] == 0
    assert event["propertyValue_executionTimeoutInMilliseconds"] == 0


def test_properties_arrive_in_hystrix_units() -> None:
    """Seconds leave as whole milliseconds, the isolation in capitals."""
    properties = command_properties(timeout=0.29, breaker_sleep_window=2.5, rolling_window=20.0, isolation="semaphore")
    event = command_event(FakeCircuit(properties=properties))
    assert event["propertyValue_executionTimeoutInMilliseconds"] == 290
    assert event["propertyValue_circuitBreakerSleepWindowInMilliseconds"] == 2500
    assert event["propertyValue_metricsRollingStatisticalWindowInMilliseconds"] == 20000
    assert event["propertyValue_executionIsolationStrategy"] == "SEMAPHORE"


def test_our_latencies_keep_their_microseconds() -> None:
    """A call of 40 us is 0 ms to Hystrix, and 0.04 ms in our field, within the bucket error."""
    event = command_event(FakeCircuit(latency=latencies([40e-6])))
    assert event["latencyExecute"]["50"] == 0
    assert event["hystrixpyLatencyExecute"]["50"] == pytest.approx(0.04, rel=0.05)
    assert event["hystrixpyLatencyExecute"]["count"] == 1


def test_histogram_travels_as_its_buckets() -> None:
    """The sparse buckets hold every sample, so that readers can merge them."""
    buckets = command_event(FakeCircuit(latency=latencies([0.001, 0.001, 2.0])))["hystrixpyLatencyBuckets"]
    assert sorted(count for _, count in buckets["execute"]) == [1, 2]
    assert buckets["total"] == []
    assert (buckets["scale"], buckets["first"]) == (3, -160)


def test_pool_fields_are_hystrix_fields_in_order() -> None:
    """All but type and name are numbers."""
    event = pool_event(FakePool())
    assert hystrix_part(event) == POOL
    assert {type(event[name]) for name in POOL[2:]} == {int}


def test_pool_counts_its_tasks_as_java_does() -> None:
    """currentTaskCount is what ended, runs and waits."""
    event = pool_event(FakePool(completed=100, active=3, queue_size=2, abandoned=1))
    assert event["currentTaskCount"] == 105
    assert event["hystrixpyAbandoned"] == 1


def test_pool_shows_its_queue_threshold() -> None:
    """The page prints the rejection threshold as the size of the queue."""
    event = pool_event(FakePool(properties=pool_properties(queue_rejection_threshold=7, max_queue_size=20)))
    assert event["propertyValue_queueSizeRejectionThreshold"] == 7
    assert event["hystrixpyMaxQueueSize"] == 20


def test_collapser_fields_are_hystrix_fields_in_order() -> None:
    """batchSize has no "0", alone among the distributions."""
    event = collapser_event(FakeCollapser(batch_sizes={1: 1, 4: 1}))
    assert hystrix_part(event) == COLLAPSER
    assert list(event["batchSize"]) == ["25", "50", "75", "90", "95", "99", "99.5", "100"]


def test_unbounded_batches_send_javas_largest_int() -> None:
    """No limit is 2147483647, and so is any limit Java could not hold."""
    for limit in (None, 2**40):
        event = collapser_event(FakeCollapser(properties=collapser_properties(max_batch_size=limit)))
        assert event["propertyValue_maxRequestsInBatch"] == 2147483647


def test_limits_beyond_java_are_sent_as_its_largest_int() -> None:
    """Readers in Java hold whole numbers of 32 bits; such a limit is none anyway."""
    huge = command_properties(max_concurrent=10**12, fallback_max_concurrent=2**31, breaker_volume_threshold=10**30)
    circuit = command_event(FakeCircuit(properties=huge, limit=10**12))
    pool = pool_event(FakePool(max_size=2**40, properties=pool_properties(queue_rejection_threshold=2**63)))
    assert {
        circuit["propertyValue_executionIsolationSemaphoreMaxConcurrentRequests"],
        circuit["propertyValue_fallbackIsolationSemaphoreMaxConcurrentRequests"],
        circuit["propertyValue_circuitBreakerRequestVolumeThreshold"],
        circuit["hystrixpyConcurrencyLimit"],
        pool["currentMaximumPoolSize"],
        pool["propertyValue_queueSizeRejectionThreshold"],
    } == {2147483647}


def test_batch_percentiles_are_exact() -> None:
    """Sizes are counted one by one, so the nearest rank is the answer."""
    sizes = {1: 50, 10: 49, 100: 1}
    assert [batch_percentile(sizes, p) for p in (0, 50, 51, 99, 99.5, 100)] == [1, 1, 10, 10, 100, 100]
    assert batch_percentile({}, 50) == 0


def test_utilization_has_hystrix_shape() -> None:
    """One object: commands and pools by key."""
    event = utilization_event([FakeCircuit(active=3)], [FakePool(active=2, queue_size=1, size=4)])
    assert event == {
        "type": "HystrixUtilization",
        "commands": {"GetUser": {"activeCount": 3}},
        "threadpools": {"users": {"activeCount": 2, "queueSize": 1, "corePoolSize": 10, "poolSize": 4}},
    }


def test_derived_counts_are_sent_as_given() -> None:
    """The stream derives nothing: EXCEPTION_THROWN comes with the counters."""
    assert command_event(FakeCircuit(rolling=counts(EXCEPTION_THROWN=4)))["rollingCountExceptionsThrown"] == 4
