"""Circuits, pools and collapsers of no core: plain values in the shapes of ``hystrixpy.stream.views``."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from hystrixpy._native.histogram import LatencyHistogram, LatencySnapshot
from hystrixpy.events import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def latencies(samples: Iterable[float] = ()) -> LatencySnapshot:
    """A snapshot of these times, in seconds."""
    histogram = LatencyHistogram()
    for seconds in samples:
        histogram.record(seconds)
    return histogram.snapshot()


def command_properties(**given: Any) -> SimpleNamespace:
    """The built-in defaults of ``CommandProperties``, as DESIGN section 9 lists them."""
    defaults = {
        "isolation": "thread",
        "timeout": 1.0,
        "interrupt_on_timeout": False,
        "interrupt_on_cancel": False,
        "max_concurrent": 10,
        "fallback_enabled": True,
        "fallback_max_concurrent": 10,
        "fallback_on_fatal": False,
        "breaker_enabled": True,
        "breaker_force_open": False,
        "breaker_force_closed": False,
        "breaker_volume_threshold": 20,
        "breaker_error_threshold": 50,
        "breaker_sleep_window": 5.0,
        "breaker_half_open_trials": 1,
        "breaker_half_open_successes": 1,
        "rolling_window": 10.0,
        "rolling_buckets": 10,
        "percentile_enabled": True,
        "percentile_window": 60.0,
        "percentile_buckets": 6,
        "request_cache_enabled": True,
        "request_log_enabled": True,
    }
    return SimpleNamespace(**(defaults | given))


def pool_properties(**given: Any) -> SimpleNamespace:
    defaults = {
        "core_size": 10,
        "max_size": 10,
        "allow_max_to_diverge": False,
        "max_queue_size": -1,
        "queue_rejection_threshold": 5,
        "keep_alive": 60.0,
        "rolling_window": 10.0,
        "rolling_buckets": 10,
    }
    return SimpleNamespace(**(defaults | given))


def collapser_properties(**given: Any) -> SimpleNamespace:
    return SimpleNamespace(**({"max_batch_size": None, "delay": 0.01, "cache_enabled": True} | given))


def counts(**by_name: int) -> list[int]:
    """Eighteen counters: ``counts(SUCCESS=3)``."""
    return [by_name.get(event.name, 0) for event in EventType]


@dataclass
class FakeCircuit:
    key: str = "GetUser"
    group: str = "users"
    thread_pool: str = "users"
    properties: Any = field(default_factory=command_properties)
    state: str = "closed"
    forced: str | None = None
    is_open: bool = False
    health: tuple[int, int] = (0, 0)
    rolling: list[int] = field(default_factory=counts)
    transitions: tuple[int, int, int] = (0, 0, 0)
    active: int = 0
    max_active: int = 0
    abandoned: int = 0
    limit: int = 10
    latency: Any = field(default_factory=latencies)
    total_latency: Any = field(default_factory=latencies)
    origins: Mapping[str, Any] = field(default_factory=dict)
    explanation: str = "circuit 'GetUser' is closed"


@dataclass
class FakePool:
    key: str = "users"
    properties: Any = field(default_factory=pool_properties)
    active: int = 0
    abandoned: int = 0
    completed: int = 0
    core_size: int = 10
    largest: int = 0
    max_size: int = 10
    size: int = 0
    queue_size: int = 0
    max_active: int = 0
    rolling_executed: int = 0
    rolling_rejected: int = 0
    origins: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class FakeCollapser:
    key: str = "UserById"
    properties: Any = field(default_factory=collapser_properties)
    rolling_requests: int = 0
    rolling_batches: int = 0
    rolling_from_cache: int = 0
    batch_sizes: Mapping[int, int] = field(default_factory=dict)
    rolling_window: float = 10.0
    rolling_buckets: int = 10
    percentile_window: float = 60.0
    percentile_buckets: int = 6
    origins: Mapping[str, Any] = field(default_factory=dict)
