"""The server on a real socket: who is answered, with what, and that nobody can make it wait."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy.stream.channel import LIMIT
from hystrixpy.stream.server import StreamServer
from tests.dashboard.fake_world import World, site_of
from tests.stream.client import Client, get
from tests.stream.fakes import FakeCircuit

if TYPE_CHECKING:
    from pathlib import Path


def test_it_listens_when_it_returns(server: StreamServer) -> None:
    """Port 0 is any free port; ``url`` says which."""
    assert server.port > 0
    assert server.url == f"http://127.0.0.1:{server.port}"
    socket.create_connection(("127.0.0.1", server.port)).close()


def test_stream_has_hystrix_headers_and_framing(server: StreamServer) -> None:
    """Content type and cache headers as the servlet sends them; an event, an empty line, a ping."""
    with Client(server) as client:
        status, headers = client.ask("/hystrix.stream").head()
        assert status == 200
        assert headers["content-type"] == "text/event-stream;charset=UTF-8"
        assert headers["cache-control"] == "no-cache, no-store, max-age=0, must-revalidate"
        assert headers["pragma"] == "no-cache"
        lines = [client.file.readline() for _ in range(8)]
        assert [line[:6] for line in lines] == [b"data: ", b"\n"] * 3 + [b"ping: ", b"\n"]


def test_commands_come_before_pools_before_collapsers(server: StreamServer) -> None:
    """One event each, every sample."""
    with Client(server) as client:
        client.ask("/hystrix.stream").head()
        types = [client.event()["type"] for _ in range(6)]
        assert types == ["HystrixCommand", "HystrixThreadPool", "HystrixCollapser"] * 2


def test_stream_follows_what_changes(server: StreamServer, world: World) -> None:
    """The next sample shows the new number, and a circuit that is new."""
    with Client(server) as client:
        client.ask("/hystrix.stream").head()
        client.event()
        world.all_circuits[0].active = 7
        world.all_circuits.append(FakeCircuit(key="New"))
        seen = set()
        while ("New", 0) not in seen:
            event = client.event()
            seen.add((event["name"], event.get("currentConcurrentExecutionCount")))
        assert ("GetUser", 7) in seen


@pytest.mark.parametrize("path", ["/hystrix/utilization.stream", "/hystrix/config.stream", "//hystrix.stream"])
def test_other_streams_are_there(server: StreamServer, path: str) -> None:
    """Each sends at once."""
    with Client(server) as client:
        assert client.ask(path).head()[0] == 200
        assert client.event()["type"].startswith("Hystrix")


def test_unknown_path_is_not_found(server: StreamServer) -> None:
    """The answer names what there is."""
    status, _, body = get(server, "/hystrix.stream/../secret")
    assert status == 404
    assert b"/hystrix.stream" in body


@pytest.mark.parametrize(
    "path", ["/proxy.stream?origin=http://127.0.0.1:1/", "/../../etc/passwd", "/static/../assets.py"]
)
def test_nothing_is_fetched_or_read_for_anybody(server: StreamServer, path: str) -> None:
    """No proxy, no file outside the page's own."""
    assert get(server, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "get", "CONNECT"])
def test_it_is_read_only(server: StreamServer, method: str) -> None:
    """405 with what is allowed, on every path."""
    for path in ("/hystrix.stream", "/", "/nowhere"):
        status, headers, _ = get(server, path, method=method)
        assert status == 405
        assert headers["allow"] == "GET, HEAD"


def test_post_with_a_body_still_gets_its_answer(server: StreamServer) -> None:
    """The unread body does not reset the connection before the answer is read."""
    with Client(server) as client:
        client.ask("/", method="POST", more="Content-Length: 50000\r\n")
        client.sock.sendall(b"x" * 50000)
        assert client.head()[0] == 405
        assert b"read-only" in client.rest()


def test_head_of_a_stream_is_its_head_only(server: StreamServer) -> None:
    """And takes no place."""
    for _ in range(LIMIT + 1):
        status, headers, body = get(server, "/hystrix.stream", method="HEAD")
        assert (status, headers["content-type"], body) == (200, "text/event-stream;charset=UTF-8", b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "LocalHost:80", "127.0.0.1:9", "ops.example:1"])
def test_known_hosts_are_answered(world: World, host: str) -> None:
    """Ours, with any port, and what it was told."""
    with StreamServer(site_of(world), "127.0.0.1", 0, ["ops.example"]) as server:
        assert get(server, "/", host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:8989", "", None, "[::2]"]
)
def test_other_hosts_are_forbidden(server: StreamServer, host: str | None) -> None:
    """DNS rebinding ends here: no path is answered under a foreign name, or without one."""
    for path in ("/", "/hystrix.stream"):
        status, _, body = get(server, path, host=host)
        assert status == 403
        assert b"allowed_hosts" in body


