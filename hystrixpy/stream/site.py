"""What is answered to whom: the one table of paths behind the server, the ASGI and the WSGI application.

Read-only by construction: a path is a stream, a file of the dashboard or a small JSON document. Nothing
here ever opens a connection to anywhere.
"""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote

from hystrixpy.dashboard.assets import Asset, assets
from hystrixpy.stream.channel import LIMIT, Full, Subscription
from hystrixpy.stream.wire import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Reply", "Site", "Source", "refuse"]

SHUT_DOWN = "Service has been shut down."

_STREAM_HEADERS = (
    ("Content-Type", "text/event-stream;charset=UTF-8"),
    ("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate"),
    ("Pragma", "no-cache"),
    ("X-Accel-Buffering", "no"),  # nginx would hold events back until its buffer is full
)
_SAFE_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_REASONS = {
    200: "OK",
    308: "Permanent Redirect",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Source(Protocol):
    """A stream as the site sees it: ``Channel`` or ``RequestChannel``."""

    def subscribe(self, query: Mapping[str, str], /) -> Subscription: ...
    def forget(self) -> None: ...


@dataclass(frozen=True)
class Reply:
    """An answer: a whole body, or (with a subscription) a stream without an end."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    subscription: Subscription | None = None

    @property
    def reason(self) -> str:
        """The words that go with the status."""
        return _REASONS.get(self.status, "")


class Site:
    """Streams by path, files by path, documents (small JSON answers, built when asked) by path."""

    def __init__(
        self,
        streams: Mapping[str, Source],
        documents: Mapping[str, Callable[[], Any]],
        assets: Callable[[], Mapping[str, Asset]] = assets,
    ) -> None:
        self._streams = streams
        self._assets = assets  # a function: nobody reads the files before somebody opens the page
        self._documents = documents
        self.closed = threading.Event()
        _sites.add(self)

    def answer(self, method: str, path: str, query: str = "", mount: str = "") -> Reply:
        """Decide about one request. ``path`` is relative to ``mount``, where the site is mounted."""
        if method not in ("GET", "HEAD"):
            return refuse(405, "read-only: GET and HEAD are all there is", ("Allow", "GET, HEAD"))
        if mount and not path:  # the page's links are relative: without the slash they would miss the mount
            return refuse(308, "the dashboard is one slash further", ("Location", quote(mount) + "/"))
        path = "/" + path.lstrip("/")
        if path in self._streams:
            return self._stream(self._streams[path], method, query)
        asset = self._assets().get(path)
        if asset is not None:
            return Reply(200, (*asset.headers, *_SAFE_HEADERS), asset.body)
        if path in self._documents:
            headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"), *_SAFE_HEADERS)
            return Reply(200, headers, to_json(self._documents[path]()))
        return refuse(404, "nothing here; the streams are " + " ".join(sorted(self._streams)))

    def _stream(self, stream: Source, method: str, query: str) -> Reply:
        if self.closed.is_set():
            return refuse(503, SHUT_DOWN)
        headers = (*_STREAM_HEADERS, *_SAFE_HEADERS)
        if method == "HEAD":
            return Reply(200, headers)
        try:
            return Reply(200, headers, subscription=stream.subscribe(dict(parse_qsl(query))))
        except Full:
            return refuse(503, f"MaxConcurrentConnections reached: {LIMIT}")

    def close(self) -> None:
        """End every stream at its next tick; new ones are refused."""
        self.closed.set()

    def reopen(self) -> None:
        """Take clients again after ``close``."""
        self.closed.clear()

    def forget(self) -> None:
        """What a forked child does first: it has inherited no client and perhaps a held lock."""
        for stream in self._streams.values():
            stream.forget()


def refuse(status: int, why: str, *headers: tuple[str, str]) -> Reply:
    """A plain-text answer for whoever reads it in a terminal."""
    plain = (("Content-Type", "text/plain;charset=UTF-8"), ("Cache-Control", "no-store"))
    return Reply(status, (*headers, *plain, *_SAFE_HEADERS), (why + "\n").encode())


_sites: weakref.WeakSet[Site] = weakref.WeakSet()


def all_sites() -> Iterator[Site]:
    """Every site that is still in use."""
    yield from list(_sites)
