"""The middlewares: one request context per request, its log in a header or a log line."""

import asyncio
import logging
from wsgiref.util import setup_testing_defaults

import pytest

from hystrixpy import Command, CommandProperties, RequestContext
from hystrixpy._native.scope import open_count
from hystrixpy.integrations import asgi, wsgi


class Get(Command):
    properties = CommandProperties(isolation="semaphore")

    def __init__(self, key="Get"):
        super().__init__(key=key)

    def run(self):
        return b"body"


def run_asgi(app, kind="http"):
    """One connection; what was sent."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request"}

    asyncio.run(app({"type": kind, "method": "GET", "path": "/users", "query_string": b"token=1"}, receive, send))
    return sent


async def asgi_app(scope, receive, send):
    body = Get().execute()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    Get("late").execute()
    await send({"type": "http.response.body", "body": body + str(RequestContext.current() is not None).encode()})


def wsgi_app(environ, start_response):
    body = Get().execute()
    start_response("200 OK", [("Content-Type", "text/plain")])

    def parts():
        yield body
        Get("late").execute()
        yield str(RequestContext.current() is not None).encode()

    return parts()


def run_wsgi(app):
    """One request; status, headers and body as a server would see them."""
    environ, started = {}, []
    setup_testing_defaults(environ)
    environ["PATH_INFO"] = "/users"
    response = app(environ, lambda *args: started.append(args))
    try:
        body = b"".join(response)
    finally:
        if hasattr(response, "close"):
            response.close()
    return started[0][0], dict(started[0][1]), body


def test_asgi_opens_a_context_per_request(caplog):
    """The log so far is in the header, the whole one in the log line, without the query string."""
    with caplog.at_level(logging.INFO, "hystrixpy"):
        start, body = run_asgi(asgi.RequestContextMiddleware(asgi_app, header=True, log=True))
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/plain"
    assert headers[b"x-hystrix-log"] == b"Get[SUCCESS][0ms]"
    assert body["body"] == b"bodyTrue"
    assert open_count() == 0
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "Hystrix executions [GET /users] => Get[SUCCESS][0ms], late[SUCCESS][0ms]"


def test_asgi_adds_nothing_unasked(caplog):
    """By default there is the context and nothing else."""
    start, _ = run_asgi(asgi.RequestContextMiddleware(asgi_app))
    assert dict(start["headers"]) == {b"content-type": b"text/plain"}
    assert not caplog.records


def test_asgi_closes_when_the_application_fails():
    """The error passes through and the context is closed."""

    async def broken(scope, receive, send):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_asgi(asgi.RequestContextMiddleware(broken, log=True))
    assert open_count() == 0


def test_asgi_lifespan_is_no_request():
    """Start and end of the application run outside of any context."""
    seen = []

    async def app(scope, receive, send):
        seen.append(RequestContext.current())

    run_asgi(asgi.RequestContextMiddleware(app), kind="lifespan")
    assert seen == [None]


def test_asgi_websockets_have_a_context():
    """One for the whole connection."""
    seen = []

    async def app(scope, receive, send):
        seen.append(RequestContext.current())

    run_asgi(asgi.RequestContextMiddleware(app), kind="websocket")
    assert seen[0] is not None


def test_wsgi_keeps_the_context_until_the_body_is_closed(caplog):
    """Streaming bodies still run inside it."""
    with caplog.at_level(logging.INFO, "hystrixpy"):
        status, headers, body = run_wsgi(wsgi.RequestContextMiddleware(wsgi_app, header=True, log=True))
    assert status == "200 OK"
    assert headers == {"Content-Type": "text/plain", "X-Hystrix-Log": "Get[SUCCESS][0ms]"}
    assert body == b"bodyTrue"
    assert open_count() == 0
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "Hystrix executions [GET /users] => Get[SUCCESS][0ms], late[SUCCESS][0ms]"


def test_wsgi_closes_when_the_application_fails():
    """Nobody will close a body that was never returned."""

    def broken(environ, start_response):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_wsgi(wsgi.RequestContextMiddleware(broken))
    assert open_count() == 0
    assert RequestContext.current() is None


def test_wsgi_closes_the_application_s_body_first():
    """In the order in which they were opened, reversed; also when it raises."""
    order = []

    class Body(list):
        def close(self):
            order.append(RequestContext.current() is not None)
            raise OSError("closing")

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    with pytest.raises(OSError, match="closing"):
        run_wsgi(wsgi.RequestContextMiddleware(app))
    assert order == [True]
    assert open_count() == 0


def test_a_command_key_cannot_break_the_header():
    """Line breaks and characters beyond Latin-1 are replaced, and the line stays short."""

    def app(environ, start_response):
        for number in range(300):
            Get(f"evil\r\nSet-Cookie: a=b \u20ac {number}").execute()
        start_response("200 OK", [])
        return []

    _, headers, _ = run_wsgi(wsgi.RequestContextMiddleware(app, header=True))
    value = headers["X-Hystrix-Log"]
    assert value.startswith("evil??Set-Cookie: a=b ? 0[SUCCESS]")
    assert len(value) == 4000
    assert value.isprintable()
