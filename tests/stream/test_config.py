"""The config stream: Hystrix's shape, its two field bugs repaired, and where each value comes from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hystrixpy.stream.config import config_event
from tests.stream.fakes import FakeCircuit, FakeCollapser, FakePool, command_properties, pool_properties


def shape(value: Any) -> Any:
    """The names in order, all the way down, without ours."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items() if not name.startswith("hystrixpy")}
    return None


def test_command_config_has_hystrix_shape() -> None:
    """Every section and name, in Hystrix's order."""
    command = config_event([FakeCircuit()], [], [])["commands"]["GetUser"]
    assert list(shape(command)) == ["threadPoolKey", "groupKey", "execution", "metrics", "circuitBreaker"]
    assert list(command["execution"]) == [
        *("isolationStrategy", "threadPoolKeyOverride", "requestCacheEnabled", "requestLogEnabled", "timeoutEnabled"),
        *("fallbackEnabled", "timeoutInMilliseconds", "semaphoreSize", "fallbackSemaphoreSize"),
        "threadInterruptOnTimeout",
    ]
    assert list(command["metrics"]) == [
        *("healthBucketSizeInMs", "percentileBucketSizeInMilliseconds", "percentileBucketCount", "percentileEnabled"),
        *("counterBucketSizeInMilliseconds", "counterBucketCount"),
    ]
    assert list(command["circuitBreaker"]) == [
        *("enabled", "isForcedOpen", "isForcedClosed", "requestVolumeThreshold", "errorPercentageThreshold"),
        "sleepInMilliseconds",
    ]


def test_forced_closed_tells_its_own_value() -> None:
    """Hystrix prints forceOpen there."""
    properties = command_properties(breaker_force_open=False, breaker_force_closed=True)
    breaker = config_event([FakeCircuit(properties=properties)], [], [])["commands"]["GetUser"]["circuitBreaker"]
    assert (breaker["isForcedOpen"], breaker["isForcedClosed"]) == (False, True)


def test_percentile_bucket_count_tells_its_own_value() -> None:
    """Hystrix prints the counter's bucket count there."""
    properties = command_properties(percentile_buckets=6, percentile_window=60.0, rolling_buckets=10)
    metrics = config_event([FakeCircuit(properties=properties)], [], [])["commands"]["GetUser"]["metrics"]
    assert (metrics["percentileBucketCount"], metrics["counterBucketCount"]) == (6, 10)
    assert (metrics["percentileBucketSizeInMilliseconds"], metrics["counterBucketSizeInMilliseconds"]) == (10000, 1000)
    assert metrics["healthBucketSizeInMs"] == 1000


def test_no_timeout_is_disabled_and_zero() -> None:
    """timeoutEnabled says what 0 alone cannot."""
    execution = config_event([FakeCircuit(properties=command_properties(timeout=None))], [], [])["commands"]["GetUser"][
        "execution"
    ]
    assert (execution["timeoutEnabled"], execution["timeoutInMilliseconds"]) == (False, 0)


def test_pool_config_has_hystrix_shape() -> None:
    """keepAlive is in whole minutes, the actual maximum that of the pool."""
    pool = config_event([], [FakePool(max_size=10, properties=pool_properties(max_size=30, keep_alive=90.0))], [])
    assert shape(pool)["threadpools"] == {
        "users": dict.fromkeys(
            (
                *("coreSize", "maximumSize", "actualMaximumSize", "maxQueueSize", "queueRejectionThreshold"),
                *("keepAliveTimeInMinutes", "allowMaximumSizeToDivergeFromCoreSize"),
                *("counterBucketSizeInMilliseconds", "counterBucketCount"),
            )
        )
    }
    users = pool["threadpools"]["users"]
    assert (users["maximumSize"], users["actualMaximumSize"], users["keepAliveTimeInMinutes"]) == (30, 10, 1)


def test_collapser_config_has_hystrix_shape() -> None:
    """Unbounded is Java's largest int."""
    collapser = config_event([], [], [FakeCollapser()])["collapsers"]["UserById"]
    assert list(shape(collapser)) == [
        "maxRequestsInBatch",
        "timerDelayInMilliseconds",
        "requestCacheEnabled",
        "metrics",
    ]
    assert collapser["maxRequestsInBatch"] == 2147483647
    assert list(collapser["metrics"].values()) == [10000, 6, True, 1000, 10]
    assert list(collapser["metrics"]) == [
        *("percentileBucketSizeInMilliseconds", "percentileBucketCount", "percentileEnabled"),
        *("counterBucketSizeInMilliseconds", "counterBucketCount"),
    ]


def test_each_property_tells_where_it_comes_from() -> None:
    """Value, level and source; exception types by their names."""
    origins = {"ignore": SimpleNamespace(value=(ValueError,), level="code", source="GetUser")}
    command = config_event([FakeCircuit(origins=origins, explanation="closed")], [], [])["commands"]["GetUser"]
    assert command["hystrixpyProperties"] == {"ignore": {"value": ["ValueError"], "level": "code", "source": "GetUser"}}
    assert command["hystrixpyExplain"] == "closed"
