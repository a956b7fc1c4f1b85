"""``serve``: the streams and the dashboard for programs that have no web server."""

from __future__ import annotations

import errno
import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING, Any

from hystrixpy.stream.http1 import Request, host_name
from hystrixpy.stream.loop import Loop
from hystrixpy.stream.site import Reply, Site, all_sites, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

__all__ = ["StreamServer", "close_all"]

_ALWAYS = ("127.0.0.1", "localhost", "[::1]")
_WILDCARDS = ("", "0.0.0.0", "::")


class StreamServer:
    """A running server; made by ``hystrixpy.serve``.

    ``host`` and ``port`` are where it listens, ``url`` is what to open. It serves from a daemon thread
    until ``close()``, the end of its ``with`` block, ``hystrixpy.shutdown()`` or ``hystrixpy.reset()``.
    """

    def __init__(self, site: Site, host: str, port: int, allowed_hosts: Iterable[str] = ()) -> None:
        self._allowed = _names(host, allowed_hosts)
        listener = _listen(host, port)
        self.host = host
        self.port: int = listener.getsockname()[1]
        self._site = site
        self._loop = Loop(listener, self._answer)
        self._thread = threading.Thread(target=self._loop.run, name="hystrix-stream", daemon=True)
        _servers.add(self)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the dashboard, without a slash at the end; the streams are below it."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def close(self) -> None:
        """Stop: clients are hung up on, the port is free again. Harmless when done twice."""
        self._site.close()
        self._loop.stop()
        if self._thread is not threading.current_thread():
            self._thread.join()
        _servers.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<StreamServer {self.url}{'' if self._thread.is_alive() else ' closed'}>"

    def _answer(self, request: Request) -> Reply:
        # A page of another site can make a browser connect here under a name of its own (DNS rebinding),
        # but it cannot make the browser send one of these names.
        if request.host is None or not self._is_allowed(request.host):
            return refuse(403, "this Host is not allowed here; serve(allowed_hosts=...) names those that are")
        return self._site.answer(request.method, request.path, request.query)

    def _is_allowed(self, host: str) -> bool:
        return host_name(host) in self._allowed or host.lower() in self._allowed

    def _abandon(self) -> None:
        self._loop.abandon()


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, or ``OSError`` (taken port, foreign address, unknown name)."""
    # The resolver would take 70000 for 4464, and None for any free port.
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"port={port!r}: must be a whole number, 0 for any free port")
    if not 0 <= port <= 65535:
        raise ValueError(f"port={port}: must be 0 (any free port) to 65535")
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise _cannot_serve(host, port, error) from None
    # A name may have addresses of both kinds; people then expect the one that 127.0.0.1 is of.
    family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return _bound(socket.socket(family, socket.SOCK_STREAM), address, host, port)


def _bound(listener: socket.socket, address: Any, host: str, port: int) -> socket.socket:
    try:
        # Without this a restart within a minute fails; it does not let two servers share the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise _cannot_serve(host, port, error) from None
    return listener


def _cannot_serve(host: str, port: int, error: OSError) -> OSError:
    advice = "; port=0 takes any free one" if error.errno == errno.EADDRINUSE else ""
    return OSError(error.errno, f"cannot serve on {host or '*'} port {port}: {error.strerror}{advice}")


def _names(host: str, allowed_hosts: Iterable[str]) -> frozenset[str]:
    if not isinstance(host, str):
        raise TypeError(f"host={host!r}: must be a name or an address; '0.0.0.0' listens on all")
    names = (allowed_hosts,) if isinstance(allowed_hosts, str) else tuple(allowed_hosts)  # not letter by letter
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"allowed_hosts: {name!r} is no name of a host, as 'ops.example.com'")
    bound = () if host in _WILDCARDS else (host,)
    return frozenset(_as_in_header(name) for name in (*_ALWAYS, *bound, *names))


def _as_in_header(name: str) -> str:
    """As browsers write it into Host: in lower case, an IPv6 address in brackets."""
    return f"[{name}]".lower() if name.count(":") > 1 and not name.startswith("[") else name.lower()


_servers: weakref.WeakSet[StreamServer] = weakref.WeakSet()


def close_all() -> None:
    """Close every server of this process: what ``shutdown()`` and ``reset()`` do."""
    for server in list(_servers):
        server.close()


def _after_fork_in_child() -> None:
    for server in list(_servers):
        server._abandon()
    _servers.clear()
    for site in all_sites():
        site.forget()


os.register_at_fork(after_in_child=_after_fork_in_child)
