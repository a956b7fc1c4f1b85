"""What the stream needs to know about a circuit, a pool and a collapser, and nothing more.

The builders take anything of these shapes, so that they can be tested, field for field, without a core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    def sparse(self) -> list[list[int]]:
        """[bucket, count] of every bucket that holds anything."""
        ...


class CircuitView(Protocol):
    """One command key, as of now."""

    @property
    def key(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def thread_pool(self) -> str: ...
    @property
    def properties(self) -> Any:
        """The ``CommandProperties`` in force."""
        ...

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``: the real one."""
        ...

    @property
    def forced(self) -> str | None:
        """``open``, ``closed`` or None: what holds the breaker, by hand or by property."""
        ...

    @property
    def is_open(self) -> bool: ...
    @property
    def health(self) -> tuple[int, int]:
        """(calls, errors) that the breaker judges by."""
        ...

    @property
    def rolling(self) -> Sequence[int]:
        """One count per event, in the order of ``EventType``."""
        ...

    @property
    def transitions(self) -> tuple[int, int, int]:
        """How often it became closed, open, half-open."""
        ...

    @property
    def active(self) -> int: ...
    @property
    def max_active(self) -> int: ...
    @property
    def abandoned(self) -> int: ...
    @property
    def limit(self) -> int:
        """How many may run at once: permits, or threads of the pool."""
        ...

    @property
    def latency(self) -> Histogram: ...
    @property
    def total_latency(self) -> Histogram: ...
    @property
    def explanation(self) -> str:
        """What ``explain()`` says."""
        ...

    @property
    def origins(self) -> Mapping[str, Any]:
        """A ``PropertyOrigin`` per property."""
        ...


class PoolView(Protocol):
    """One thread pool, as of now."""

    @property
    def key(self) -> str: ...
    @property
    def properties(self) -> Any:
        """The ``ThreadPoolProperties`` in force."""
        ...

    @property
    def active(self) -> int: ...
    @property
    def abandoned(self) -> int: ...
    @property
    def completed(self) -> int: ...
    @property
    def core_size(self) -> int: ...
    @property
    def largest(self) -> int: ...
    @property
    def max_size(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def queue_size(self) -> int: ...
    @property
    def max_active(self) -> int: ...
    @property
    def rolling_executed(self) -> int: ...
    @property
    def rolling_rejected(self) -> int: ...
    @property
    def origins(self) -> Mapping[str, Any]: ...


class CollapserView(Protocol):
    """One collapser key, as of now."""

    @property
    def key(self) -> str: ...
    @property
    def properties(self) -> Any:
        """The ``CollapserProperties`` in force."""
        ...

    @property
    def rolling_requests(self) -> int: ...
    @property
    def rolling_batches(self) -> int: ...
    @property
    def rolling_from_cache(self) -> int: ...
    @property
    def batch_sizes(self) -> Mapping[int, int]:
        """How many batches had each size, over the window."""
        ...

    @property
    def rolling_window(self) -> float:
        """Seconds that the rolling counts cover."""
        ...
    @property
    def rolling_buckets(self) -> int: ...
    @property
    def percentile_window(self) -> float:
        """Seconds that the batch sizes cover."""
        ...
    @property
    def percentile_buckets(self) -> int: ...
    @property
    def origins(self) -> Mapping[str, Any]: ...
