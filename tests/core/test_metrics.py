"""The face of a circuit's numbers, over a circuit whose numbers are known."""

import pickle
from collections.abc import Mapping

import pytest

from hystrixpy import CommandMetrics, EventType, HealthCounts, LatencySnapshot


class KnownCircuit:
    """Counts by event number, as a native circuit gives them."""

    key = "GetUser"
    active, max_active, abandoned = 2, 5, 1

    def rolling(self, event):
        return self.rolling_all()[event]

    def rolling_all(self):
        return tuple(range(len(EventType)))

    def cumulative(self, event):
        return self.cumulative_all()[event]

    def cumulative_all(self):
        return tuple(10 * number for number in range(len(EventType)))

    def health(self):
        return 40, 24

    def latency(self):
        return LatencySnapshot.from_buckets([0] * 160 + [3] + [0] * 94)

    def total_latency(self):
        return LatencySnapshot()


@pytest.fixture
def metrics():
    return CommandMetrics(KnownCircuit())


def test_every_event_is_in_the_rolling_counts(metrics):
    """The mapping has each member of EventType, in its order, with its own count."""
    counts = metrics.rolling_counts()
    assert isinstance(counts, Mapping)
    assert counts == {event: int(event) for event in EventType}
    assert list(counts) == list(EventType)


def test_every_event_is_in_the_cumulative_counts(metrics):
    """As the rolling ones."""
    assert metrics.cumulative_counts() == {event: 10 * event for event in EventType}


@pytest.mark.parametrize("event", EventType)
def test_one_event_can_be_asked_for(metrics, event):
    """By its member or its number."""
    assert metrics.rolling_count(event) == metrics.rolling_counts()[event]
    assert metrics.cumulative_count(int(event)) == metrics.cumulative_counts()[event]


@pytest.mark.parametrize("event", [-1, 18, "SUCCESS", None])
def test_what_is_no_event_is_a_value_error(metrics, event):
    """No count of another event, no IndexError."""
    with pytest.raises(ValueError, match="not a valid EventType"):
        metrics.rolling_count(event)
    with pytest.raises(ValueError, match="not a valid EventType"):
        metrics.cumulative_count(event)


def test_health_has_total_errors_and_percentage(metrics):
    """The three numbers a breaker decides on."""
    assert metrics.health == HealthCounts(total=40, errors=24, error_percentage=60)


@pytest.mark.parametrize(
    ("total", "errors", "percentage"), [(0, 0, 0), (3, 1, 33), (3, 2, 66), (3, 3, 100), (1000, 999, 99), (1000, 1, 0)]
)
def test_the_error_percentage_is_truncated(total, errors, percentage):
    """As in Hystrix: 99.9 % is 99 %; no calls are no errors."""
    assert HealthCounts.of(total, errors) == (total, errors, percentage)


def test_health_counts_are_a_value():
    """They cannot be changed and survive pickling."""
    health = HealthCounts.of(40, 24)
    with pytest.raises(AttributeError):
        health.total = 1
    assert pickle.loads(pickle.dumps(health)) == health


def test_latencies_are_snapshots(metrics):
    """latency is that of run, total_latency that of callers."""
    assert metrics.latency.count == 3
    assert metrics.total_latency.count == 0


def test_gauges_are_the_present_ones(metrics):
    """Concurrency, its rolling maximum and the abandoned runs."""
    assert (metrics.concurrency, metrics.max_concurrency, metrics.abandoned) == (2, 5, 1)


def test_repr_tells_what_the_person_on_call_asks_first(metrics):
    """Key, error percentage, volume, concurrency and the slow end."""
    assert repr(metrics) == "<CommandMetrics 'GetUser': 60% of 40 calls failed, 2 running, p99 1.04 s>"
