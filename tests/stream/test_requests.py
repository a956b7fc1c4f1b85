"""The request stream: one array per finished request, as Hystrix tells it, and only while somebody watches."""

from __future__ import annotations

import json
from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy.events import EventType as E
from hystrixpy.stream import requests
from hystrixpy.stream.channel import LIMIT, Full
from hystrixpy.stream.requests import RequestChannel, request_event
from hystrixpy.stream.wire import PING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def executed(
    key: str, *events: E, latency: float | None = 0.012, counts: dict[E, int] | None = None, **more: Any
) -> Any:
    """A command with an execution as ``cmd.execution`` shows it."""
    execution = SimpleNamespace(
        command_key=key,
        events=events,
        event_counts=dict(Counter(events)) | (counts or {}),
        latency=latency,
        is_from_cache=E.RESPONSE_FROM_CACHE in events,
        number_collapsed=more.get("number_collapsed", 0),
        collapser_key=more.get("collapser_key"),
    )
    return SimpleNamespace(execution=execution, cache_key=more.get("cache_key", lambda: None))


def hit(key: str, *events: E, **more: Any) -> Any:
    """What shares the outcome of an identical command."""
    return executed(key, *events, E.RESPONSE_FROM_CACHE, latency=None, **more)


def test_equal_executions_are_merged() -> None:
    """Same command, same events: one entry with both latencies."""
    told = request_event([executed("Foo", E.SUCCESS), executed("Foo", E.SUCCESS, latency=0.0215)])
    assert told == [{"name": "Foo", "events": ["SUCCESS"], "latencies": [12, 21]}]


def test_different_outcomes_stay_apart() -> None:
    """Events in enum order, as the execution has them."""
    told = request_event([executed("Foo", E.SUCCESS), executed("Foo", E.TIMEOUT, E.FALLBACK_MISSING)])
    assert [entry["events"] for entry in told] == [["SUCCESS"], ["TIMEOUT", "FALLBACK_MISSING"]]


def test_cache_hits_are_counted_at_their_original() -> None:
    """No entry of their own, no latency."""
    told = request_event([executed("Foo", E.SUCCESS), hit("Foo", E.SUCCESS), hit("Foo", E.SUCCESS)])
    assert told == [{"name": "Foo", "events": ["SUCCESS"], "latencies": [12], "cached": 2}]


def test_original_that_was_hit_stands_for_itself() -> None:
    """As in Hystrix: of three equal executions the one with hits is told apart, by its cache key."""
    one, two, three = (executed("Foo", E.SUCCESS, cache_key=lambda n=n: str(n)) for n in range(3))
    told = request_event([one, two, hit("Foo", E.SUCCESS, cache_key=lambda: "1"), three])
    assert told == [
        {"name": "Foo", "events": ["SUCCESS"], "latencies": [12, 12]},
        {"name": "Foo", "events": ["SUCCESS"], "latencies": [12], "cached": 1},
    ]


def test_hits_of_a_failure_are_not_those_of_a_success() -> None:
    """The cache was cleared in between: the same cache key, two originals with different ends."""
    at = {"cache_key": lambda: "1"}
    commands = [executed("Foo", E.FAILURE, **at), executed("Foo", E.SUCCESS, **at), hit("Foo", E.SUCCESS, **at)]
    assert [entry.get("cached") for entry in request_event(commands)] == [None, 1]


def test_cache_keys_are_asked_only_where_something_was_hit() -> None:
    """They are the application's code."""

    def never() -> str:
        raise AssertionError

    hits = [executed("Foo", E.SUCCESS), hit("Foo", E.SUCCESS)]
    assert len(request_event([*hits, executed("Bar", E.SUCCESS, cache_key=never)])) == 2


@pytest.mark.parametrize("answer", [lambda: 1 / 0, lambda: []], ids=["raises", "unhashable"])
def test_cache_key_that_cannot_be_told_costs_nothing_else(answer: Any) -> None:
    """A key that reads what went with the request: the hit counts at the first execution of its kind."""
    told = request_event([executed("Foo", E.SUCCESS, cache_key=answer), hit("Foo", E.SUCCESS, cache_key=answer)])
    assert told == [{"name": "Foo", "events": ["SUCCESS"], "latencies": [12], "cached": 1}]


def test_collapsed_batch_names_its_collapser() -> None:
    """COLLAPSED is left out of the events and told beside them."""
    batch = executed("Batch", E.SUCCESS, E.COLLAPSED, number_collapsed=3, collapser_key="UserById")
    assert request_event([batch]) == [
        {"name": "Batch", "events": ["SUCCESS"], "latencies": [12], "collapsed": {"name": "UserById", "count": 3}}
    ]


def test_repeated_events_carry_their_count() -> None:
    """Three emits are one object."""
    told = request_event([executed("Foo", E.EMIT, E.SUCCESS, counts={E.EMIT: 3})])
    assert told[0]["events"] == [{"name": "EMIT", "count": 3}, "SUCCESS"]


class Scope:
    """Who delivers finished requests; counts its listeners."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Iterable[Any]], None]] = []

    def listen(self, deliver: Callable[[Iterable[Any]], None]) -> Callable[[], None]:
        self.listeners.append(deliver)
        return lambda: self.listeners.remove(deliver)

    def end(self, *executed: Any) -> None:
        for listener in list(self.listeners):
            listener(executed)


def names(sample: bytes) -> list[str]:
    events = [json.loads(part[6:]) for part in sample.split(b"\n\n") if part.startswith(b"data: ")]
    return [event[0]["name"] for event in events]


def test_nobody_watches_nothing_is_listened_to() -> None:
    """The first client starts the delivery, the last one ends it."""
    scope = Scope()
    channel = RequestChannel(scope.listen)
    assert scope.listeners == []
    one, two = channel.subscribe({}), channel.subscribe({})
    assert len(scope.listeners) == 1
    one.close()
    one.close()
    assert len(scope.listeners) == 1
    two.close()
    assert scope.listeners == []


def test_each_client_gets_each_request_once() -> None:
    """From its own beginning, in order, then keep-alives."""
    scope = Scope()
    channel = RequestChannel(scope.listen)
    early = channel.subscribe({})
    scope.end(executed("A", E.SUCCESS))
    late = channel.subscribe({})
    scope.end(executed("B", E.SUCCESS))
    assert names(early.poll(1)) == ["A", "B"]
    assert names(late.poll(1)) == ["B"]
    assert early.poll(2) == PING


def test_slow_reader_costs_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is lost from the old end, and nothing comes twice."""
    monkeypatch.setattr(requests, "_MOST_BYTES", 500)
    scope = Scope()
    channel = RequestChannel(scope.listen)
    client = channel.subscribe({})
    for number in range(100):
        scope.end(executed(f"N{number}", E.SUCCESS))
    got = names(client.poll(1))
    assert 0 < len(got) < 10
    assert got == [f"N{number}" for number in range(100 - len(got), 100)]
    assert client.poll(2) == PING


def test_empty_requests_are_not_told() -> None:
    """A request that executed nothing is no news."""
    scope = Scope()
    client = RequestChannel(scope.listen).subscribe({})
    scope.end()
    assert client.poll(1) == PING


def test_sixth_client_is_refused() -> None:
    """As with the other streams."""
    channel = RequestChannel(Scope().listen)
    for _ in range(LIMIT):
        channel.subscribe({})
    with pytest.raises(Full):
        channel.subscribe({})