def test_two_hosts_are_one_too_many(server: StreamServer) -> None:
    """Nobody can argue about which of them counts."""
    assert get(server, "/", more="Host: evil.example\r\n")[0] == 400


def test_a_single_allowed_host_may_be_a_string(world: World) -> None:
    """``allowed_hosts="ops"`` does not allow o, p and s."""
    with StreamServer(site_of(world), "127.0.0.1", 0, "ops") as server:
        assert get(server, "/", host="ops")[0] == 200
        assert get(server, "/", host="o")[0] == 403


def test_sixth_client_of_a_stream_is_refused(server: StreamServer) -> None:
    """503 with Hystrix's words; the other streams have places of their own, and a place comes back."""
    clients = [Client(server).ask("/hystrix.stream") for _ in range(LIMIT)]
    assert [client.head()[0] for client in clients] == [200] * LIMIT
    status, _, body = get(server, "/hystrix.stream")
    assert (status, body) == (503, b"MaxConcurrentConnections reached: 5\n")
    with Client(server) as other:
        assert other.ask("/hystrix/utilization.stream").head()[0] == 200
    clients.pop().close()
    while get_status(server) == 503:  # the server notices the end of a client when its socket tells
        pass
    for client in clients:
        client.close()


def get_status(server: StreamServer) -> int:
    with Client(server) as client:
        return client.ask("/hystrix.stream").head()[0]


def test_idle_connections_take_no_place(server: StreamServer) -> None:
    """Connections that ask nothing are no clients of a stream."""
    idle = [Client(server) for _ in range(20)]
    assert get_status(server) == 200
    for each in idle:
        each.close()


def test_crowd_of_idle_connections_is_thinned(server: StreamServer) -> None:
    """More than the server keeps: the oldest that does nothing goes, the streams stay."""
    with Client(server) as watcher:
        watcher.ask("/hystrix.stream").head()
        idle = [Client(server) for _ in range(200)]
        assert get(server, "/")[0] == 200
        assert idle[0].rest() == b""
        assert watcher.event()["type"] == "HystrixCommand"
        for each in idle:
            each.close()


def test_request_in_pieces_is_one_request(server: StreamServer) -> None:
    """Byte by byte."""
    with Client(server) as client:
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n":
            client.sock.sendall(bytes([byte]))
        assert client.head()[0] == 200


def test_endless_head_is_cut(server: StreamServer) -> None:
    """431 after 16 KiB, whatever else is still to come."""
    with Client(server) as client:
        client.sock.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 20000)
        assert client.head()[0] == 431


def test_nonsense_is_a_bad_request(server: StreamServer) -> None:
    """400, and the server lives on."""
    with Client(server) as client:
        client.sock.sendall(b"\x16\x03\x01\r\n\r\n")
        assert client.head()[0] == 400
    assert get(server, "/")[0] == 200


def test_client_that_never_reads_holds_nobody_up(world: World) -> None:
    """Megabytes wait for one client; another one's samples come as always, and at most one is kept for the first."""
    world.all_circuits += [FakeCircuit(key=f"{number}-{'x' * 3000}") for number in range(500)]
    server = StreamServer(site_of(world), "127.0.0.1", 0)
    with server, Client(server, receive_buffer=4096) as deaf, Client(server) as eager:
        deaf.ask("/hystrix.stream")
        eager.ask("/hystrix.stream").head()
        for _ in range(3 * 503):
            eager.event()
        connections = server._loop._connections.values()
        (stuck,) = [each for each in connections if each.sock.getpeername() == deaf.sock.getsockname()]
        assert len(stuck._outbox) == 1
        assert len(stuck._outbox[0].obj) < 5_000_000


def test_taken_port_is_an_os_error(server: StreamServer, world: World) -> None:
    """At once, with the port in the message."""
    with pytest.raises(OSError, match=str(server.port)):
        StreamServer(site_of(world), "127.0.0.1", server.port)


def test_taken_port_names_the_way_out(server: StreamServer, world: World) -> None:
    """Whoever reads it at night learns what to do."""
    with pytest.raises(OSError, match="port=0 takes any free one"):
        StreamServer(site_of(world), "127.0.0.1", server.port)


@pytest.mark.parametrize("port", [-1, 65536, 70000])
def test_port_beyond_the_range_is_refused(world: World, port: int) -> None:
    """The resolver would take 70000 for 4464: the range is named instead."""
    with pytest.raises(ValueError, match=rf"port={port}: must be 0 .* to 65535"):
        StreamServer(site_of(world), "127.0.0.1", port)


