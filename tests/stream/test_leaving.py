"""A web server that is told to stop stops, however many streams are open in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

import hystrixpy
from hystrixpy.stream.leaving import server_leaves
from tests.stream.client import Client
from tests.support.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ASGI, WSGI = "hystrixpy.stream:asgi", "hystrixpy.stream:wsgi"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Handed down to the server, so that a client may connect before it is up."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        sock.set_inheritable(True)
        yield sock


def uvicorn(listener: socket.socket) -> list[str]:
    pytest.importorskip("uvicorn")
    return ["uvicorn", "--log-level", "error", "--fd", str(listener.fileno()), ASGI]


def gunicorn(listener: socket.socket, *how: str) -> list[str]:
    pytest.importorskip("gunicorn")
    return ["gunicorn", *how, "--graceful-timeout", "60", "--bind", f"fd://{listener.fileno()}", WSGI]


@pytest.mark.serial
@pytest.mark.parametrize("server", ["uvicorn", "gunicorn threads", "gunicorn sync"])
def test_server_that_stops_takes_its_streams_along(listener: socket.socket, server: str) -> None:
    """SIGTERM with an open stream: the answer is finished properly and the process ends by itself."""
    arguments = uvicorn(listener) if server == "uvicorn" else gunicorn(listener, *_THREADS[server])
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        pass_fds=[listener.fileno()],
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        with Client(SimpleNamespace(port=listener.getsockname()[1])) as client:  # type: ignore[arg-type]
            client.sock.settimeout(60)
            assert client.ask("/hystrix.stream").head()[0] == 200
            while client.file.readline() != b"ping: \n":
                pass
            process.send_signal(signal.SIGTERM)
            assert client.rest().endswith(b"0\r\n\r\n")
        process.wait(20)
    finally:
        process.kill()
        process.communicate()


_THREADS = {"gunicorn threads": ("--threads", "4"), "gunicorn sync": ()}


def test_without_such_a_server_nobody_leaves() -> None:
    """Neither with the default handler, nor with a plain function."""
    assert not server_leaves()
    before = signal.signal(signal.SIGTERM, lambda *_: hystrixpy.shutdown())
    try:
        assert not server_leaves()
    finally:
        signal.signal(signal.SIGTERM, before)
