"""Sums that never go down: what lives, plus what was torn down, less what a forked child inherited."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from hystrixpy.events import EXCEPTION_EVENTS, EventType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hystrixpy.telemetry.source import Source

__all__ = ["Counts", "Ledger", "Series"]

_log = logging.getLogger("hystrixpy")

Series = tuple[str, ...]
"""What tells the points of one instrument apart: (command key, group), or the key of a pool or collapser."""
Counts = tuple[int, ...]


class _Column(NamedTuple):
    """One kind of sum: whose it is, and how it is read from one of them."""

    owners: Callable[[Source], tuple[Iterable[Any], Iterable[Any]]]
    series: Callable[[Any], Series]
    read: Callable[[Any], Iterable[int]]


def _circuit(owner: Any) -> Series:
    return (owner.key, owner.group)


def _key(owner: Any) -> Series:
    return (owner.key,)


_COLUMNS = {
    "events": _Column(lambda s: s.circuits(), _circuit, lambda c: c.cumulative_all()),
    "transitions": _Column(lambda s: s.circuits(), _circuit, lambda c: c.transitions),
    "latency": _Column(lambda s: s.circuits(), _circuit, lambda c: c.latency_cumulative()),
    "total_latency": _Column(lambda s: s.circuits(), _circuit, lambda c: c.total_latency_cumulative()),
    "pools": _Column(lambda s: s.pools(), _key, lambda p: (p.completed, p.rejected)),
    "batches": _Column(lambda s: s.collapsers(), _key, lambda c: (c.batches, c.batched_requests)),
    "batch_sizes": _Column(lambda s: s.collapsers(), _key, lambda c: c.batch_sizes()),
}


class Ledger:
    """All exported sums of this process, by column and series. Safe to read from any thread."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.started_ns = time.time_ns()
        """When every sum was zero (Unix time, ns): the start time of cumulative series."""
        self._inherited: dict[str, dict[Series, Counts]] = {}
        self._complained: set[tuple[str, Series]] = set()

    def column(self, name: str) -> dict[Series, Counts]:
        """The sums of one column. A series that cannot be read is left out whole, the others stay."""
        sums = self._sums(name)
        for series, base in self._inherited.get(name, {}).items():
            if series in sums:
                sums[series] = tuple(now - then for now, then in zip(sums[series], base, strict=True))
        return sums

    def events(self) -> dict[Series, Counts]:
        """The events column with EXCEPTION_THROWN made anew, so that one point never contradicts another."""
        return {series: _with_thrown(counts) for series, counts in self.column("events").items()}

    def inherit(self) -> None:
        """In a forked child: start again from zero, so that the parent's counts are not told twice."""
        self._inherited = {name: self._sums(name) for name in _COLUMNS}
        self.started_ns = time.time_ns()

    def _sums(self, name: str) -> dict[Series, Counts]:
        column = _COLUMNS[name]
        sums: dict[Series, Counts] = {}
        broken: set[Series] = set()
        with self.source.frozen():
            for owner in _chain(*column.owners(self.source)):
                series = column.series(owner)
                try:
                    _add(sums, series, tuple(column.read(owner)))
                except Exception:
                    broken.add(series)
                    self._complain(name, series)
        for series in broken:  # half a sum would look like a counter that went down
            sums.pop(series, None)
        return sums

    def _complain(self, name: str, series: Series) -> None:
        if (name, series) not in self._complained:
            self._complained.add((name, series))
            _log.exception("the %s of %r cannot be read; its points are left out of the export", name, series[0])


def _chain(first: Iterable[Any], second: Iterable[Any]) -> Iterator[Any]:
    yield from first
    yield from second


def _add(sums: dict[Series, Counts], series: Series, counts: Counts) -> None:
    known = sums.get(series)
    sums[series] = counts if known is None else tuple(map(int.__add__, known, counts))


def _with_thrown(counts: Counts) -> Counts:
    thrown = EventType.EXCEPTION_THROWN
    return (*counts[:thrown], sum(counts[event] for event in EXCEPTION_EVENTS), *counts[thrown + 1 :])
