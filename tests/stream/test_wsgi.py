"""The WSGI application: by hand, under wsgiref, and under gunicorn."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest

from hystrixpy.stream.wsgi_app import WsgiApp
from tests.dashboard.fake_world import World, populate, site_of
from tests.stream.client import Client, get
from tests.support.tree import ROOT

if TYPE_CHECKING:
    from hystrixpy.stream.site import Site


@pytest.fixture
def site(world: World) -> Site:
    return site_of(world)


def call(app: Any, path: str, *, method: str = "GET", mount: str = "") -> tuple[str, dict[str, str], Any]:
    """(status, headers, body)"""
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]]) -> None:
        answer.update(status=status, headers=dict(headers))

    body = app({"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": mount}, start_response)
    return answer["status"], answer["headers"], body


def test_stream_sends_at_once(site: Site) -> None:
    """The first sample without a wait, then one per tick."""
    status, headers, body = call(WsgiApp(site), "/hystrix.stream", mount="/ops")
    assert status == "200 OK"
    assert headers["Content-Type"] == "text/event-stream;charset=UTF-8"
    assert next(body).startswith(b"data: {")
    assert next(body).endswith(b"ping: \n\n")
    body.close()


def test_place_comes_back_with_close(site: Site) -> None:
    """Also of a body that nobody began to read."""
    app = WsgiApp(site)
    bodies = [call(app, "/hystrix.stream")[2] for _ in range(5)]
    assert call(app, "/hystrix.stream")[0] == "503 Service Unavailable"
    bodies[0].close()
    bodies[0].close()
    assert call(app, "/hystrix.stream")[0] == "200 OK"
    assert call(app, "/hystrix.stream")[0] == "503 Service Unavailable"


def test_closed_site_ends_its_streams(site: Site) -> None:
    """The body ends, a newcomer is told."""
    app = WsgiApp(site)
    body = call(app, "/hystrix.stream")[2]
    next(body)
    site.close()
    assert list(body) == []
    assert call(app, "/hystrix.stream")[2] == [b"Service has been shut down.\n"]


def test_mount_without_its_slash_is_sent_there(site: Site) -> None:
    """The page's relative links need it."""
    status, headers, _ = call(WsgiApp(site), "", mount="/ops")
    assert (status, headers["Location"]) == ("308 Permanent Redirect", "/ops/")


def test_server_that_refuses_the_headers_costs_no_place(site: Site) -> None:
    """start_response may raise."""
    app = WsgiApp(site)

    def refuse(*_args: Any) -> None:
        raise OSError

    for _ in range(6):
        with pytest.raises(OSError):  # noqa: PT011
            app({"REQUEST_METHOD": "GET", "PATH_INFO": "/hystrix.stream"}, refuse)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        pass


@pytest.mark.parametrize("path", ["/", "/app.js", "/hystrixpy/sources.json", "/nowhere"])
def test_under_wsgiref_and_its_validator(site: Site, path: str) -> None:
    """The standard library's server and its checker of the protocol have nothing to say."""
    with make_server("127.0.0.1", 0, validator(WsgiApp(site)), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        server.port = server.server_port  # type: ignore[attr-defined]
        status, _, body = get(server, path)  # type: ignore[arg-type]
        thread.join()
        assert status == (404 if path == "/nowhere" else 200)
        assert body


GUNICORN_APP = "tests.stream.test_wsgi:gunicorn_app"


def gunicorn_app(environ: Any, start_response: Any) -> Any:
    """Mounted at /ops by hand, as a framework would."""
    world = _world()
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/ops", environ["PATH_INFO"].removeprefix("/ops")
    return world(environ, start_response)


_app: list[WsgiApp] = []


def _world() -> WsgiApp:
    if not _app:
        world = World()
        populate(world, 3)
        _app.append(WsgiApp(site_of(world)))
    return _app[0]


@pytest.mark.serial
def test_under_gunicorn() -> None:
    """Threads of a real server: the stream flows while the page is served beside it."""
    pytest.importorskip("gunicorn")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()  # handed down, so that a client may connect before the worker is up
        sock.set_inheritable(True)
        command = [sys.executable, "-m", "gunicorn", "--threads", "4", "--bind", f"fd://{sock.fileno()}", GUNICORN_APP]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            pass_fds=[sock.fileno()],
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        try:
            place = type("Place", (), {"port": sock.getsockname()[1]})()
            with Client(place) as client:
                assert client.ask("/ops/hystrix.stream").head()[0] == 200
                assert [client.file.readline() for _ in range(3)]
                assert get(place, "/ops/", more="Connection: close\r\n")[0] == 200
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
