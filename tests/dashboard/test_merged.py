"""Listening to real servers: sums of the living, the lost shown as lost, hostile streams survived."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy.dashboard.merged import Merged
from hystrixpy.dashboard.reader import Address
from hystrixpy.stream.server import StreamServer
from tests.dashboard.fake_world import World, serve
from tests.stream.client import Client
from tests.stream.fakes import FakeCircuit, FakePool, counts, latencies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def until(condition: Callable[[], Any], what: str) -> Any:
    """The first true answer; the test fails when there is none for 20 s. Other threads do the work."""
    deadline = time.monotonic() + 20
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"never came true: {what}"
        threading.Event().wait(0.02)
    return answer


def world_with(**circuit: Any) -> World:
    world = World()
    world.all_circuits.append(FakeCircuit(**circuit))
    world.all_pools.append(FakePool())
    return world


@pytest.fixture
def workers() -> Iterator[list[StreamServer]]:
    """Two processes of one service."""
    one = world_with(rolling=counts(SUCCESS=3), health=(3, 0), latency=latencies([0.01] * 3))
    two = world_with(rolling=counts(SUCCESS=4, FAILURE=1), health=(5, 1), latency=latencies([0.5] * 5))
    servers = [serve(one), serve(two)]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def merged(workers: list[StreamServer]) -> Iterator[Merged]:
    merged = Merged([worker.url for worker in workers])
    yield merged
    merged.close()


def circuit_of(merged: Merged, hosts: int) -> dict[str, Any]:
    """The merged event of GetUser once so many processes report it."""

    def found() -> dict[str, Any] | None:
        events = [event for event in merged.events("GetUser") if event["reportingHosts"] == hosts]
        return events[0] if events else None

    return until(found, f"{hosts} processes report")  # type: ignore[no-any-return]


def test_two_processes_are_one(merged: Merged) -> None:
    """Sums, and the percentiles of all eight calls."""
    event = circuit_of(merged, 2)
    assert (event["rollingCountSuccess"], event["requestCount"], event["errorCount"]) == (7, 8, 1)
    assert event["hystrixpyLatencyExecute"]["count"] == 8
    assert event["hystrixpyLatencyExecute"]["99"] == pytest.approx(500, rel=0.05)


def test_vanished_process_is_shown_as_such(merged: Merged, workers: list[StreamServer]) -> None:
    """Out of the sums at once, in the list as lost, with a time and a reason; and back when it is back."""
    circuit_of(merged, 2)
    port = workers[0].port
    workers[0].close()
    event = circuit_of(merged, 1)
    assert event["rollingCountSuccess"] == 4
    lost, live = merged.sources()["sources"]
    assert (lost["state"], live["state"]) == ("lost", "live")
    assert lost["reason"]
    assert lost["since"] > 0
    workers[0] = StreamServer(workers[0]._site, "127.0.0.1", port)
    workers[0]._site.reopen()
    circuit_of(merged, 2)


def test_merged_stream_is_a_stream_like_any_other(merged: Merged) -> None:
    """The same server, page and framing; the other two streams make no sense for many processes."""
    circuit_of(merged, 2)
    with StreamServer(merged.site(), "127.0.0.1", 0) as server, Client(server) as client:
        client.ask("/hystrix.stream").head()
        assert [client.event()["reportingHosts"] for _ in range(2)] == [2, 2]
        for path, status in (("/", 200), ("/hystrix/request.stream", 404)):
            with Client(server) as other:
                assert other.ask(path).head()[0] == status


def test_config_tells_what_each_process_says(merged: Merged) -> None:
    """Explanations by process, for the detail view."""
    said = until(lambda: _instances(merged), "the config of a process arrives")
    assert all(each["hystrixpyExplain"] == "circuit 'GetUser' is closed" for each in said.values())


def _instances(merged: Merged) -> dict[str, Any]:
    config = json.loads(merged.config("GetUser")[6:])
    assert config["threadpools"] == {}
    return config["commands"].get("GetUser", {}).get("hystrixpyInstances", {})  # type: ignore[no-any-return]


def test_addresses_cannot_be_changed_from_outside(merged: Merged) -> None:
    """No parameter of any request reaches an address: there is no proxy."""
    circuit_of(merged, 2)
    before = [worker.address.url for worker in merged.workers]
    with StreamServer(merged.site(), "127.0.0.1", 0) as server:
        for path in ("/proxy.stream?origin=http://127.0.0.1:1/", "/hystrix.stream?url=http://127.0.0.1:1/"):
            with Client(server) as client:
                client.ask(path).head()
    assert [worker.address.url for worker in merged.workers] == before


@pytest.mark.parametrize(
    ("url", "path", "config"),
    [
        ("http://a:8989", "/hystrix.stream", "/hystrix/config.stream"),
        ("http://a:8989/", "/hystrix.stream", "/hystrix/config.stream"),
        ("a:8989", "/hystrix.stream", "/hystrix/config.stream"),
        ("https://a/ops/", "/ops/hystrix.stream", "/ops/hystrix/config.stream"),
        ("http://a/ops/hystrix.stream?x=1", "/ops/hystrix.stream?x=1", "/ops/hystrix/config.stream?x=1"),
        ("http://a/actuator/hystrix.stream", "/actuator/hystrix.stream", "/actuator/hystrix/config.stream"),
    ],
)
def test_addresses_are_understood(url: str, path: str, config: str) -> None:
    """A server, a mount, or the stream itself."""
    address = Address(url)
    assert (address.path, address.beside("hystrix/config.stream")) == (path, config)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "http://",
        "ftp://a/hystrix.stream",
        "http://a:70000",
        "http://a:x",
        "http://a:0",
        "://a",
    ],
)
def test_nonsense_is_no_address(url: str) -> None:
    """Told at the start, by name."""
    with pytest.raises(ValueError, match="no address"):
        Address(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:s%40cret@a:1/ops/hystrix.stream?token=s%40cret", "https://a:1/ops/hystrix.stream"),
        ("me:s%40cret@a:1", "http://a:1"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_secrets_of_an_address_are_not_shown(url: str, shown: str) -> None:
    """Whoever looks at the page learns where a process is, and nothing that opens a door there."""
    address = Address(url)
    assert address.shown == shown
    assert address.host in ("a", "::1")


def test_name_and_password_of_an_address_are_sent() -> None:
    """As basic authentication: a stream behind one can be merged."""
    assert Address("http://me:s%40cret@a").headers["Authorization"] == "Basic bWU6c0BjcmV0"  # me:s@cret
    assert "Authorization" not in Address("http://a").headers


def fake_worker(*lines: bytes, head: bytes = b"200 OK\r\nContent-Type: text/event-stream") -> tuple[socket.socket, str]:
    """Somebody who answers every request with these lines and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(4096)
                sock.sendall(b"HTTP/1.1 " + head + b"\r\n\r\n" + b"\n\n".join(lines) + b"\n\n")

    threading.Thread(target=answer, daemon=True).start()
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "line",
    [
        b"data: {not json",
        b'data: {"type":"HystrixCommand","name":"GetUser"}',
        b'data: {"type":"HystrixCommand","name":["GetUser"]}',
        b'data: {"type":"HystrixCommand","name":"GetUser","requestCount":"many","hystrixpyLatencyBuckets":7}',
        b'data: ["HystrixCommand"]',
        b"data: 7",
        b"\xff\xfe",
    ],
)
def test_hostile_stream_harms_nobody_else(line: bytes, workers: list[StreamServer]) -> None:
    """The other process is shown as always."""
    listener, url = fake_worker(line)
    merged = Merged([url, workers[0].url])
    try:
        until(lambda: merged.workers[0].status()["state"] == "lost", "the hostile one has spoken")
        assert circuit_of(merged, 1)["rollingCountSuccess"] == 3
    finally:
        merged.close()
        listener.close()


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"401 Unauthorized\r\nContent-Type: text/html", "HTTP status 401 Unauthorized"),
        (b"503 Service Unavailable\r\nContent-Type: text/plain;charset=UTF-8", "the words of the server"),
        (b"404 Not Found", "HTTP status 404 Not Found"),
    ],
)
def test_refusal_is_told_in_words(head: bytes, reason: str) -> None:
    """Those of the server where they are plain text; a page of HTML is none."""
    listener, url = fake_worker(b"the words of the server", head=head)
    merged = Merged([url])
    try:
        until(lambda: merged.workers[0].status()["state"] == "lost", "the refusal is noticed")
        assert merged.sources()["sources"][0]["reason"] == reason
    finally:
        merged.close()
        listener.close()


def test_no_stream_at_all_is_told() -> None:
    """Nobody listens there: lost, with the reason, and no circuit."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        merged = Merged([f"http://127.0.0.1:{unused.getsockname()[1]}"])
        try:
            until(lambda: merged.workers[0].status()["state"] == "lost", "the refusal is noticed")
            assert "refused" in merged.sources()["sources"][0]["reason"]
            assert merged.events() == []
        finally:
            merged.close()
