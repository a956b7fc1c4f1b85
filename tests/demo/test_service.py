"""The demo's service answers over real sockets as it is told to."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing

import pytest

from hystrixpy.demo.script import Conduct
from hystrixpy.demo.service import Service


def request(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of one GET."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def test_healthy_resource_answers_with_json() -> None:
    """A healthy resource says what was asked for."""
    with Service(lambda _: Conduct(0.0)) as service:
        status, body = request(service.port, "/users/42")
    assert status == http.client.OK
    assert json.loads(body) == {"id": "42", "resource": "users"}


def test_failing_resource_answers_503() -> None:
    """A failing one fails, and only that one."""
    conduct = {"users": Conduct(0.0, failing=1.0), "prices": Conduct(0.0)}
    with Service(conduct.__getitem__) as service:
        assert request(service.port, "/users/1")[0] == http.client.SERVICE_UNAVAILABLE
        assert request(service.port, "/prices/1")[0] == http.client.OK


def test_hanging_resource_answers_when_it_may() -> None:
    """A hanging answer is only late: it comes once the conduct changes."""
    conduct = {"reports": Conduct(0.0, hangs=True)}
    asked = threading.Event()

    def look(resource: str) -> Conduct:
        asked.set()
        return conduct[resource]

    statuses = []
    with Service(look) as service:
        caller = threading.Thread(target=lambda: statuses.append(request(service.port, "/reports/1")[0]))
        caller.start()
        asked.wait(30)
        assert statuses == []
        conduct["reports"] = Conduct(0.0)
        caller.join(30)
    assert statuses == [http.client.OK]


def test_the_end_drops_hanging_connections() -> None:
    """Closing the service frees whoever still waits for it."""
    asked = threading.Event()

    def look(_: str) -> Conduct:
        asked.set()
        return Conduct(0.0, hangs=True)

    with Service(look) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        connection.request("GET", "/reports/1")
        asked.wait(30)
    with closing(connection), pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
