"""A stream and its clients: few at a time, and all of them reading the same bytes.

Time runs in ticks of half a second. A sample is built at most once per tick, by the first client that
asks for it; the others get the same object, so what a client costs is a pointer and its socket.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from hystrixpy.stream.complaints import Complaints
from hystrixpy.stream.wire import PING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["LIMIT", "PATIENCE", "TICK", "Channel", "Full", "Slots", "Subscription", "tick_now", "until_next_tick"]

TICK = 0.5
"""Seconds between two samples, and between two keep-alives."""
LIMIT = 5
"""Clients per stream, as Hystrix's ``hystrix.config.stream.maxConcurrentConnections``."""
PATIENCE = 30.0
"""Seconds without a byte taken after which a client is dropped."""
_CHEAP = 0.005
_SHARE = 4
_LONGEST = 60.0


def tick_now() -> int:
    """The number of the present half second; never goes back."""
    return int(time.monotonic() / TICK)


def until_next_tick() -> float:
    """Seconds until ``tick_now`` changes."""
    return TICK - time.monotonic() % TICK


class Full(Exception):  # noqa: N818 - an answer, not an error
    """Every place of the stream is taken."""


class Subscription(Protocol):
    """One client's view of a stream. Used by one thread at a time."""

    def poll(self, tick: int) -> bytes:
        """What to send now: at least a keep-alive. A client that is behind simply is not polled."""
        ...

    def close(self) -> None:
        """Give the place back; harmless when done twice."""
        ...


class Slots:
    """The places of one stream."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._free = limit
        self._lock = threading.Lock()

    def take(self) -> Callable[[], None]:
        """Take a place, or raise ``Full``; the result gives it back, once however often it is called."""
        with self._lock:
            if self._free == 0:
                raise Full
            self._free -= 1
        return _Once(self._give)

    def _give(self) -> None:
        with self._lock:
            self._free += 1


class _Once:
    def __init__(self, act: Callable[[], None]) -> None:
        self._acts = [act]

    def __call__(self) -> None:
        # list.pop is one step: of two threads that close the same client, one finds nothing.
        try:
            act = self._acts.pop()
        except IndexError:
            return
        act()


class Channel:
    """A stream that is sampled: ``sample(key)`` builds its events, for one key or (None) for all."""

    def __init__(self, sample: Callable[[str | None], bytes], *, every: float = TICK) -> None:
        self._sample = sample
        self._every = every
        self._complaints = Complaints()
        self.forget()

    def forget(self) -> None:
        """Start anew, without clients: in a forked child another thread may have held the locks."""
        self._slots = Slots()
        self._lock = threading.Lock()
        self._tick, self._frame = -1, PING
        self._stale_at = 0.0

    def subscribe(self, query: Mapping[str, str]) -> Subscription:
        """A place for a client, or ``Full``. ``delay`` (ms) and ``key`` narrow what it gets."""
        return _Sampled(self, self._slots.take(), _period(query, self._every), query.get("key"))

    def frame(self, tick: int, key: str | None, *, first: bool) -> bytes:
        """The sample of this tick; for a client's ``first`` one as of now, unless that were too dear."""
        if key is not None:
            return self._build(key)
        with self._lock:
            stale = time.monotonic() >= self._stale_at
            if stale if first else tick != self._tick:
                self._renew(tick)
            return self._frame

    def _renew(self, tick: int) -> None:
        start = time.monotonic()
        self._tick, self._frame = tick, self._build(None)
        end = time.monotonic()
        # Clients that come and go in a loop get fresh samples as long as these are cheap; of dear ones no
        # more than a fifth of a processor's time.
        self._stale_at = end + (_SHARE * (end - start) if end - start > _CHEAP else 0.0)

    def _build(self, key: str | None) -> bytes:
        try:
            return self._sample(key) + PING
        except Exception:
            self._complaints.about("sample", "hystrixpy: a sample of the stream could not be built; clients get none")
            return PING


def _period(query: Mapping[str, str], every: float) -> int:
    """Ticks between two samples for one client; a nonsensical ``delay`` counts as none."""
    try:
        seconds = int(query["delay"]) / 1000
    except (KeyError, ValueError):
        seconds = every
    return max(1, round(min(max(seconds, every), _LONGEST) / TICK))


class _Sampled:
    def __init__(self, channel: Channel, release: Callable[[], None], period: int, key: str | None) -> None:
        self._channel = channel
        self._period = period
        self._key = key
        self._due: int | None = None
        self.close = release

    def poll(self, tick: int) -> bytes:
        first = self._due is None
        if self._due is not None and tick < self._due:
            return PING
        self._due = tick + self._period
        return self._channel.frame(tick, self._key, first=first)
