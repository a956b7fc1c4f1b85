"""One process that a merging dashboard listens to: its latest events, and whether it is still there."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from hystrixpy.dashboard.reader import Follower
from hystrixpy.stream.process import now_ms

if TYPE_CHECKING:
    from hystrixpy.dashboard.reader import Address

__all__ = ["Worker"]

TYPES = ("HystrixCommand", "HystrixThreadPool", "HystrixCollapser")
STALE = 5.0
"""Seconds without news after which a circuit counts as gone from its process."""
MOST = 20_000
"""Circuits, pools and collapsers of one process that are remembered; a hostile stream stops there."""


class Worker:
    """Thread-safe: followers write, the merging dashboard reads."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._latest: dict[tuple[str, str], tuple[float, dict[str, Any]]] = {}
        self._config: dict[str, Any] = {}
        self._state, self._since, self._reason = "connecting", now_ms(), ""
        self._instance = ""
        self._followers = (
            Follower(address, address.path, self._take, up=self._up, down=self._down),
            Follower(address, address.beside("hystrix/config.stream"), self._take_config),
        )

    def close(self) -> None:
        """Stop listening."""
        for follower in self._followers:
            follower.close()

    def events(self) -> list[dict[str, Any]]:
        """What it says now; nothing when it has vanished, so that sums hold the living only."""
        oldest = time.monotonic() - STALE
        with self._lock:
            if self._state != "live":
                return []
            for key in [key for key, (seen, _) in self._latest.items() if seen < oldest]:
                del self._latest[key]
            return [event for _, event in self._latest.values()]

    def config(self) -> dict[str, Any]:
        """Its last config event, or an empty dict."""
        with self._lock:
            return self._config if self._state == "live" else {}

    def status(self) -> dict[str, Any]:
        """A line for the page: who it is, and since when it lives or is lost."""
        with self._lock:
            return {
                "url": self.address.shown,
                "hystrixpyInstance": self._instance,
                "state": self._state,
                "since": self._since,
                "reason": self._reason,
                "circuits": sum(kind == "HystrixCommand" for kind, _ in self._latest),
            }

    def _take(self, event: dict[str, Any]) -> None:
        kind, name = event.get("type"), event.get("name")
        if kind not in TYPES or not isinstance(name, str):
            return
        with self._lock:
            key = (kind, name)
            if key in self._latest or len(self._latest) < MOST:
                self._latest[key] = (time.monotonic(), event)
            instance = event.get("hystrixpyInstance")
            if isinstance(instance, str):
                self._instance = instance

    def _take_config(self, event: dict[str, Any]) -> None:
        if event.get("type") == "HystrixConfig":
            with self._lock:
                self._config = event

    def _up(self) -> None:
        with self._lock:
            self._latest.clear()  # it may be another process now, with other circuits
            self._state, self._since, self._reason = "live", now_ms(), ""

    def _down(self, reason: str) -> None:
        with self._lock:
            if self._state != "lost":
                self._state, self._since = "lost", now_ms()
            self._reason = reason[:200]
