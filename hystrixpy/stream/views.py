"""What the stream needs to know about a circuit, a pool and a collapser, and nothing more.

The builders take anything of these shapes, so that they can be tested, field for field, without a core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

__all__ = ["CircuitView", "CollapserView", "Histogram", "PoolView"]


class Histogram(Protocol):
    """A ``LatencySnapshot``; times are in seconds."""

    @property
    def count(self) -> int: ...
    @property
    def mean(self) -> float: ...
    @property
    def max(self) -> float: ...
    def percentile(self, p: float, /) -> float: ...
    def buckets(self) -> Sequence[int]:
        """One count per bucket."""
        ...


class CircuitView(Protocol):
    """One command key, as of now."""

    key: str
    group: str
    thread_pool: str
    properties: Any
    """The ``CommandProperties`` in force."""
    state: str
    """``closed``, ``open`` or ``half_open``: the real one."""
    forced: str | None
    """``open``, ``closed`` or None: what holds the breaker, by hand or by property."""
    is_open: bool
    health: tuple[int, int]
    """(calls, errors) that the breaker judges by."""
    rolling: Sequence[int]
    """One count per event, in the order of ``EventType``."""
    transitions: tuple[int, int, int]
    """How often it became closed, open, half-open."""
    active: int
    max_active: int
    abandoned: int
    limit: int
    """How many may run at once: permits, or threads of the pool."""
    latency: Histogram
    total_latency: Histogram
    explanation: str
    """What ``explain()`` says."""
    origins: Mapping[str, Any]
    """A ``PropertyOrigin`` per property."""


class PoolView(Protocol):
    """One thread pool, as of now."""

    key: str
    properties: Any
    """The ``ThreadPoolProperties`` in force."""
    active: int
    abandoned: int
    completed: int
    core_size: int
    largest: int
    max_size: int
    size: int
    queue_size: int
    max_active: int
    rolling_executed: int
    rolling_rejected: int
    origins: Mapping[str, Any]


class CollapserView(Protocol):
    """One collapser key, as of now."""

    key: str
    properties: Any
    """The ``CollapserProperties`` in force."""
    rolling_requests: int
    rolling_batches: int
    rolling_from_cache: int
    batch_sizes: Mapping[int, int]
    """How many batches had each size, over the window."""
    window: float
    """Seconds that the rolling numbers cover."""
    buckets: int
    origins: Mapping[str, Any]
