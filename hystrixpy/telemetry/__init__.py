"""Numbers and spans on their way to OpenTelemetry (floor 6).

Nothing here has to be called: with any MeterProvider or TracerProvider in place, metrics and spans flow.
``setup()`` makes a pipeline for applications that have none, ``NativeHistogramExporter`` adds the latency
histograms to a pipeline of your own. OpenTelemetry's SDK is imported only when one of the two is used.

table         every instrument, once          ledger       sums that never go down
observe       what instruments answer         instruments  their life on a meter, across forks
exponential, producer, exporter               native latency buckets as exponential histograms
record        durations call by call          traces       one span per execution
pipeline      setup()                         handle       what it returns
wiring        the connection to the circuits
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.telemetry.handle import Telemetry
from hystrixpy.telemetry.pipeline import setup
from hystrixpy.telemetry.record import record_durations

if TYPE_CHECKING:
    from hystrixpy.telemetry.exporter import NativeHistogramExporter

__all__ = ["NativeHistogramExporter", "Telemetry", "record_durations", "setup"]


def __getattr__(name: str) -> Any:
    if name != "NativeHistogramExporter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hystrixpy.telemetry.otlp import import_extra

    import_extra("opentelemetry.sdk.metrics.export")  # says which extra is missing
    from hystrixpy.telemetry.exporter import NativeHistogramExporter

    return NativeHistogramExporter
