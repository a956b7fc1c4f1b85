"""A client that sees every byte: what the tests of the server speak with."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from hystrixpy.stream.server import StreamServer


class Client:
    """One connection. ``ask`` sends a request, ``head`` and ``event`` read what comes."""

    def __init__(self, server: StreamServer, *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(10)
        self.sock.connect(("127.0.0.1", server.port))
        self.file = self.sock.makefile("rb")

    def ask(self, path: str, *, host: str | None = "localhost", method: str = "GET", more: str = "") -> Self:
        lines = [f"{method} {path} HTTP/1.1", *([] if host is None else [f"Host: {host}"])]
        self.sock.sendall(("\r\n".join(lines) + "\r\n" + more + "\r\n").encode())
        return self

    def head(self) -> tuple[int, dict[str, str]]:
        """(status, headers in lower case)."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return status, headers

    def event(self) -> Any:
        """The next event that carries data."""
        while line := self.file.readline():
            if line.startswith(b"data: "):
                return json.loads(line[6:])
        raise EOFError("the stream ended")

    def rest(self) -> bytes:
        """Everything until the server hangs up."""
        return self.file.read()

    def close(self) -> None:
        self.file.close()
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def get(server: StreamServer, path: str, **how: Any) -> tuple[int, dict[str, str], bytes]:
    """One whole answer."""
    with Client(server) as client:
        status, headers = client.ask(path, **how).head()
        return status, headers, client.rest()
