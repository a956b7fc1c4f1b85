"""As much of HTTP/1.1 as a read-only server needs: one request per connection, no bodies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hystrixpy.stream.site import Reply

__all__ = ["MOST_HEAD", "BadRequest", "Request", "head_of", "host_name", "parse"]

MOST_HEAD = 16 << 10
"""Bytes of request line and headers; more is refused."""


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::[0-9]*)?")


class BadRequest(Exception):  # noqa: N818 - an answer, not an error of ours
    """What came is no HTTP request that we understand."""


@dataclass(frozen=True)
class Request:
    """One request line and the only header that matters."""

    method: str
    path: str
    query: str
    host: str | None


def parse(head: bytes) -> Request:
    """Understand everything up to the empty line, or raise ``BadRequest``."""
    line, *fields = head.decode("latin-1").split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequest("not an HTTP/1 request line")
    path, _, query = _origin_form(parts[1]).partition("?")
    return Request(parts[0], path, query, _host(fields))


def _origin_form(target: str) -> str:
    """``/path?query`` of a request target; a proxy's absolute form is legal too."""
    if target.startswith("/"):
        return target
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        raise BadRequest("the request target is neither a path nor a URL")
    return "/" + rest.partition("/")[2]


def _host(fields: list[str]) -> str | None:
    hosts = []
    for field in fields:
        name, colon, value = field.partition(":")
        if field and (not colon or name != name.strip()):
            raise BadRequest("a header line is broken")
        if name.lower() == "host":
            hosts.append(value.strip())
    if len(hosts) > 1:  # which of them counts is what attackers like to differ about
        raise BadRequest("more than one Host header")
    return hosts[0] if hosts else None


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without its port: ``[::1]:8989`` -> ``[::1]``; "" if it is none."""
    found = _HOST.fullmatch(host)
    return found[1].lower() if found else ""


def head_of(reply: Reply) -> bytes:
    """The status line and headers of an answer; the connection ends with it."""
    lines = [f"HTTP/1.1 {reply.status} {reply.reason}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.subscription is None and not _is_stream(reply):
        lines.append(f"Content-Length: {len(reply.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _is_stream(reply: Reply) -> bool:
    """Also true for the answer to HEAD on a stream, which has headers only."""
    return reply.headers[:1] == (("Content-Type", "text/event-stream;charset=UTF-8"),)
