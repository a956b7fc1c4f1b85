"""Samples: the whole of a stream at one moment, as bytes. Knows views, not where they come from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from hystrixpy.stream.collapsers import collapser_event
from hystrixpy.stream.commands import command_event
from hystrixpy.stream.complaints import Complaints
from hystrixpy.stream.config import config_event
from hystrixpy.stream.pools import pool_event
from hystrixpy.stream.utilization import utilization_event
from hystrixpy.stream.wire import data_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hystrixpy.stream.views import CircuitView, CollapserView, PoolView

__all__ = ["Process", "Samples"]

_AT_ONCE = 16
_PAUSE = 0.0002


class Process(Protocol):
    """Where circuits, pools and collapsers come from: the registry, or a test."""

    def circuits(self) -> Iterable[CircuitView]: ...
    def pools(self) -> Iterable[PoolView]: ...
    def collapsers(self) -> Iterable[CollapserView]: ...


class Samples:
    """Builds what the sampled streams send. ``key`` narrows a sample to the things of that name."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._complaints = Complaints()

    def stream(self, key: str | None = None) -> bytes:
        """``hystrix.stream``: one event per command, then per pool, then per collapser."""
        process = self._process
        return b"".join(
            [
                *self._events(process.circuits(), command_event, key),
                *self._events(process.pools(), pool_event, key),
                *self._events(process.collapsers(), collapser_event, key),
            ]
        )

    def _events(
        self, things: Iterable[Any], event: Callable[[Any], dict[str, Any]], key: str | None
    ) -> Iterator[bytes]:
        for thing in _named(things, key):
            try:
                yield data_event(event(thing))
            except Exception:  # one broken circuit must not blind us to the others
                self._complaints.about(thing.key, "hystrixpy: %.100r cannot be shown in the stream", thing.key)

    def utilization(self, key: str | None = None) -> bytes:
        """``hystrix/utilization.stream``: who is busy, in one object."""
        process = self._process
        return data_event(utilization_event(_named(process.circuits(), key), _named(process.pools(), key)))

    def config(self, key: str | None = None) -> bytes:
        """``hystrix/config.stream``: the properties in force, in one object."""
        process = self._process
        things = (process.circuits(), process.pools(), process.collapsers())
        return data_event(config_event(*(_named(each, key) for each in things)))


def _named(things: Iterable[Any], key: str | None) -> list[Any]:
    """The things of that name, all without one. A long list is taken in gulps: see ``_gently``."""
    return [thing for thing in _gently(things) if key is None or thing.key == key]


def _gently(things: Iterable[Any]) -> Iterator[Any]:
    """Let other threads run now and then: the commands of this process matter more than its picture.

    Without the pause a sample of a thousand circuits would hold the interpreter for its whole duration,
    handing it over only when the switch interval forces it to.
    """
    for number, thing in enumerate(things):
        if number % _AT_ONCE == _AT_ONCE - 1:
            time.sleep(_PAUSE)
        yield thing
