"""What each observable instrument answers when a reader asks: one function per row of the table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from opentelemetry.metrics import Observation

from hystrixpy.events import CircuitState, EventType
from hystrixpy.telemetry.ledger import Ledger
from hystrixpy.telemetry.table import COLLAPSER_KEY, COMMAND_GROUP, COMMAND_KEY, EVENT, POOL_KEY, STATE

__all__ = ["OBSERVERS", "Observer"]

_log = logging.getLogger("hystrixpy")

Observer = Callable[[Ledger], Iterable[Observation]]
_STATES = tuple(state.value for state in (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN))
_EVENTS = tuple(event.name.lower() for event in EventType)


def _events(ledger: Ledger) -> Iterator[Observation]:
    for (key, group), counts in ledger.events().items():
        for name, count in zip(_EVENTS, counts, strict=True):
            if count:
                yield Observation(count, {COMMAND_KEY: key, COMMAND_GROUP: group, EVENT: name})


def _transitions(ledger: Ledger) -> Iterator[Observation]:
    # Zeros too: Prometheus' increase() sees the first opening only if the series existed before it.
    for (key, group), counts in ledger.column("transitions").items():
        for name, count in zip(_STATES, counts, strict=True):
            yield Observation(count, {COMMAND_KEY: key, COMMAND_GROUP: group, STATE: name})


def _state(ledger: Ledger) -> Iterator[Observation]:
    for circuit, state in _alive(ledger.source.circuits()[0], lambda circuit: circuit.state):
        for number, name in enumerate(_STATES):
            attributes = {COMMAND_KEY: circuit.key, COMMAND_GROUP: circuit.group, STATE: name}
            yield Observation(int(state == number), attributes)


def _error_percentage(circuit: Any) -> int:
    total, errors = circuit.health()
    return int(100 * errors // total) if total else 0


def _of_circuits(read: Callable[[Any], int]) -> Observer:
    def observe(ledger: Ledger) -> Iterator[Observation]:
        for circuit, value in _alive(ledger.source.circuits()[0], read):
            yield Observation(value, {COMMAND_KEY: circuit.key, COMMAND_GROUP: circuit.group})

    return observe


def _of_pools(name: str) -> Observer:
    def observe(ledger: Ledger) -> Iterator[Observation]:
        for pool, value in _alive(ledger.source.pools()[0], lambda pool: getattr(pool, name)):
            yield Observation(value, {POOL_KEY: pool.key})

    return observe


def _sum_of(column: str, index: int, attribute: str) -> Observer:
    def observe(ledger: Ledger) -> Iterator[Observation]:
        for (key,), counts in ledger.column(column).items():
            yield Observation(counts[index], {attribute: key})

    return observe


def _reload_errors(ledger: Ledger) -> Iterator[Observation]:
    yield Observation(ledger.source.reload_errors())


def _alive(owners: Iterable[Any], read: Callable[[Any], Any]) -> Iterator[tuple[Any, Any]]:
    """Each owner with its reading. One that fails is left out: it must not take the others with it."""
    for owner in owners:
        try:
            value = read(owner)
        except Exception:
            _log.debug("a gauge of %r cannot be read", owner.key, exc_info=True)
        else:
            yield owner, value


OBSERVERS: dict[str, Observer] = {
    "hystrix.command.events": _events,
    "hystrix.command.active": _of_circuits(lambda circuit: circuit.active),
    "hystrix.command.abandoned": _of_circuits(lambda circuit: circuit.abandoned),
    "hystrix.circuit_breaker.state": _state,
    "hystrix.circuit_breaker.transitions": _transitions,
    "hystrix.circuit_breaker.error_percentage": _of_circuits(_error_percentage),
    "hystrix.thread_pool.active": _of_pools("active"),
    "hystrix.thread_pool.size": _of_pools("size"),
    "hystrix.thread_pool.max_size": _of_pools("max_size"),
    "hystrix.thread_pool.queue_size": _of_pools("queue_size"),
    "hystrix.thread_pool.completed": _sum_of("pools", 0, POOL_KEY),
    "hystrix.thread_pool.rejected": _sum_of("pools", 1, POOL_KEY),
    "hystrix.collapser.batches": _sum_of("batches", 0, COLLAPSER_KEY),
    "hystrix.collapser.batched_requests": _sum_of("batches", 1, COLLAPSER_KEY),
    "hystrix.properties.reload_errors": _reload_errors,
}
