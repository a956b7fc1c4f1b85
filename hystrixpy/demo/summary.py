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
    """Every event that happened or was received."""
    return [row for key in keys for event in EventType if (row := _row(key, event, received)).counted or row.received]


def _row(key: str, event: EventType, received: Received | None) -> Row:
    name = event.name.lower()
    counted = hystrixpy.metrics(key).cumulative_count(event)
    return Row(key, name, counted, None if received is None else _arrived(key, name, received))


def _arrived(key: str, event: str, received: Received) -> int:
    wanted = {"hystrix.command.key": key, "hystrix.event": event}
    return int(received.total("hystrix.command.events", wanted))


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
