"""A forked child tells the collector its own counts: nothing of the parent's twice, nothing negative."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

import hystrixpy
from hystrixpy.collapser.numbers import metrics_for
from hystrixpy.demo.receiver import Receiver
from hystrixpy.hooks import chain, listeners
from hystrixpy.telemetry.exporter import NativeHistogramExporter
from tests.telemetry.apps import succeed
from tests.telemetry.fakes import MemoryExporter

if TYPE_CHECKING:
    from collections.abc import Callable

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


def forked_holding(locks: list[Any], work: Callable[[], object]) -> int:
    """The exit status of a child that does `work`, forked while another thread, as it were, held the locks."""
    with contextlib.ExitStack() as held:
        for lock in locks:
            held.enter_context(lock)
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_an_export_under_way_in_the_parent_does_not_hold_up_the_child() -> None:
    """With a dead collector one is under way most of the time."""
    exporter = NativeHistogramExporter(MemoryExporter())
    locks = [exporter._lock, exporter._producer._lock]
    assert forked_holding(locks, lambda: exporter._producer.produce() is None and not exporter._lock.locked()) == 0


def test_a_batch_that_is_counted_in_the_parent_does_not_hold_up_the_child() -> None:
    """The child reads the sizes of batches as soon as it is forked."""
    numbers = metrics_for("Forked")
    numbers.batch_sent(3)
    assert forked_holding([numbers._lock], lambda: numbers.batch_size_cumulative.total == 3) == 0


def test_hooks_and_listeners_can_be_added_in_a_child() -> None:
    """Whatever the parent's threads were at."""

    class Both(hystrixpy.CommandHook):
        def on_start(self, command: Any) -> None: ...
        def on_event(self, event: Any, key: str) -> None: ...

    def add() -> bool:
        hystrixpy.add_hook(both := Both())
        hystrixpy.add_listener(both)
        return both in chain.chain.hooks and both in listeners._told.listeners

    assert forked_holding([chain._lock, listeners._lock], add) == 0
