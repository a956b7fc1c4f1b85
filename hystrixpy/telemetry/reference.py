"""docs/metrics.md, out of the table of instruments: ``python -m hystrixpy.telemetry.reference > docs/metrics.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy.events import EXCEPTION_EVENTS, CircuitState, EventType
from hystrixpy.telemetry.table import (
    COLLAPSER_KEY,
    COMMAND_GROUP,
    COMMAND_KEY,
    EVENT,
    INSTRUMENTS,
    POOL_KEY,
    STATE,
    Instrument,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["page", "prometheus_name"]

_SUFFIXES = {"s": "_seconds", "%": "_percent"}

_VALUES = {
    COMMAND_KEY: "the command key",
    COMMAND_GROUP: "the command's group",
    POOL_KEY: "the key of the thread pool",
    COLLAPSER_KEY: "the key of the collapser",
    STATE: ", ".join(f"`{state.value}`" for state in CircuitState),
    EVENT: ", ".join(f"`{event.name.lower()}`" for event in EventType),
}


def prometheus_name(row: Instrument) -> str:
    """What Prometheus calls it, by OpenTelemetry's rules of translation."""
    name = row.name.replace(".", "_") + _SUFFIXES.get(row.unit, "")
    return name + "_total" if row.kind == "counter" else name


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Metrics"
    yield ""
    yield "<!-- Made by `python -m hystrixpy.telemetry.reference > docs/metrics.md`; do not edit. -->"
    yield ""
    yield "Every metric hystrixpy exports to OpenTelemetry ([how to get them](telemetry.md)). They cost a call nothing:"
    yield "a reader that collects reads the native counters. Counters never go down, `reset()` included."
    yield ""
    yield "| name | kind | unit | attributes | meaning |"
    yield "|---|---|---|---|---|"
    for row in INSTRUMENTS:
        attributes = ", ".join(f"`{name}`" for name in row.attributes)
        yield f"| `{row.name}` | {row.kind} | `{row.unit}` | {attributes} | {row.meaning} |"
    yield ""
    yield "## Attributes"
    yield ""
    for name, values in _VALUES.items():
        yield f"- `{name}`: {values}"
    yield ""
    thrown = ", ".join(f"`{event.name.lower()}`" for event in EXCEPTION_EVENTS)
    yield f"`exception_thrown` is the sum of {thrown}. The number of series is commands times events: a dynamic key"
    yield "per user or per URL makes as many circuits, and OpenTelemetry's SDK folds all series of an instrument beyond"
    yield "2000 into one, unless its reader is given `cardinality_limits` (`telemetry.setup()` does)."
    yield ""
    yield "## Histograms"
    yield ""
    yield "Durations are base-2 exponential histograms of scale 3: eight buckets per power of two, so that a sample is"
    yield "at most 4.5 % from the middle of its bucket, from 1 us to 1 h. Sums are made of the middles, `min` and `max`"
    yield "are bounds of buckets. They need `telemetry.setup()`, `NativeHistogramExporter` or"
    yield "`OTEL_METRICS_EXPORTER=hystrixpy_otlp`. A command with `percentile_enabled` off has none."
    yield ""
    yield "## Names in Prometheus"
    yield ""
    yield "| OpenTelemetry | Prometheus |"
    yield "|---|---|"
    for row in INSTRUMENTS:
        yield f"| `{row.name}` | `{prometheus_name(row)}` |"


if __name__ == "__main__":
    print(page(), end="")
