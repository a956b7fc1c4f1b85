"""The end of the demo: what a hanging dependency cost the others, and whether the collector got every count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import hystrixpy
from hystrixpy import EventType
from hystrixpy.demo.reading import STARTED

if TYPE_CHECKING:
    from hystrixpy.demo.reading import Reading
    from hystrixpy.demo.received import Received

__all__ = ["ENDS", "Diary", "Row", "differences", "isolation", "rows", "table"]

ENDS = {event.name.lower() for event in STARTED}
RAN = (EventType.SUCCESS, EventType.FAILURE, EventType.TIMEOUT, EventType.BAD_REQUEST)

Diary = dict[str, list["Reading"]]
"""The last readings of each phase, by its story."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event of one circuit: how often it was counted, and how often the collector knows of it (None: not asked)."""

    key: str
    event: str
    counted: int
    received: int | None


def isolation(diary: Diary) -> list[str]:
    """What the other circuits felt of the hanging reports, in words; nothing if the story did not get that far."""
    if len(diary) < 2:
        return []
    healthy, hanging = list(diary.values())[:2]
    before = {reading.key: reading.p99 for reading in healthy}
    lines = ["", "while reports hung, the p99 of the others"]
    for now in hanging:
        if not now.abandoned:
            lines.append(f"  {now.key:<10} {now.p99 * 1000:.0f} ms (before: {before.get(now.key, 0.0) * 1000:.0f} ms)")
    return lines


def rows(keys: list[str], received: Received | None) -> list[Row]:
    """Every event that happened or was received, and the latency histogram of each circuit."""
    found = [row for key in keys for row in [*_events(key, received), _durations(key, received)]]
    return [row for row in found if row.counted or row.received]


def _events(key: str, received: Received | None) -> list[Row]:
    counts = hystrixpy.metrics(key).cumulative_counts()
    return [Row(key, name := event.name.lower(), counts[event], _arrived(key, name, received)) for event in EventType]


def _arrived(key: str, event: str, received: Received | None) -> int | None:
    wanted = {"hystrix.command.key": key, "hystrix.event": event}
    return None if received is None else int(received.total("hystrix.command.events", wanted))


def _durations(key: str, received: Received | None) -> Row:
    """Each call that ran has its latency in one bucket of the histogram that the collector got."""
    counts = hystrixpy.metrics(key).cumulative_counts()
    wanted = {"hystrix.command.key": key}
    arrived = None if received is None else received.histogram_count("hystrix.command.duration", wanted)
    return Row(key, "latencies (histogram)", sum(counts[event] for event in RAN), arrived)


def differences(found: list[Row]) -> list[Row]:
    """The rows where the collector does not agree."""
    return [row for row in found if row.received is not None and row.received != row.counted]


def table(found: list[Row]) -> str:
    """The rows as text, a circuit's name only at its first one."""
    lines = [f"  {'circuit':<10} {'event':<22} {'counted':>9} {'received':>9}"]
    shown = ""
    for row in found:
        received = "-" if row.received is None else str(row.received)
        mark = "" if row.received in (None, row.counted) else "   <- differs"
        key, shown = ("" if row.key == shown else row.key), row.key
        lines.append(f"  {key:<10} {row.event:<22} {row.counted:>9} {received:>9}{mark}")
    return "\n".join(lines)
