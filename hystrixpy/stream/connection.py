"""One client of the server: a socket that never blocks, and what is still to be sent to it.

reading a request -> sending an answer -> lingering until the client has hung up
                  -> streaming: a sample when the last one is gone, else this one is skipped

So a client that does not read holds one sample (shared with the others) and its socket, for as long as
``PATIENCE``, and nobody waits for it.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from hystrixpy.stream.channel import PATIENCE
from hystrixpy.stream.http1 import MOST_HEAD, BadRequest, Request, head_of, parse
from hystrixpy.stream.site import Reply, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from hystrixpy.stream.channel import Subscription

__all__ = ["GRACE", "Connection"]

GRACE = 10.0
"""Seconds a new connection has to send a whole request."""
_LINGER = 2.0
_CHUNK = 64 << 10


class Connection:
    """Driven by the server's loop alone: ``readable``, ``writable``, ``tick``, and ``deadline``."""

    def __init__(self, sock: socket.socket, answer: Callable[[Request], Reply], now: float) -> None:
        self.sock = sock
        self.deadline: float | None = now + GRACE
        self.closed = False
        self.subscription: Subscription | None = None
        self._answer = answer
        self._inbox = bytearray()
        self._outbox: list[memoryview] = []
        self._answered = False
        self._lingering = False

    @property
    def sending(self) -> bool:
        """Whether bytes wait for the client to take them."""
        return bool(self._outbox)

    def readable(self, now: float, tick: int) -> None:
        """Take what came. After the request that is thrown away, but the end of the stream is noticed."""
        data = self._receive()
        if data is None:
            return
        if not data:
            self.close()
        elif not self._answered:
            self._inbox += data
            self._try_request(now, tick)

    def _receive(self) -> bytes | None:
        try:
            return self.sock.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def _try_request(self, now: float, tick: int) -> None:
        end = self._inbox.find(b"\r\n\r\n")
        if end >= 0:
            self._begin(*self._reply_to(bytes(self._inbox[:end])), now, tick)
        elif len(self._inbox) > MOST_HEAD:
            self._begin(refuse(431, f"the request's head is longer than {MOST_HEAD} bytes"), True, now, tick)

    def _reply_to(self, head: bytes) -> tuple[Reply, bool]:
        """The answer, and whether its body is wanted."""
        try:
            request = parse(head)
            return self._answer(request), request.method != "HEAD"
        except BadRequest as error:
            return refuse(400, str(error)), True

    def _begin(self, reply: Reply, with_body: bool, now: float, tick: int) -> None:
        self._answered = True
        self._inbox.clear()
        self.subscription = reply.subscription
        self._queue(head_of(reply), reply.body if with_body else b"", now=now)
        if self.subscription is not None:
            self._queue(self.subscription.poll(tick), now=now)
        self.writable(now)

    def _queue(self, *parts: bytes, now: float) -> None:
        self._outbox += [memoryview(part) for part in parts if part]
        self.deadline = now + PATIENCE

    def tick(self, now: float, tick: int) -> None:
        """Half a second has passed: the next sample, unless the client still has the last one to read."""
        if self.subscription is not None and not self._outbox:
            self._queue(self.subscription.poll(tick), now=now)
            self.writable(now)

    def writable(self, now: float) -> None:
        """Send what the socket takes."""
        try:
            while self._outbox:
                sent = self.sock.send(self._outbox[0])
                self.deadline = now + PATIENCE
                if sent < len(self._outbox[0]):
                    self._outbox[0] = self._outbox[0][sent:]
                else:
                    self._outbox.pop(0)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        if self._answered and self.subscription is None and not self._lingering:
            self._linger(now)

    def _linger(self, now: float) -> None:
        # Closing with unread input makes the kernel reset the connection, and the client may lose the
        # answer. So only our side is closed, until the client hangs up too.
        self._lingering = True
        self.deadline = now + _LINGER
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()

    def close(self) -> None:
        """Hang up and give the place in the stream back."""
        self.closed = True
        self._outbox.clear()
        if self.subscription is not None:
            self.subscription.close()
        with contextlib.suppress(OSError):
            self.sock.close()

    def abandon(self) -> None:
        """In a forked child: let go of the descriptor only; the connection is the parent's."""
        self.closed = True
        with contextlib.suppress(OSError):
            self.sock.close()
