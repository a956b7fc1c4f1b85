"""What a reader collects from the instruments, on circuits that a test fills by hand."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from hystrixpy.events import EventType
from hystrixpy.telemetry.ledger import Ledger
from hystrixpy.telemetry.observe import OBSERVERS
from hystrixpy.telemetry.table import INSTRUMENTS
from tests.telemetry.fakes import CUMULATIVE, DELTA, FakeCircuit, FakeCollapser, FakePool, FakeSource, Reader

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import AggregationTemporality


def test_every_row_of_the_table_is_observed_or_a_histogram() -> None:
    """No instrument is documented that nobody answers for, and none answers undocumented."""
    assert {row.name for row in INSTRUMENTS if row.kind != "histogram"} == set(OBSERVERS)


def test_events_that_happened_have_a_point_each_and_others_none() -> None:
    """The attribute is the event's name in lower case; EXCEPTION_THROWN is the sum of its parts."""
    circuit = FakeCircuit("GetUser", "users")
    circuit.count(EventType.SUCCESS, 7)
    circuit.count(EventType.BAD_REQUEST, 2)
    circuit.count(EventType.FALLBACK_MISSING, 3)
    seen = Reader(Ledger(FakeSource(circuit))).collect()
    assert seen.values("hystrix.command.events") == {
        ("GetUser", "users", "success"): 7,
        ("GetUser", "users", "bad_request"): 2,
        ("GetUser", "users", "fallback_missing"): 3,
        ("GetUser", "users", "exception_thrown"): 5,
    }


@pytest.mark.parametrize(("state", "name"), [(0, "closed"), (1, "open"), (2, "half_open")])
def test_state_has_one_point_per_state(state: int, name: str) -> None:
    """1 for the present state and 0 for the two others."""
    seen = Reader(Ledger(FakeSource(FakeCircuit("a", state=state)))).collect()
    expected = {("a", "g", other): int(other == name) for other in ("closed", "open", "half_open")}
    assert seen.values("hystrix.circuit_breaker.state") == expected


def test_gauges_of_a_circuit() -> None:
    """Active, abandoned and the truncated error percentage."""
    circuit = FakeCircuit("a", active=3, abandoned=2, rolling=(3, 2), transitions=(1, 2, 1))
    seen = Reader(Ledger(FakeSource(circuit))).collect()
    assert seen.values("hystrix.command.active") == {("a", "g"): 3}
    assert seen.values("hystrix.command.abandoned") == {("a", "g"): 2}
    assert seen.values("hystrix.circuit_breaker.error_percentage") == {("a", "g"): 66}
    transitions = {("a", "g", "closed"): 1, ("a", "g", "open"): 2, ("a", "g", "half_open"): 1}
    assert seen.values("hystrix.circuit_breaker.transitions") == transitions


def test_pools_and_collapsers() -> None:
    """Each number arrives under its own name with the key of its pool or collapser."""
    source = FakeSource()
    source.alive["pools"].append(FakePool("p", active=1, size=2, max_size=3, queue_size=4, completed=5, rejected=6))
    source.alive["collapsers"].append(FakeCollapser("c", batches=7, batched_requests=8))
    source.errors = 9
    seen = Reader(Ledger(source)).collect()
    for number, name in enumerate(("active", "size", "max_size", "queue_size", "completed", "rejected"), start=1):
        assert seen.values(f"hystrix.thread_pool.{name}") == {("p",): number}
    assert seen.values("hystrix.collapser.batches") == {("c",): 7}
    assert seen.values("hystrix.collapser.batched_requests") == {("c",): 8}
    assert seen.values("hystrix.properties.reload_errors") == {(): 9}


@pytest.mark.parametrize("temporality", [CUMULATIVE, DELTA], ids=["cumulative", "delta"])
def test_a_reset_never_takes_counts_back(temporality: AggregationTemporality) -> None:
    """What a torn-down circuit counted stays in the sum, collected before or not; a delta is never negative."""
    source = FakeSource(circuit := FakeCircuit("a"))
    reader = Reader(Ledger(source), temporality)
    circuit.count(EventType.SUCCESS, 10)
    assert reader.collect().values("hystrix.command.events") == {("a", "g", "success"): 10}
    circuit.count(EventType.SUCCESS, 5)
    source.reset()
    source.add(FakeCircuit("a")).count(EventType.SUCCESS, 1)
    told = reader.collect().values("hystrix.command.events")
    assert told == {("a", "g", "success"): 16 if temporality is CUMULATIVE else 6}


def test_a_circuit_that_cannot_be_read_leaves_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """Its points are missing for that collection, are right again afterwards, and it is logged once."""
    source = FakeSource(good := FakeCircuit("good"), bad := FakeCircuit("bad"))
    good.count(EventType.SUCCESS, 1)
    bad.count(EventType.SUCCESS, 2)
    reader = Reader(Ledger(source), DELTA)
    bad.broken = True
    with caplog.at_level(logging.ERROR, "hystrixpy"):
        for _ in range(2):
            assert ("bad", "g", "success") not in reader.collect().values("hystrix.command.events")
    assert len([record for record in caplog.records if "events of 'bad'" in record.message]) == 1
    bad.broken = False
    assert reader.collect().values("hystrix.command.events")["bad", "g", "success"] == 2


def test_two_readers_each_see_everything_once() -> None:
    """Collecting has no side effect: a second reader, added late, begins with the whole count."""
    source = FakeSource(circuit := FakeCircuit("a"))
    ledger = Ledger(source)
    first = Reader(ledger, DELTA)
    circuit.count(EventType.SUCCESS, 10)
    first.collect()
    late = Reader(ledger, DELTA)
    circuit.count(EventType.SUCCESS, 1)
    assert first.collect().values("hystrix.command.events") == {("a", "g", "success"): 1}
    assert late.collect().values("hystrix.command.events") == {("a", "g", "success"): 11}
