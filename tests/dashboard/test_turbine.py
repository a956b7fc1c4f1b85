"""Many processes' events as one: sums where sums are right, percentiles of the pooled data everywhere else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hystrixpy.dashboard.turbine import merge, pooled
from hystrixpy.stream.collapsers import collapser_event
from hystrixpy.stream.commands import command_event
from hystrixpy.stream.pools import pool_event
from tests.stream.fakes import FakeCircuit, FakeCollapser, FakePool, counts, latencies, pool_properties

ERROR = 0.05
"""The promised relative error of a bucket."""


def exact(samples: list[float], p: float) -> float:
    """The naive oracle: the smallest sample that at least ``p`` percent do not exceed."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * p // 100))
    return ordered[int(rank) - 1]


seconds = st.floats(min_value=1e-5, max_value=100.0)


@given(st.lists(st.lists(seconds, min_size=1, max_size=30), min_size=1, max_size=5))
def test_merged_percentiles_are_those_of_the_pooled_data(workers: list[list[float]]) -> None:
    """However the calls are spread over processes: within the bucket error of the exact percentile of all calls."""
    merged = merge([command_event(FakeCircuit(latency=latencies(samples))) for samples in workers])
    everything = [sample for samples in workers for sample in samples]
    for p in ("50", "90", "99", "99.5"):
        expected = exact(everything, float(p)) * 1000
        assert merged["hystrixpyLatencyExecute"][p] == pytest.approx(expected, rel=ERROR, abs=0.001)
    assert merged["hystrixpyLatencyExecute"]["count"] == len(everything)


def test_average_of_percentiles_would_be_wrong_and_is_not_sent() -> None:
    """One busy fast process, one idle slow one: the median of all is fast."""
    fast, slow = latencies([0.001] * 1000), latencies([1.0] * 10)
    merged = merge([command_event(FakeCircuit(latency=each)) for each in (fast, slow)])
    assert merged["hystrixpyLatencyExecute"]["50"] == pytest.approx(1.0, rel=ERROR)
    assert merged["hystrixpyLatencyExecute"]["99.5"] == pytest.approx(1000.0, rel=ERROR)


def test_netflix_page_divides_and_gets_the_truth() -> None:
    """Its percentages and percentiles are sent times the hosts, so that value / reportingHosts is the cluster's."""
    one = FakeCircuit(health=(100, 50), latency=latencies([0.2] * 10))
    two = FakeCircuit(health=(300, 50), latency=latencies([0.2] * 10))
    merged = merge([command_event(one), command_event(two)])
    assert merged["reportingHosts"] == 2
    assert merged["errorPercentage"] / 2 == 25
    assert merged["latencyExecute"]["99"] / 2 == pytest.approx(200, rel=ERROR)
    assert merged["latencyExecute_mean"] / 2 == pytest.approx(200, rel=ERROR)


def test_counters_and_gauges_are_summed() -> None:
    """Every number that counts something."""
    one = FakeCircuit(rolling=list(range(18)), active=2, abandoned=1, health=(10, 5), limit=10)
    two = FakeCircuit(rolling=[10 * i for i in range(18)], active=3, abandoned=0, health=(20, 1), limit=10)
    merged = merge([command_event(one), command_event(two)])
    assert merged["rollingCountSuccess"] == 11
    assert merged["rollingCountCollapsedRequests"] == 17 * 11
    assert (merged["currentConcurrentExecutionCount"], merged["hystrixpyAbandoned"]) == (5, 1)
    assert (merged["requestCount"], merged["errorCount"], merged["hystrixpyConcurrencyLimit"]) == (30, 6, 20)


def test_properties_of_a_circuit_are_not_summed() -> None:
    """The page shows and uses them as they are."""
    merged = merge([command_event(FakeCircuit()), command_event(FakeCircuit())])
    assert merged["propertyValue_metricsRollingStatisticalWindowInMilliseconds"] == 10000
    assert merged["propertyValue_executionIsolationStrategy"] == "THREAD"
    assert merged["propertyValue_circuitBreakerForceOpen"] is False


