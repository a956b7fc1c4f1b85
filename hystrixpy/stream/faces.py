"""The faces of this process's streams, and their end: the two applications, and the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy import registry
from hystrixpy.stream.asgi_app import AsgiApp
from hystrixpy.stream.server import StreamServer, close_all
from hystrixpy.stream.sites import live_site, reopen, shut
from hystrixpy.stream.wsgi_app import WsgiApp

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["StreamServer", "asgi", "serve", "wsgi"]

asgi = AsgiApp(live_site())
wsgi = WsgiApp(live_site())


def serve(host: str, port: int, allowed_hosts: Iterable[str]) -> StreamServer:
    """What ``hystrixpy.serve`` does, once it is wanted."""
    return StreamServer(live_site(), host, port, allowed_hosts)


# shutdown() ends every stream for good; reset() does too, but what is mounted answers again afterwards.
registry.on_shutdown(close_all)
registry.on_shutdown(shut)
registry.on_shutdown(asgi.rest)
registry.on_reset(reopen)
