"""The request line and the Host header: what is understood, and what is refused."""

from __future__ import annotations

import pytest

from hystrixpy.stream.http1 import BadRequest, host_name, parse


def test_request_is_taken_apart() -> None:
    """Method, path, query, host."""
    request = parse(b"GET /hystrix.stream?delay=500 HTTP/1.1\r\nHost: localhost:8989\r\nAccept: */*")
    assert (request.method, request.path, request.query, request.host) == (
        *("GET", "/hystrix.stream", "delay=500"),
        "localhost:8989",
    )


def test_absolute_form_is_understood() -> None:
    """What a client sends through a proxy."""
    assert parse(b"GET http://localhost:8989/x?y HTTP/1.1\r\nhost:localhost").path == "/x"
    assert parse(b"GET http://localhost HTTP/1.1\r\nhost:localhost").path == "/"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/2",
        b"GET / SPDY",
        b"GET hystrix.stream HTTP/1.1",
        b"GET ftp://x/ HTTP/1.1",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b",
        b"GET / HTTP/1.1\r\nno colon",
        b"GET / HTTP/1.1\r\nHost : a",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_nonsense_is_refused(head: bytes) -> None:
    """A broken head is no reason to guess."""
    with pytest.raises(BadRequest):
        parse(head)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("LOCALHOST:8989", "localhost"),
        ("[::1]", "[::1]"),
        ("[::1]:8989", "[::1]"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("localhost.evil.example:8989", "localhost.evil.example"),
        ("[::1", ""),
        ("[::1].evil.example", ""),
        ("[::1]evil", ""),
        ("localhost:evil", ""),
        ("localhost:8989:1", ""),
        ("", ""),
    ],
)
def test_host_is_compared_without_its_port(host: str, name: str) -> None:
    """In lower case, brackets kept; what is broken equals no name."""
    assert host_name(host) == name
