"""The request stream: one JSON array per finished request context, while somebody watches."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Protocol

from hystrixpy.events import EventType
from hystrixpy.stream.channel import Slots, Subscription
from hystrixpy.stream.wire import PING, data_event, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

__all__ = ["RequestChannel", "request_event"]

_MOST_BYTES = 4 << 20
"""What is kept for slow readers; older requests go first."""


class ExecutionView(Protocol):
    """The parts of ``cmd.execution`` that the request stream tells."""

    command_key: str
    events: tuple[EventType, ...]
    event_counts: Mapping[EventType, int]
    latency: float | None
    is_from_cache: bool
    number_collapsed: int
    collapser_key: str | None


class CommandView(Protocol):
    """An executed command."""

    @property
    def execution(self) -> ExecutionView: ...
    def cache_key(self) -> Hashable | None: ...


def request_event(commands: Iterable[CommandView]) -> list[dict[str, Any]]:
    """The executions of one request as Hystrix tells them: equal ones merged, cache hits counted at their original.

    An original that was hit stands for itself, so that one sees which of many was asked for again.
    """
    executed = [(command, command.execution) for command in commands]
    hit_keys = {execution.command_key for _, execution in executed if execution.is_from_cache}
    # A cache key is the application's code: it is asked only where it makes a difference.
    shaped = [
        ((_shape(execution), _cache_key(command) if execution.command_key in hit_keys else None), execution)
        for command, execution in executed
    ]
    hits = Counter(place for place, execution in shaped if execution.is_from_cache)
    entries: dict[tuple[Any, ...], dict[str, Any]] = {}
    for place, execution in shaped:
        kind = place if place in hits else place[:1]
        entry = entries.setdefault(kind, {"first": execution, "latencies": [], "cached": hits[place]})
        if not execution.is_from_cache:
            entry["latencies"].append(milliseconds(execution.latency))
    return [_entry(**entry) for entry in entries.values()]


def _cache_key(command: CommandView) -> Hashable | None:
    """As in Hystrix, the command is asked once more; None if it cannot answer without its request."""
    try:
        key = command.cache_key()
        hash(key)
    except Exception:
        return None
    return key


def _shape(execution: ExecutionView) -> tuple[Any, ...]:
    """What executions must share to be told as one."""
    shown = tuple((event, execution.event_counts.get(event, 1)) for event in _told(execution))
    return execution.command_key, shown, execution.collapser_key, execution.number_collapsed


def _entry(first: ExecutionView, latencies: list[int], cached: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": first.command_key,
        "events": [_event(event, first.event_counts.get(event, 1)) for event in _told(first)],
        "latencies": latencies,
    }
    if cached:
        entry["cached"] = cached
    if first.collapser_key is not None:
        entry["collapsed"] = {"name": first.collapser_key, "count": first.number_collapsed}
    return entry


def _told(execution: ExecutionView) -> list[EventType]:
    hidden = (EventType.COLLAPSED, EventType.RESPONSE_FROM_CACHE)
    return [event for event in execution.events if event not in hidden]


def _event(event: EventType, count: int) -> str | dict[str, Any]:
    return event.name if count == 1 else {"name": event.name, "count": count}


class RequestChannel:
    """Keeps the latest requests for its clients. Without clients it listens to nothing and costs nothing.

    ``listen(callback)`` starts the delivery of finished requests' commands and returns what stops it.
    """

    def __init__(self, listen: Callable[[Callable[[Iterable[Any]], None]], Callable[[], None]]) -> None:
        self._listen = listen
        self.forget()

    def forget(self) -> None:
        """Start anew, without clients: in a forked child another thread may have held the locks."""
        self._slots = Slots()
        self._lock = threading.Lock()
        self._recent: deque[bytes] = deque()
        self._bytes = 0
        self._last = 0
        self._clients = 0
        self._stop: Callable[[], None] | None = None

    def subscribe(self, _query: Mapping[str, str]) -> Subscription:
        """A place for a client, or ``Full``; it gets what finishes from now on."""
        release = self._slots.take()
        with self._lock:
            self._clients += 1
            if self._clients == 1:
                self._stop = self._listen(self.add)
            return _Requests(self, release, self._last)

    def add(self, commands: Iterable[CommandView]) -> None:
        """Called in the thread that ends a request: written out at once, so that no execution is kept."""
        told = request_event(commands)
        if not told:
            return
        event = data_event(told)
        with self._lock:
            self._recent.append(event)
            self._bytes += len(event)
            self._last += 1
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._recent.popleft())

    def since(self, seen: int) -> tuple[int, bytes]:
        """(the number of the latest event, the kept events after number ``seen``)."""
        with self._lock:
            missed = min(self._last - seen, len(self._recent))
            start = len(self._recent) - missed
            return self._last, b"".join(self._recent[i] for i in range(start, len(self._recent)))

    def left(self) -> None:
        """A client is gone; the last one turns off the light."""
        with self._lock:
            self._clients -= 1
            if self._clients == 0 and self._stop is not None:
                self._stop()
                self._recent.clear()
                self._bytes = 0


class _Requests:
    def __init__(self, channel: RequestChannel, release: Callable[[], None], seen: int) -> None:
        self._channel = channel
        self._release = release
        self._seen = seen
        self._open = [True]

    def poll(self, _tick: int) -> bytes:
        self._seen, events = self._channel.since(self._seen)
        return events + PING

    def close(self) -> None:
        try:
            self._open.pop()  # one step: of two threads that close, one finds nothing
        except IndexError:
            return
        self._channel.left()
        self._release()
