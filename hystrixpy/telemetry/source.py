"""What telemetry reads: the shapes it needs of circuits, pools and collapsers, so that tests can fake them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

__all__ = ["CircuitTotals", "CircuitView", "CollapserTotals", "PoolTotals", "PoolView", "Source"]


class CircuitTotals(Protocol):
    """What only ever grows in one circuit; also what is left of a circuit that was torn down."""

    @property
    def key(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def transitions(self) -> Sequence[int]: ...
    def cumulative_all(self) -> Sequence[int]: ...
    def latency_cumulative(self) -> Sequence[int]: ...
    def total_latency_cumulative(self) -> Sequence[int]: ...


class CircuitView(CircuitTotals, Protocol):
    """A living circuit: its totals, and what it is like at this moment."""

    @property
    def active(self) -> int: ...
    @property
    def abandoned(self) -> int: ...
    @property
    def state(self) -> int: ...
    def health(self) -> tuple[int, int]: ...


class PoolTotals(Protocol):
    """What only ever grows in one thread pool."""

    @property
    def key(self) -> str: ...
    @property
    def completed(self) -> int: ...
    @property
    def rejected(self) -> int: ...


class PoolView(PoolTotals, Protocol):
    """A living thread pool."""

    @property
    def active(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def max_size(self) -> int: ...
    @property
    def queue_size(self) -> int: ...


class CollapserTotals(Protocol):
    """What only ever grows in one collapser; ``batch_sizes`` are buckets as those of a latency."""

    @property
    def key(self) -> str: ...
    @property
    def batches(self) -> int: ...
    @property
    def batched_requests(self) -> int: ...
    def batch_sizes(self) -> Sequence[int]: ...


class Source(Protocol):
    """Where the numbers come from.

    Each pair is (alive, torn down). While ``frozen()`` is entered nothing passes from the one to the other, so that
    what is read of both in between adds up to a sum that never goes down.
    """

    def frozen(self) -> AbstractContextManager[object]: ...
    def circuits(self) -> tuple[Iterable[CircuitView], Iterable[CircuitTotals]]: ...
    def pools(self) -> tuple[Iterable[PoolView], Iterable[PoolTotals]]: ...
    def collapsers(self) -> tuple[Iterable[CollapserTotals], Iterable[CollapserTotals]]: ...
    def reload_errors(self) -> int: ...
