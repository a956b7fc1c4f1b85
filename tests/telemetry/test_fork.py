"""A forked child tells the collector its own counts: nothing of the parent's twice, nothing negative."""

from __future__ import annotations

import pytest

from hystrixpy.demo.receiver import Receiver
from tests.telemetry.apps import succeed

EVENTS = "hystrix.command.events"
DURATION = "hystrix.command.duration"

FORK = """
import os, threading
circuit.count(EventType.SUCCESS, 10); circuit.record(5, 10)
{before}
circuit.count(EventType.SUCCESS, 5); circuit.record(5, 5)   # since the last collection
if (child := os.fork()) == 0:
    for thread in threading.enumerate():   # the one that makes the instruments anew
        if thread.name == "hystrix-telemetry":
            thread.join()
    {after}
    circuit.count(EventType.SUCCESS, 1); circuit.record(5, 1)
    handle.flush()
    circuit.count(EventType.SUCCESS, 2); circuit.record(5, 2)
    handle.flush()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0
{parent}
"""


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_a_pipeline_that_was_inherited(temporality: str) -> None:
    """Made in the parent (preload): parent and child are two instances, and their totals add up to the truth."""
    with Receiver("http") as receiver:
        setup = f"handle = setup({receiver.endpoint!r}, 'http', interval=60, traces=False)"
        code = FORK.format(before=f"{setup}\nassert handle.flush()", after="", parent="handle.shutdown()")
        succeed(code, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality)
        received = receiver.received
    assert all(point.value >= 0 for point in received.find(EVENTS))
    by_instance = {point.resource["service.instance.id"] for point in received.find(EVENTS)}
    assert len(by_instance) == 2
    assert received.total(EVENTS) == 18
    assert received.histogram_count(DURATION) == 18


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_a_pipeline_of_its_own(temporality: str) -> None:
    """Made in the child (the recipe): it tells the child's own counts, whatever the parent counted before."""
    with Receiver("http") as receiver:
        setup = f"handle = setup({receiver.endpoint!r}, 'http', interval=60, traces=False)"
        code = FORK.format(before="wiring.bind()", after=setup, parent="")
        succeed(code, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality)
        received = receiver.received
    assert received.total(EVENTS) == 3
    assert received.histogram_count(DURATION) == 3
