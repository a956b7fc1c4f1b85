"""Every instrument hystrixpy exports, once: the instruments and docs/metrics.md are both made from this table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["COLLAPSER_KEY", "COMMAND_GROUP", "COMMAND_KEY", "EVENT", "INSTRUMENTS", "POOL_KEY", "STATE", "Instrument"]

COMMAND_KEY = "hystrix.command.key"
COMMAND_GROUP = "hystrix.command.group"
POOL_KEY = "hystrix.thread_pool.key"
COLLAPSER_KEY = "hystrix.collapser.key"
EVENT = "hystrix.event"
STATE = "hystrix.circuit_breaker.state"

Kind = Literal["counter", "up-down counter", "gauge", "histogram"]
COMMAND = (COMMAND_KEY, COMMAND_GROUP)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One row: what an instrument is called, what it counts and what its points are told apart by."""

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    meaning: str


INSTRUMENTS = (
    Instrument(
        "hystrix.command.events",
        "counter",
        "{event}",
        (*COMMAND, EVENT),
        "What happened to commands; only events that did happen have a point. "
        "exception_thrown is derived from others, so do not sum over the attribute.",
    ),
    Instrument(
        "hystrix.command.duration",
        "histogram",
        "s",
        COMMAND,
        "Wait in the queue plus run, without the fallback, of every execution that started.",
    ),
    Instrument(
        "hystrix.command.total_duration",
        "histogram",
        "s",
        COMMAND,
        "What the caller waited, fallback included, of every execution that started.",
    ),
    Instrument(
        "hystrix.command.active",
        "up-down counter",
        "{execution}",
        COMMAND,
        "Executions whose caller still waits.",
    ),
    Instrument(
        "hystrix.command.abandoned",
        "up-down counter",
        "{execution}",
        COMMAND,
        "Runs whose caller has given up and that have not returned yet; each holds a slot.",
    ),
    Instrument(
        "hystrix.circuit_breaker.state",
        "gauge",
        "{circuit}",  # not "1": collectors make _ratio of that
        (*COMMAND, STATE),
        "1 for the state the breaker is in, 0 for the two others: closed, open, half_open.",
    ),
    Instrument(
        "hystrix.circuit_breaker.transitions",
        "counter",
        "{transition}",
        (*COMMAND, STATE),
        "How often the breaker entered the state of the attribute.",
    ),
    Instrument(
        "hystrix.circuit_breaker.error_percentage",
        "gauge",
        "%",
        COMMAND,
        "Failed share of the calls in the breaker's rolling window, truncated to a whole number.",
    ),
    Instrument(
        "hystrix.thread_pool.active",
        "up-down counter",
        "{thread}",
        (POOL_KEY,),
        "Threads at work, abandoned runs included.",
    ),
    Instrument("hystrix.thread_pool.size", "up-down counter", "{thread}", (POOL_KEY,), "Threads alive."),
    Instrument(
        "hystrix.thread_pool.max_size", "up-down counter", "{thread}", (POOL_KEY,), "Threads the pool may have at most."
    ),
    Instrument(
        "hystrix.thread_pool.queue_size", "up-down counter", "{task}", (POOL_KEY,), "Executions waiting for a thread."
    ),
    Instrument("hystrix.thread_pool.completed", "counter", "{task}", (POOL_KEY,), "Runs the pool has finished."),
    Instrument(
        "hystrix.thread_pool.rejected", "counter", "{task}", (POOL_KEY,), "Executions that the full pool refused."
    ),
    Instrument("hystrix.collapser.batches", "counter", "{batch}", (COLLAPSER_KEY,), "Batches sent."),
    Instrument(
        "hystrix.collapser.batched_requests", "counter", "{request}", (COLLAPSER_KEY,), "Requests in those batches."
    ),
    Instrument("hystrix.collapser.batch_size", "histogram", "{request}", (COLLAPSER_KEY,), "Requests per batch."),
    Instrument(
        "hystrix.properties.reload_errors",
        "counter",
        "{error}",
        (),
        "Property sources that could not be read again; the last good values stayed in force.",
    ),
)
