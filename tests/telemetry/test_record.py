"""Durations recorded call by call: explicit buckets, exemplars, and no native twin of the same name."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from hystrixpy.demo.receiver import Receiver

PROGRAM = """
import asyncio
from hystrixpy import AsyncCommand, command, telemetry

handle = telemetry.setup({endpoint!r}, "http", interval=60, histograms="record")

@command(isolation="semaphore")
def inline(x): return 1 / x

@command
def threaded(x): return 1 / x

class Async(AsyncCommand):
    async def run(self): return 1

for x in (1, 2, 0):
    for call in (inline, threaded):
        try: call(x)
        except ZeroDivisionError: pass
asyncio.run(Async().execute())
{more}
handle.shutdown()
"""


def run(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        env=os.environ | {"OTEL_METRICS_EXEMPLAR_FILTER": "trace_based"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["hystrix.command.duration", "hystrix.command.total_duration"])
def test_every_execution_is_recorded_once(name: str) -> None:
    """On every driver, failures too; short circuits not, for they never started."""
    more = "import hystrixpy\nhystrixpy.circuit_breaker('inline').force_open()\ntry: inline(1)\nexcept Exception: pass"
    with Receiver("http") as receiver:
        run(PROGRAM.format(endpoint=receiver.endpoint, more=more))
        points = receiver.received.last(name)
    counts = {point.attributes["hystrix.command.key"]: point.histogram.count for point in points if point.histogram}
    assert counts == {"inline": 3, "threaded": 3, "Async": 1}
    assert {point.kind for point in points} == {"histogram"}
    assert points[0].histogram is not None
    assert points[0].histogram.bounds[:2] == (0.0005, 0.001)


def test_exemplars_lead_to_the_span_of_the_execution() -> None:
    """What the collector gets names a trace that it gets, too."""
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

    with Receiver("http") as receiver:
        bodies: list[bytes] = []
        accept = receiver._accept

        def keep(path: str, body: bytes) -> bytes | None:
            if path == "/v1/metrics":
                bodies.append(body)
            return accept(path, body)

        receiver._accept = keep  # the parsed points of the receiver have no exemplars
        receiver.stop()
        receiver.start()
        run(PROGRAM.format(endpoint=receiver.endpoint, more=""))
        spans = {span.span_id for span in receiver.received.spans_named("inline")}
    exemplars = {
        exemplar.span_id.hex()
        for body in bodies
        for resource in metrics_service_pb2.ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "hystrix.command.duration"
        for point in metric.histogram.data_points
        if point.attributes[0].value.string_value == "inline"
        for exemplar in point.exemplars
    }
    assert exemplars
    assert exemplars <= spans
