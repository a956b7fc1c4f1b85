"""One connection and its clock: who is dropped when, by hand-moved time."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from hystrixpy.stream.channel import PATIENCE, Channel
from hystrixpy.stream.connection import GRACE, Connection
from hystrixpy.stream.site import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.stream.http1 import Request

SAMPLE = b"data: " + b"x" * 2_000_000 + b"\n\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def endless(_request: Request) -> Reply:
    return Reply(200, (), subscription=Channel(lambda _key: SAMPLE).subscribe({}))


def streaming(pair: tuple[socket.socket, socket.socket]) -> Connection:
    connection = Connection(pair[0], endless, now=0.0)
    pair[1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    connection.readable(0.0, 1)
    return connection


def test_a_connection_has_ten_seconds_to_ask(pair: tuple[socket.socket, socket.socket]) -> None:
    """Half a request is none: the time is not renewed by it."""
    connection = Connection(pair[0], endless, now=100.0)
    pair[1].sendall(b"GET / HTT")
    connection.readable(105.0, 1)
    assert GRACE == 10.0
    assert connection.deadline == 110.0


def test_client_that_takes_nothing_is_dropped_after_a_while(pair: tuple[socket.socket, socket.socket]) -> None:
    """The time runs from the last byte that was taken; ticks do not renew it."""
    connection = streaming(pair)
    assert connection.sending
    connection.tick(20.0, 2)
    assert connection.deadline == PATIENCE


def test_client_that_takes_something_stays(pair: tuple[socket.socket, socket.socket]) -> None:
    """Slow is not dead."""
    connection = streaming(pair)
    pair[1].recv(1 << 20)
    connection.writable(20.0)
    assert connection.deadline == 20.0 + PATIENCE


def test_slow_client_skips_samples(pair: tuple[socket.socket, socket.socket]) -> None:
    """While the last sample is not gone, no other is queued."""
    connection = streaming(pair)
    waiting = len(connection._outbox)
    for tick in range(2, 20):
        connection.tick(1.0, tick)
    assert len(connection._outbox) == waiting


def test_place_comes_back_with_the_hang_up(pair: tuple[socket.socket, socket.socket]) -> None:
    """The end of the client's stream closes ours, its subscription included."""
    channel = Channel(lambda _key: b"data: \n\n")
    connection = Connection(pair[0], lambda _request: Reply(200, (), subscription=channel.subscribe({})), now=0.0)
    pair[1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    connection.readable(0.0, 1)
    assert channel._slots._free == 4
    pair[1].close()
    connection.readable(0.0, 1)
    assert connection.closed
    assert channel._slots._free == 5
