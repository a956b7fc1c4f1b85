"""The site as an ASGI application, without any framework: mount it, or run it alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from hystrixpy.stream.channel import PATIENCE, TICK, tick_now, until_next_tick
from hystrixpy.stream.leaving import server_leaves
from hystrixpy.stream.wire import PING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from hystrixpy.stream.channel import Subscription
    from hystrixpy.stream.site import Reply, Site

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["AsgiApp"]


class AsgiApp:
    """``await app(scope, receive, send)``. Samples are built off the loop, so the loop never waits for one."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sampler: tuple[int, ThreadPoolExecutor] | None = None

    def _executor(self) -> ThreadPoolExecutor:
        """One thread for the samples of all clients, so that the application's own threads stay its own.

        A forked worker gets a new one: threads do not survive a fork.
        """
        sampler = self._sampler  # read once: rest() may be called in another thread
        if sampler is None or sampler[0] != os.getpid():
            sampler = self._sampler = os.getpid(), ThreadPoolExecutor(1, "hystrix-stream")
        return sampler[1]

    def rest(self) -> None:
        """Let the thread of the samples go, once the site is closed; a later stream starts another."""
        sampler, self._sampler = self._sampler, None
        if sampler is not None and sampler[0] == os.getpid():
            sampler[1].shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        reply = self._site.answer(scope["method"], *_place(scope, query))
        try:
            await send(_start(reply))
            body = b"" if scope["method"] == "HEAD" else reply.body
            if reply.subscription is None:
                await send({"type": "http.response.body", "body": body})
            else:
                await self._stream(reply.subscription, receive, send)
        finally:
            if reply.subscription is not None:
                reply.subscription.close()

    async def _stream(self, subscription: Subscription, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        sending = asyncio.ensure_future(self._send_samples(subscription, send))
        try:
            # send() waits while the client does not read, so a slow one skips samples; that wait, too,
            # must end when the client goes away.
            await asyncio.wait((gone, sending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, sending):
                task.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send_samples(self, subscription: Subscription, send: Send) -> None:
        # OSError is how some servers say that the client is gone; a client that takes nothing for so long
        # (TimeoutError, also one) has to make room for others.
        with contextlib.suppress(OSError):
            while not (self._site.closed.is_set() or server_leaves()):
                sample = await self._sample(subscription)
                async with asyncio.timeout(PATIENCE):
                    await send({"type": "http.response.body", "body": sample, "more_body": True})
                await asyncio.sleep(min(until_next_tick() + 0.001, TICK))
            await send({"type": "http.response.body", "body": b""})

    async def _sample(self, subscription: Subscription) -> bytes:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor(), subscription.poll, tick_now())
        except RuntimeError:
            if not self._site.closed.is_set():
                raise
            return PING  # rest() was quicker: this was the last sample


def _place(scope: Scope, query: str) -> tuple[str, str, str]:
    """(path below the mount, query, mount): some frameworks leave the prefix in ``path``, some take it out."""
    path: str = scope["path"]
    prefix: str = scope.get("root_path", "").rstrip("/")
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :]
    return path, query, prefix


def _start(reply: Reply) -> Message:
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers]
    return {"type": "http.response.start", "status": reply.status, "headers": headers}


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
