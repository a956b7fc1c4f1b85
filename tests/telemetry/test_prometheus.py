"""Without a collector: Prometheus scrapes the process, through OpenTelemetry's own exporter."""

from __future__ import annotations

import re
from urllib.request import urlopen

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, start_http_server

from hystrixpy.events import EventType
from hystrixpy.telemetry.instruments import Binding
from hystrixpy.telemetry.ledger import Ledger
from hystrixpy.telemetry.reference import prometheus_name
from hystrixpy.telemetry.table import INSTRUMENTS
from tests.telemetry.fakes import FakeCircuit, FakeCollapser, FakePool, FakeSource


def test_a_scrape_has_every_number_under_the_documented_name() -> None:
    """All instruments but the histograms, with their values and labels."""
    source = FakeSource(circuit := FakeCircuit("GetUser", "users", state=1))
    source.alive["pools"].append(FakePool("users", completed=4))
    source.alive["collapsers"].append(FakeCollapser("UserById", batches=2))
    circuit.count(EventType.SUCCESS, 7)
    reader = PrometheusMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    Binding(provider, Ledger(source), None)
    server, thread = start_http_server(0, "127.0.0.1", REGISTRY)
    try:
        text = urlopen(f"http://127.0.0.1:{server.server_port}/metrics").read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        provider.shutdown()
    told = set(re.findall(r"^(hystrix_\w+)", text, re.MULTILINE))
    assert told == {prometheus_name(row) for row in INSTRUMENTS if row.kind != "histogram"}
    assert re.search(r'^hystrix_command_events_total\{.*hystrix_command_key="GetUser".*\} 7\.0$', text, re.MULTILINE)
    assert re.search(r'^hystrix_circuit_breaker_state\{.*_state="open".*\} 1\.0$', text, re.MULTILINE)
