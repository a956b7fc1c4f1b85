"""The server's loop: one thread, one selector, every client of one listening socket."""

from __future__ import annotations

import logging
import selectors
import socket
import time
from typing import TYPE_CHECKING

from hystrixpy.stream.channel import tick_now, until_next_tick
from hystrixpy.stream.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from hystrixpy.stream.http1 import Request
    from hystrixpy.stream.site import Reply

__all__ = ["MOST_CONNECTIONS", "Loop"]

MOST_CONNECTIONS = 128
"""Open connections, whatever they do; a newcomer beyond that replaces the oldest one that does not stream."""

logger = logging.getLogger("hystrixpy")


class Loop:
    """``run`` until ``stop``. Only ``stop`` may be called from another thread."""

    def __init__(self, listener: socket.socket, answer: Callable[[Request], Reply]) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._answer = answer
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(listener, selectors.EVENT_READ)
        self._accepting = True
        self._connections: dict[int, Connection] = {}
        self._tick = tick_now()
        self._stopping = False

    def stop(self) -> None:
        """Have ``run`` return soon; may be called from any thread, and again."""
        self._stopping = True
        try:
            self._waker.send(b"x")
        except OSError:  # it has stopped already
            return

    def run(self) -> None:
        """Serve until told to stop, then close everything."""
        try:
            while not self._stopping:
                for key, mask in self._selector.select(until_next_tick() + 0.001):
                    self._dispatch(key, mask)
                self._on_tick()
        finally:
            self._release()

    def _dispatch(self, key: selectors.SelectorKey, mask: int) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif isinstance(key.data, Connection):
            self._guard(key.data, lambda now: self._serve(key.data, mask, now))

    def _serve(self, connection: Connection, mask: int, now: float) -> None:
        if mask & selectors.EVENT_READ:
            connection.readable(now, self._tick)
        if mask & selectors.EVENT_WRITE and not connection.closed:
            connection.writable(now)

    def _guard(self, connection: Connection, act: Callable[[float], None]) -> None:
        """Do something for one client; whatever goes wrong concerns this client alone."""
        before = connection.sock.fileno()
        try:
            act(time.monotonic())
        except Exception:
            logger.exception("hystrixpy: a stream client was dropped by a fault of the server")
            connection.close()
        if connection.closed:
            self._forget(before)
        else:
            self._watch(connection)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError as error:  # out of descriptors: the listener stays readable, so look away until the next tick
            logger.warning("hystrixpy: the stream server cannot accept connections: %s", error)
            self._selector.unregister(self._listener)
            self._accepting = False
            return
        sock.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._make_room()
        connection = Connection(sock, self._answer, time.monotonic())
        self._connections[sock.fileno()] = connection
        self._selector.register(sock, selectors.EVENT_READ, connection)

    def _make_room(self) -> None:
        for descriptor, connection in self._connections.items():
            if connection.subscription is None:
                connection.close()
                self._forget(descriptor)
                return

    def _watch(self, connection: Connection) -> None:
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.sending else 0)
        if self._selector.get_key(connection.sock).events != events:
            self._selector.modify(connection.sock, events, connection)

    def _forget(self, descriptor: int) -> None:
        # The socket is closed, so the kernel has dropped it already; the selector's own books follow.
        if self._connections.pop(descriptor, None) is not None:
            self._selector.unregister(descriptor)

    def _on_tick(self) -> None:
        tick = tick_now()
        if tick == self._tick:
            return
        self._tick = tick
        if not self._accepting:
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._accepting = True
        for connection in list(self._connections.values()):
            self._guard(connection, lambda now, c=connection: self._step(c, now))  # type: ignore[misc]

    def _step(self, connection: Connection, now: float) -> None:
        if connection.deadline is not None and now > connection.deadline:
            connection.close()
        else:
            connection.tick(now, self._tick)

    def _release(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._close_own()

    def _close_own(self) -> None:
        self._selector.close()
        self._listener.close()
        self._wake.close()
        self._waker.close()

    def abandon(self) -> None:
        """In a forked child: close the copies of the descriptors; what they lead to stays the parent's.

        The selector is not told (its kernel side is shared with the parent), only closed.
        """
        for connection in self._connections.values():
            connection.abandon()
        self._close_own()
