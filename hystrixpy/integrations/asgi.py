"""A request context around every request of an ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.context import RequestContext
from hystrixpy.integrations.report import HEADER, header_value, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

__all__ = ["RequestContextMiddleware"]


class RequestContextMiddleware:
    """Opens a :class:`~hystrixpy.RequestContext` for each HTTP request and each WebSocket connection.

    The context ends with the application's call, so background tasks that run in it still see it.
    ``header=True`` adds the log so far as ``X-Hystrix-Log`` when the response starts; ``log=True`` writes
    the whole one at INFO. Example::

        app.add_middleware(RequestContextMiddleware, header=True)
    """

    def __init__(self, app: App, *, header: bool = False, log: bool = False) -> None:
        self.app = app
        self._header = header
        self._log = log

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        async with RequestContext() as context:
            try:
                await self.app(scope, receive, self._with_header(context, send) if self._header else send)
            finally:
                if self._log:
                    write(context, scope.get("method", scope["type"]), scope["path"])

    def _with_header(self, context: RequestContext, send: Send) -> Send:
        async def send_with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                line = HEADER.lower().encode(), header_value(context).encode("latin-1")
                message = {**message, "headers": [*message.get("headers", ()), line]}
            await send(message)

        return send_with_header
