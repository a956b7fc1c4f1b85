"""Following one stream of another process: reconnects for ever, remembers the latest event of each thing.

The address is fixed by whoever starts the dashboard; nothing that comes over a stream or from a browser
can make us open another one. What comes is taken as untrusted input: bounded in size and number, parsed
as JSON, and used only where its fields have the type they must have.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Address", "Follower"]

SILENCE = 6.0
"""Seconds without a byte after which a stream is taken for dead: it says at least ``ping`` twice a second."""
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
MOST_LINE = 16 << 20
"""Bytes of one line; the config of ten thousand circuits fits."""


class Address:
    """Where a stream is: ``http://host:port`` (a server of ``serve``), or the full URL of a hystrix.stream.

    ``shown`` is what others may see of it: neither a name and password (``https://user:word@host``, sent as basic
    authentication) nor the query, which may hold a token.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        self.secure = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.port = _port(parts)
        if parts.scheme not in ("http", "https") or not self.host or self.port == 0:
            raise ValueError(f"{url!r} is no address of a stream: it looks like http://host:8989")
        self.url = url
        self.shown = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        self.headers = {"Accept": "text/event-stream", **_authorization(parts)}
        path = parts.path if parts.path.endswith(".stream") else parts.path.rstrip("/") + "/hystrix.stream"
        self._base = path.rpartition("/")[0]
        self._query = f"?{parts.query}" if parts.query else ""
        self.path = path + self._query

    def beside(self, name: str) -> str:
        """The path of another stream of the same process."""
        return f"{self._base}/{name}{self._query}"

    def connect(self) -> http.client.HTTPConnection:
        """A connection object, not yet connected."""
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=SILENCE)


def _port(parts: SplitResult) -> int | None:
    """The port, None for that of the scheme, 0 for what is none."""
    try:
        return parts.port
    except ValueError:
        return 0


def _authorization(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _refusal(response: http.client.HTTPResponse) -> str:
    """Why there is no stream: in the server's words where these are meant for people, as ours are."""
    plain = response.headers.get("Content-Type", "").startswith("text/plain")
    words = response.read(200).decode("latin-1").strip() if plain else ""
    return words or f"HTTP status {response.status} {response.reason}".strip()


class Follower:
    """A daemon thread that feeds ``event`` and reports ``up()`` and ``down(reason)``."""

    def __init__(
        self,
        address: Address,
        path: str,
        event: Callable[[dict[str, Any]], None],
        *,
        up: Callable[[], None] = lambda: None,
        down: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._address = address
        self._path = path
        self._event = event
        self._up = up
        self._down = down
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"hystrix-follow-{address.host}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop. The thread ends at the next byte, or after ``SILENCE``; nobody waits for it."""
        self._stopped.set()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            before = failures
            reason = self._attempt(self._answered)
            failures = 0 if self._said_something else before + 1
            self._down(reason)
            self._stopped.wait(WAITS[min(failures, len(WAITS) - 1)])

    def _answered(self) -> None:
        self._said_something = True
        self._up()

    def _attempt(self, answered: Callable[[], None]) -> str:
        """One connection from start to end; why it ended."""
        self._said_something = False
        connection = self._address.connect()
        try:
            connection.request("GET", self._path, headers=self._address.headers)
            response = connection.getresponse()
            if response.status != 200:
                return _refusal(response)
            answered()
            self._read(response)
        except TimeoutError:
            return f"silent for {SILENCE:g} s"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return getattr(error, "strerror", None) or str(error) or type(error).__name__
        finally:
            connection.close()
        return "the stream ended"

    def _read(self, response: http.client.HTTPResponse) -> None:
        while not self._stopped.is_set():
            line = response.readline(MOST_LINE)
            if not line:
                return
            if line.startswith(b"data:"):
                self._take(line[5:])

    def _take(self, text: bytes) -> None:
        event = json.loads(text)  # ValueError: this is no such stream, or a line was cut at its limit
        if isinstance(event, dict):
            self._event(event)