def test_fields_stay_in_order() -> None:
    """What Hystrix sends stays where Hystrix sends it."""
    single = command_event(FakeCircuit())
    merged = merge([single, command_event(FakeCircuit())])
    ours = ("hystrixpy",)
    assert [name for name in merged if not name.startswith(ours)] == [n for n in single if not n.startswith(ours)]


@pytest.mark.parametrize(
    ("states", "shown", "state"),
    [
        (["closed", "closed"], 0, "closed"),
        (["open", "open"], 2, "open"),
        (["open", "closed"], {"true": 1, "false": 1}, "mixed"),
        (["half_open", "half_open"], 2, "half_open"),
        (["open", "half_open"], 2, "mixed"),
    ],
)
def test_breakers_that_differ_are_told_apart(states: list[str], shown: Any, state: str) -> None:
    """As Turbine for old readers, with the truth beside it."""
    merged = merge([command_event(FakeCircuit(state=each, is_open=each != "closed")) for each in states])
    assert merged["isCircuitBreakerOpen"] == shown
    assert merged["hystrixpyState"] == state
    assert merged["hystrixpyStates"] == {each: states.count(each) for each in states}


def test_single_process_is_shown_as_itself() -> None:
    """One host: every Hystrix field is what the process said."""
    single = command_event(FakeCircuit(health=(7, 2), rolling=counts(SUCCESS=5), latency=latencies([0.1, 0.3])))
    merged = merge([single])
    assert {name: merged[name] for name in single if not name.startswith("hystrixpy")} == {
        name: value for name, value in single.items() if not name.startswith("hystrixpy")
    }


def test_merging_merged_streams_is_merging_them_all() -> None:
    """A dashboard of dashboards: the order of merging does not matter."""
    events = [
        command_event(FakeCircuit(health=(10 * i, i), latency=latencies([0.01 * i] * i), state="open", is_open=True))
        for i in range(1, 5)
    ]
    for i, event in enumerate(events):
        event["hystrixpyInstance"] = f"host:{i}"
    flat, nested = merge(events), merge([merge(events[:1]), merge(events[1:])])
    assert nested == flat


def test_pools_are_summed_and_their_properties_too() -> None:
    """The page divides a pool's properties by the hosts, and only those."""
    pool = FakePool(active=3, max_size=10, completed=100, properties=pool_properties(queue_rejection_threshold=7))
    merged = merge([pool_event(pool), pool_event(pool)])
    assert (merged["currentActiveCount"], merged["currentMaximumPoolSize"]) == (6, 20)
    assert merged["propertyValue_queueSizeRejectionThreshold"] == 14
    assert merged["propertyValue_metricsRollingStatisticalWindowInMilliseconds"] == 20000
    assert merged["hystrixpyMaxQueueSize"] == -1


def test_batch_sizes_are_pooled() -> None:
    """Exact, since sizes are counted one by one."""
    merged = merge(
        [collapser_event(FakeCollapser(batch_sizes={1: 90})), collapser_event(FakeCollapser(batch_sizes={50: 10}))]
    )
    assert merged["hystrixpyBatchSizes"] == [[1, 90], [50, 10]]
    assert {p: value / 2 for p, value in merged["batchSize"].items() if p in ("90", "95")} == {"90": 1, "95": 50}
    assert merged["propertyValue_timerDelayInMilliseconds"] / 2 == 10


def test_streams_of_java_are_added_up_as_turbine_does() -> None:
    """Without histograms there is nothing better."""
    java = {name: v for name, v in command_event(FakeCircuit()).items() if not name.startswith("hystrixpy")}
    java["latencyExecute"] = dict.fromkeys(java["latencyExecute"], 100)
    merged = merge([java, java])
    assert merged["latencyExecute"]["99"] == 200
    assert "hystrixpyLatencyExecute" not in merged


def test_impossible_buckets_are_left_out() -> None:
    """A stream is input from outside: what cannot be is not counted."""
    assert pooled([[[-1, 5], [255, 5], [10**9, 1], [3, -2], [7, 2]]]).count == 2
