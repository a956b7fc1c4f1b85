"""A forked child does not serve what its parent serves, and does not keep the parent's clients on the line."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from hystrixpy.stream.server import StreamServer
from tests.dashboard.fake_world import site_of
from tests.stream.client import Client, get

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.dashboard.fake_world import World

pytestmark = [
    pytest.mark.serial,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def in_child(check: Callable[[], bool]) -> tuple[int, int]:
    """Fork; the child says whether ``check`` holds, then sleeps until it is killed. (pid, its word)."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(theirs, b"y" if check() else b"n")
        finally:
            signal.pause()
    os.close(theirs)
    word = os.read(ours, 1) if select.select([ours], [], [], 20)[0] else b"?"
    os.close(ours)
    return pid, word == b"y"


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_child_lets_go_of_the_port(server: StreamServer, world: World) -> None:
    """With the child still alive, the parent's close frees the port and ends its clients' streams."""
    with Client(server) as client:
        client.ask("/hystrix.stream").head()
        client.event()
        pid, _ = in_child(lambda: True)
        try:
            client.event()  # the parent goes on
            server.close()
            client.rest()  # ends only if the child holds no copy of the connection
            StreamServer(site_of(world), "127.0.0.1", server.port).close()
        finally:
            end(pid)


def test_child_may_serve_on_its_own(server: StreamServer, world: World) -> None:
    """Its close() of the inherited server is harmless, and its own server answers."""

    def child() -> bool:
        server.close()
        with StreamServer(site_of(world), "127.0.0.1", 0) as own:
            return get(own, "/")[0] == 200

    pid, good = in_child(child)
    try:
        assert good
        assert get(server, "/")[0] == 200
    finally:
        end(pid)


def test_only_the_parent_answers(server: StreamServer) -> None:
    """Twenty requests in a row are answered, none gets stuck in a child that does not accept."""
    pid, _ = in_child(lambda: True)
    try:
        for _ in range(20):
            assert get(server, "/")[0] == 200
        server.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
    finally:
        end(pid)
