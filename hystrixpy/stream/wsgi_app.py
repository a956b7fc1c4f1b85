"""The site as a WSGI application, without any framework. A stream keeps one thread of the server busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy.stream.channel import tick_now, until_next_tick
from hystrixpy.stream.leaving import server_leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from hystrixpy.stream.channel import Subscription
    from hystrixpy.stream.site import Site

__all__ = ["WsgiApp"]


class WsgiApp:
    """``app(environ, start_response)``."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        path, mount = environ.get("PATH_INFO", ""), environ.get("SCRIPT_NAME", "")
        reply = self._site.answer(method, path, environ.get("QUERY_STRING", ""), mount)
        subscription = reply.subscription
        headers = list(reply.headers)
        try:
            if subscription is None:
                headers.append(("Content-Length", str(len(reply.body))))
            start_response(f"{reply.status} {reply.reason}", headers)
        except BaseException:
            if subscription is not None:
                subscription.close()
            raise
        if subscription is None:
            return [b"" if method == "HEAD" else reply.body]
        return _Stream(self._site, subscription)


class _Stream:
    """The endless body. The server calls ``close`` when the client is gone, started or not."""

    def __init__(self, site: Site, subscription: Subscription) -> None:
        self._site = site
        self._subscription = subscription
        self._started = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._started and (self._site.closed.wait(until_next_tick() + 0.001) or server_leaves()):
            raise StopIteration
        self._started = True
        return self._subscription.poll(tick_now())

    def close(self) -> None:
        self._subscription.close()
