"""The registry, as telemetry reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy import properties, registry
from hystrixpy.collapser.numbers import collapser_totals

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from hystrixpy.telemetry.source import CircuitTotals, CircuitView, CollapserTotals, PoolTotals, PoolView

__all__ = ["RegistrySource"]


class _TornDown:
    """A retired circuit in the shape of a living one's totals."""

    def __init__(self, retired: registry.Retired) -> None:
        self.key, self.group = retired.key, retired.group
        self.transitions = retired.transitions
        self._retired = retired

    def cumulative_all(self) -> tuple[int, ...]:
        return self._retired.events

    def latency_cumulative(self) -> tuple[int, ...]:
        return self._retired.latency

    def total_latency_cumulative(self) -> tuple[int, ...]:
        return self._retired.total_latency


class RegistrySource:
    """Everything that exists in this process, and what was torn down."""

    def frozen(self) -> AbstractContextManager[Any]:
        """While entered, nothing is torn down."""
        return registry.frozen()

    def circuits(self) -> tuple[Iterable[CircuitView], Iterable[CircuitTotals]]:
        return registry.circuits(), map(_TornDown, registry.retired())

    def pools(self) -> tuple[Iterable[PoolView], Iterable[PoolTotals]]:
        return registry.thread_pools(), registry.retired_pools()

    def collapsers(self) -> tuple[Iterable[CollapserTotals], Iterable[CollapserTotals]]:
        return collapser_totals()

    def reload_errors(self) -> int:
        return properties.reload_errors()
