"""Durations recorded call by call, for those who want exemplars and views more than they mind some 10 us a call."""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry import metrics

from hystrixpy._native.circuit import set_armed
from hystrixpy._native.life import span_facts
from hystrixpy.hooks.watch import install_recorder
from hystrixpy.telemetry.table import COMMAND_GROUP, COMMAND_KEY, INSTRUMENTS

__all__ = ["record_durations", "recording"]

ARMED_RECORD = 16
"""The bit of the native core's flags that makes executions come to the recorder (circuit.pxd)."""

# Those of HTTP's semantic conventions, with some below; the SDK's own are made for milliseconds.
BOUNDARIES = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

_lock = threading.Lock()
_histograms: tuple[Any, Any] | None = None


def record_durations(on: bool = True) -> None:
    """Record the two durations of every execution from now on, inside its span; or, with False, no longer.

    For exemplars, views, and exporters that know no exponential histograms; it costs a call some 10 us. The native
    histograms of the same names are not exported meanwhile.
    """
    global _histograms
    with _lock:
        if on and _histograms is None:
            meter = metrics.get_meter("hystrixpy.record")
            _histograms = (_create(meter, "hystrix.command.duration"), _create(meter, "hystrix.command.total_duration"))
        elif not on:
            _histograms = None
        install_recorder(_record if on else None)
        set_armed(ARMED_RECORD, on)


def recording() -> bool:
    """Whether durations are recorded call by call."""
    return _histograms is not None


def _record(command: Any) -> None:
    """One execution has ended; those that never started have no durations."""
    histograms, execution = _histograms, command.execution
    if histograms is not None and execution.latency is not None and execution.total_latency is not None:
        key, group, _pool, _links = span_facts(command)
        attributes = {COMMAND_KEY: key, COMMAND_GROUP: group}
        histograms[0].record(execution.latency, attributes)
        histograms[1].record(execution.total_latency, attributes)


def _create(meter: metrics.Meter, name: str) -> metrics.Histogram:
    row = next(row for row in INSTRUMENTS if row.name == name)
    try:
        return meter.create_histogram(name, row.unit, row.meaning, explicit_bucket_boundaries_advisory=list(BOUNDARIES))
    except TypeError:  # an API older than the advice
        return meter.create_histogram(name, row.unit, row.meaning)
