"""A request context around every request of a WSGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.context import RequestContext
from hystrixpy.integrations.report import HEADER, header_value, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, Any]
    StartResponse = Callable[..., Any]
    App = Callable[[Environ, StartResponse], Iterable[bytes]]

__all__ = ["RequestContextMiddleware"]


class RequestContextMiddleware:
    """Opens a :class:`~hystrixpy.RequestContext` for each request, until its response is closed.

    ``header=True`` adds the log so far as ``X-Hystrix-Log`` when the response starts; ``log=True`` writes
    the whole one at INFO. Example::

        app.wsgi_app = RequestContextMiddleware(app.wsgi_app, header=True)
    """

    def __init__(self, app: App, *, header: bool = False, log: bool = False) -> None:
        self.app = app
        self._header = header
        self._log = log

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        context = RequestContext(on_close=self._writer(environ) if self._log else None).__enter__()
        try:
            body = self.app(environ, self._with_header(context, start_response) if self._header else start_response)
        except BaseException:
            context.close()
            raise
        return _Body(body, context)

    def _writer(self, environ: Environ) -> Callable[[RequestContext], None]:
        method, path = environ.get("REQUEST_METHOD", ""), environ.get("PATH_INFO", "")
        return lambda context: write(context, method, path)

    def _with_header(self, context: RequestContext, start_response: StartResponse) -> StartResponse:
        def start_with_header(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, (HEADER, header_value(context))], *rest)

        return start_with_header


class _Body:
    """The response body; a server closes it after the last part, or when the client has gone."""

    def __init__(self, body: Iterable[bytes], context: RequestContext) -> None:
        self._body = body
        self._context = context

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the application's body, then the context."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._context.close()