@pytest.mark.parametrize("port", [None, True, "http", 1.5])
def test_port_is_a_whole_number(world: World, port: Any) -> None:
    """None is not any free port: that is 0."""
    with pytest.raises(TypeError, match="port="):
        StreamServer(site_of(world), "127.0.0.1", port)


@pytest.mark.parametrize(("host", "allowed"), [(None, ()), (0, ()), ("127.0.0.1", [8989]), ("127.0.0.1", [None])])
def test_hosts_are_names(world: World, host: Any, allowed: Any) -> None:
    """Told by the wrong value, before anything listens."""
    with pytest.raises(TypeError, match="host"):
        StreamServer(site_of(world), host, 0, allowed)


def test_unknown_name_is_an_os_error(world: World) -> None:
    """With the name in the message, which the resolver leaves out."""
    with pytest.raises(OSError, match=r"cannot serve on nowhere\.invalid port 0"):
        StreamServer(site_of(world), "nowhere.invalid", 0)


def test_ipv6_address_is_allowed_with_and_without_brackets(world: World) -> None:
    """Browsers send the brackets, people leave them out."""
    with StreamServer(site_of(world), "127.0.0.1", 0, ["2001:db8::1", "[2001:db8::2]"]) as server:
        for host in ("[2001:db8::1]", "[2001:DB8::1]:80", "[2001:db8::2]:80"):
            assert get(server, "/", host=host)[0] == 200


def test_foreign_address_is_an_os_error(world: World) -> None:
    """192.0.2.1 belongs to nobody."""
    with pytest.raises(OSError, match=r"192\.0\.2\.1"):
        StreamServer(site_of(world), "192.0.2.1", 0)


def test_close_hangs_up_and_frees_the_port(world: World) -> None:
    """Clients see the end, a second close is harmless, and the port can be taken again at once."""
    server = StreamServer(site_of(world), "127.0.0.1", 0)
    with Client(server) as client:
        client.ask("/hystrix.stream").head()
        client.event()
        server.close()
        server.close()
        client.rest()
    StreamServer(site_of(world), "127.0.0.1", server.port).close()


def test_with_block_closes(world: World) -> None:
    """And repr says so."""
    with StreamServer(site_of(world), "127.0.0.1", 0) as server:
        assert server.url in repr(server)
    assert "closed" in repr(server)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_url_of_a_wildcard_can_be_opened(world: World) -> None:
    """0.0.0.0 is where it listens, not where one goes; under it only known names are answered."""
    with StreamServer(site_of(world), "0.0.0.0", 0) as server:
        assert server.host == "0.0.0.0"
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert get(server, "/", host="0.0.0.0")[0] == 403


def test_ipv6_loopback(world: World) -> None:
    """The address gets its brackets."""
    try:
        server = StreamServer(site_of(world), "::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server, socket.create_connection(("::1", server.port)) as sock:
        assert server.url == f"http://[::1]:{server.port}"
        sock.sendall(f"GET / HTTP/1.0\r\nHost: [::1]:{server.port}\r\n\r\n".encode())
        assert sock.recv(12) == b"HTTP/1.1 200"


def test_fault_in_an_answer_costs_one_client(server: StreamServer, caplog: pytest.LogCaptureFixture) -> None:
    """The server logs it, drops that client, and goes on."""

    def broken() -> None:
        raise ZeroDivisionError

    server._site._documents = {"/broken": broken}
    with Client(server) as client:
        assert client.ask("/broken").rest() == b""
    assert "dropped by a fault" in caplog.text
    assert get(server, "/")[0] == 200
    assert server._site._assets is not None


def test_page_cannot_do_anything_but_show(server: StreamServer) -> None:
    """A strict policy, no framing, no sniffing, and a length."""
    status, headers, body = get(server, "/")
    policy = headers["content-security-policy"]
    assert status == 200
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(body)
    assert get(server, "/", method="HEAD")[1]["content-length"] == headers["content-length"]


def test_server_knows_no_paths_of_the_disk(server: StreamServer, tmp_path: Path) -> None:
    """Only what lay in the page's folder: an encoded way out leads nowhere."""
    (tmp_path / "secret.js").write_text("secret")
    for path in (str(tmp_path / "secret.js"), "/%2e%2e/assets.py", "/..%2fassets.py", "/vendor/..%2f..%2fassets.py"):
        assert get(server, path)[0] == 404


def test_localhost_is_where_everybody_looks(world: World) -> None:
    """A name with addresses of both kinds listens on the old one."""
    with StreamServer(site_of(world), "localhost", 0) as server:
        assert server.url == f"http://localhost:{server.port}"
        assert get(server, "/")[0] == 200
