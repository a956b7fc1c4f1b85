"""The OTLP exporters of OpenTelemetry, imported when asked for."""

from __future__ import annotations

import difflib
import os
from importlib import import_module
from typing import Any

from hystrixpy.errors import PropertyError

__all__ = ["PROTOCOLS", "import_extra", "metric_exporter", "protocol_of_environment", "span_exporter"]

PROTOCOLS = {"grpc": "grpc", "http": "http", "http/protobuf": "http"}
_VARIABLES = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def metric_exporter(protocol: str, endpoint: str | None = None, **kwargs: Any) -> Any:
    """The OTLP metric exporter for a protocol and a base URL; None leaves both to the environment."""
    flavour = checked_protocol(protocol)
    module = import_extra(f"opentelemetry.exporter.otlp.proto.{flavour}.metric_exporter")
    return module.OTLPMetricExporter(endpoint=_endpoint(flavour, endpoint, "v1/metrics"), **kwargs)


def span_exporter(protocol: str, endpoint: str | None = None) -> Any:
    """The same for spans."""
    flavour = checked_protocol(protocol)
    module = import_extra(f"opentelemetry.exporter.otlp.proto.{flavour}.trace_exporter")
    return module.OTLPSpanExporter(endpoint=_endpoint(flavour, endpoint, "v1/traces"))


def protocol_of_environment() -> str:
    """The protocol that the environment names, else gRPC."""
    return next((value for name in _VARIABLES if (value := os.environ.get(name, "").strip())), "grpc")


def checked_protocol(protocol: str) -> str:
    """`grpc` or `http`, or a PropertyError that names the nearest."""
    if protocol not in PROTOCOLS:
        near = difflib.get_close_matches(str(protocol), PROTOCOLS, n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PropertyError(f"unknown OTLP protocol {protocol!r}: it is 'grpc' or 'http'{hint}")
    return PROTOCOLS[protocol]


def import_extra(module: str) -> Any:
    """Import what only the extra `otlp` brings."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"sending OTLP needs OpenTelemetry's SDK and exporters ({error}): pip install 'hystrixpy[otlp]'"
        ) from error


def _endpoint(flavour: str, endpoint: str | None, path: str) -> str | None:
    """gRPC takes the URL as it is; over HTTP the URL is the base, as in OTEL_EXPORTER_OTLP_ENDPOINT."""
    if endpoint is None or flavour == "grpc":
        return endpoint
    return endpoint if endpoint.rstrip("/").endswith(path) else f"{endpoint.rstrip('/')}/{path}"
