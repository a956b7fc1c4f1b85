"""What a circuit counted, to be read by people and programs (floor 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy.events import EventType
from hystrixpy.types import HealthCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hystrixpy._native.circuit import Circuit
    from hystrixpy._native.histogram import LatencySnapshot

__all__ = ["CommandMetrics"]


class CommandMetrics:
    """The numbers of one command key, always the present ones: every attribute reads the native counters.

    Get it from ``hystrixpy.metrics(key)``. Rolling numbers cover the last ``rolling_window`` seconds,
    latencies the last ``percentile_window`` seconds, both with the open bucket; cumulative counts
    never go down. After ``hystrixpy.reset()`` this object keeps showing the circuit that was torn
    down; ask for the new one.
    """

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit

    @property
    def key(self) -> str:
        """The command key."""
        return self._circuit.key

    def rolling_count(self, event: EventType) -> int:
        """How often ``event`` happened within the rolling window; ``ValueError`` if it is no event."""
        return self._circuit.rolling(EventType(event))

    def rolling_counts(self) -> Mapping[EventType, int]:
        """How often each event happened within the rolling window; every ``EventType`` is a key."""
        return dict(zip(EventType, self._circuit.rolling_all(), strict=True))

    def cumulative_count(self, event: EventType) -> int:
        """How often ``event`` happened since the circuit exists; ``ValueError`` if it is no event."""
        return self._circuit.cumulative(EventType(event))

    def cumulative_counts(self) -> Mapping[EventType, int]:
        """How often each event happened since the circuit exists; every ``EventType`` is a key."""
        return dict(zip(EventType, self._circuit.cumulative_all(), strict=True))

    @property
    def health(self) -> HealthCounts:
        """What the circuit breaker decides on: calls and errors of the window since it last closed.

        Short circuits, bad requests and cancelled calls are in neither number.
        """
        return HealthCounts.of(*self._circuit.health())

    @property
    def latency(self) -> LatencySnapshot:
        """How long ``run`` took, the wait in the queue included, the fallback not."""
        return self._circuit.latency()

    @property
    def total_latency(self) -> LatencySnapshot:
        """How long callers waited for their result, fallbacks included."""
        return self._circuit.total_latency()

    @property
    def concurrency(self) -> int:
        """How many executions have a caller that waits for them now."""
        return self._circuit.active

    @property
    def max_concurrency(self) -> int:
        """The highest concurrency within the rolling window, never below the present one."""
        return self._circuit.max_active

    @property
    def abandoned(self) -> int:
        """How many runs go on although their caller has given up; falls when they return."""
        return self._circuit.abandoned

    def __repr__(self) -> str:
        total, _, percentage = self.health
        return (
            f"<CommandMetrics {self.key!r}: {percentage}% of {total} calls failed, "
            f"{self.concurrency} running, p99 {self.latency.percentile(99):.3g} s>"
        )
