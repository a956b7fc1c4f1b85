"""The dependency: a small HTTP service on loopback, whose answers follow a script."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from hystrixpy.demo.script import Conduct

__all__ = ["Service"]

POLL = 0.05
"""How often a hanging answer looks whether it may go on, in seconds."""


class Service:
    """Answers ``GET /<resource>/<id>`` with JSON, as ``conduct(resource)`` says at that moment; a context manager.

    It runs on an event loop in a daemon thread, so a thousand hanging connections cost it nothing. Its own randomness
    is seeded: each demo tells the same story.
    """

    def __init__(self, conduct: Callable[[str], Conduct]) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self._conduct = conduct
        self._random = random.Random(7)
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="demo-service", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and drop every connection, hanging ones included."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._connection, self.host, 0, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._over.wait()
        server.close()  # asyncio.run cancels the connections

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass  # headers: nothing in them matters here
                writer.write(await self._answer(line.split()[1].decode()))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # a caller that gave up, or the end of the demo
        finally:
            writer.close()

    async def _answer(self, path: str) -> bytes:
        resource, _, number = path.strip("/").partition("/")
        while (conduct := self._conduct(resource)).hangs:
            await asyncio.sleep(POLL)
        await asyncio.sleep(conduct.latency * self._random.uniform(0.7, 1.5))
        if self._random.random() < conduct.failing:
            return _response("503 Service Unavailable", {"error": f"{resource} is out of order"})
        return _response("200 OK", {"id": number, "resource": resource})


def _response(status: str, content: dict[str, str]) -> bytes:
    body = json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
