"""The OTLP exporters of OpenTelemetry, imported when asked for."""

from __future__ import annotations

import difflib
import os
from importlib import import_module
from typing import Any

from hystrixpy.errors import PropertyError

__all__ = [
    "PROTOCOLS",
    "checked_endpoint",
    "checked_protocol",
    "import_extra",
    "metric_exporter",
    "protocol_of_environment",
    "span_exporter",
]

PROTOCOLS = {"grpc": "grpc", "http": "http", "http/protobuf": "http"}


def metric_exporter(protocol: str, endpoint: str | None = None, **kwargs: Any) -> Any:
    """The OTLP metric exporter for a protocol and a base URL; None leaves both to the environment."""
    flavour = PROTOCOLS[protocol]
    module = import_extra(f"opentelemetry.exporter.otlp.proto.{flavour}.metric_exporter")
    return module.OTLPMetricExporter(endpoint=_endpoint(flavour, endpoint, "v1/metrics"), **kwargs)


def span_exporter(protocol: str, endpoint: str | None = None) -> Any:
    """The same for spans."""
    flavour = PROTOCOLS[protocol]
    module = import_extra(f"opentelemetry.exporter.otlp.proto.{flavour}.trace_exporter")
    return module.OTLPSpanExporter(endpoint=_endpoint(flavour, endpoint, "v1/traces"))


def protocol_of_environment(signal: str) -> str:
    """The protocol that the environment names for a signal (``METRICS``, ``TRACES``) or for all, else gRPC."""
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if value := os.environ.get(name, "").strip():
            return checked_protocol(value, f" ({name})", "http/protobuf")  # what the SDK's own exporters take, too
    return "grpc"


def checked_protocol(protocol: str, origin: str = "", http: str = "http") -> str:
    """The protocol as it is, or a PropertyError that names the nearest; `http` is what one of them is called there."""
    if not isinstance(protocol, str) or protocol not in PROTOCOLS:
        near = difflib.get_close_matches(str(protocol).lower(), ("grpc", http), n=1, cutoff=0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PropertyError(f"unknown OTLP protocol {protocol!r}{origin}: it is 'grpc' or {http!r}{hint}")
    return protocol


def checked_endpoint(endpoint: str | None, protocol: str) -> str | None:
    """The endpoint as it is, or a PropertyError for what would fail at each export only."""
    if endpoint is None:
        return None
    if not isinstance(endpoint, str) or not endpoint.strip():
        raise PropertyError(f"endpoint is {endpoint!r}: it must be the URL of a collector, as 'http://localhost:4317'")
    if PROTOCOLS[protocol] == "http" and not endpoint.lower().startswith(("http://", "https://")):
        raise PropertyError(f"endpoint is {endpoint!r}: over HTTP it must be a URL; did you mean 'http://{endpoint}'?")
    return endpoint


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
    base = endpoint.rstrip("/")
    for signal in ("/v1/metrics", "/v1/traces"):  # the URL of one signal leads to the other, too
        base = base.removesuffix(signal)
    return f"{base}/{path}"
