"""The ASGI application: by hand, and mounted in Starlette under uvicorn."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

import hystrixpy
from hystrixpy.stream.asgi_app import AsgiApp
from tests.dashboard.fake_world import site_of
from tests.stream.client import Client, get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.stream.site import Site
    from tests.dashboard.fake_world import World


@pytest.fixture
def site(world: World) -> Site:
    return site_of(world)


class Visitor:
    """A server's side of one request; ``leave`` is the client hanging up."""

    def __init__(self, path: str, *, method: str = "GET", root: str = "", query: str = "") -> None:
        self.scope = {"type": "http", "method": method, "path": path, "root_path": root, "query_string": query.encode()}
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.sent.put(message)

    async def visit(self, app: AsgiApp) -> tuple[int, dict[bytes, bytes], bytes]:
        await app(self.scope, self.receive, self.send)
        start, body = await self.sent.get(), await self.sent.get()
        return start["status"], dict(start["headers"]), body["body"]


@pytest.mark.parametrize("root", ["", "/ops", "/a/b"])
@pytest.mark.parametrize("stripped", [True, False])
def test_paths_are_relative_to_the_mount(site: Site, root: str, stripped: bool) -> None:
    """Whether the framework leaves the prefix in the path or takes it out."""

    async def main() -> None:
        visitor = Visitor(("" if stripped else root) + "/hystrix.stream", root=root, method="HEAD")
        assert (await visitor.visit(AsgiApp(site)))[0] == 200
        visitor = Visitor(("" if stripped else root) + "/nowhere", root=root)
        assert (await visitor.visit(AsgiApp(site)))[0] == 404

    asyncio.run(main())


def test_prefix_is_whole_names_only(site: Site) -> None:
    """/opsy is not below /ops."""
    status, _, _ = asyncio.run(Visitor("/opsy/hystrix.stream", root="/ops").visit(AsgiApp(site)))
    assert status == 404


def test_mount_without_its_slash_is_sent_there(site: Site) -> None:
    """The page's relative links need it."""
    status, headers, _ = asyncio.run(Visitor("/ops", root="/ops").visit(AsgiApp(site)))
    assert (status, headers[b"location"]) == (308, b"/ops/")


def test_it_is_read_only(site: Site) -> None:
    """405, here too."""
    assert asyncio.run(Visitor("/hystrix.stream", method="POST").visit(AsgiApp(site)))[0] == 405


def test_any_host_is_answered(site: Site) -> None:
    """The Host check is the mounting application's."""
    visitor = Visitor("/")
    visitor.scope["headers"] = [(b"host", b"anything.example")]
    assert asyncio.run(visitor.visit(AsgiApp(site)))[0] == 200


def test_place_comes_back_when_the_client_leaves(site: Site) -> None:
    """Five watch, the sixth is refused, one leaves, the seventh watches."""

    async def main() -> None:
        app = AsgiApp(site)
        visitors = [Visitor("/hystrix.stream") for _ in range(5)]
        tasks = [asyncio.ensure_future(app(each.scope, each.receive, each.send)) for each in visitors]
        for each in visitors:
            assert (await each.sent.get())["status"] == 200
        assert (await Visitor("/hystrix.stream").visit(app))[0] == 503
        visitors[0].gone.set()
        await tasks[0]
        seventh = Visitor("/hystrix.stream")
        task = asyncio.ensure_future(app(seventh.scope, seventh.receive, seventh.send))
        assert (await seventh.sent.get())["status"] == 200
        for each in (*visitors, seventh):
            each.gone.set()
        await asyncio.gather(*tasks, task)

    asyncio.run(main())


def test_cancelled_server_task_gives_its_place_back(site: Site) -> None:
    """A server that shuts down cancels what runs."""

    async def main() -> None:
        app = AsgiApp(site)
        for _ in range(10):
            visitor = Visitor("/hystrix.stream")
            task = asyncio.ensure_future(app(visitor.scope, visitor.receive, visitor.send))
            assert (await visitor.sent.get())["status"] == 200
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_client_that_does_not_read_is_given_up_when_it_leaves(site: Site) -> None:
    """send() that waits for ever ends with the client."""

    async def main() -> None:
        visitor = Visitor("/hystrix.stream")
        stuck = asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                stuck.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(AsgiApp(site)(visitor.scope, visitor.receive, send))
        await stuck.wait()
        visitor.gone.set()
        await asyncio.wait_for(task, 5)

    asyncio.run(main())


def test_closed_site_ends_its_streams(site: Site) -> None:
    """The body is finished properly; a newcomer is told."""

    async def main() -> None:
        visitor = Visitor("/hystrix.stream")
        task = asyncio.ensure_future(AsgiApp(site)(visitor.scope, visitor.receive, visitor.send))
        await visitor.sent.get()
        site.close()
        await asyncio.wait_for(task, 5)
        while not visitor.sent.empty():
            last = await visitor.sent.get()
        assert last == {"type": "http.response.body", "body": b""}
        status, _, body = await Visitor("/hystrix.stream").visit(AsgiApp(site))
        assert (status, body) == (503, b"Service has been shut down.\n")

    asyncio.run(main())


def test_shutdown_lets_the_thread_of_the_samples_go() -> None:
    """An open stream ends properly, no thread of ours is left, and after a reset there are streams again."""

    async def until_it_ends() -> Any:
        visitor = Visitor("/hystrix.stream")
        task = asyncio.ensure_future(hystrixpy.stream.asgi(visitor.scope, visitor.receive, visitor.send))
        assert (await visitor.sent.get())["status"] == 200
        await visitor.sent.get()
        hystrixpy.shutdown()
        await asyncio.wait_for(task, 5)
        while not visitor.sent.empty():
            last = await visitor.sent.get()
        return last

    for _ in range(2):
        hystrixpy.reset()
        assert asyncio.run(until_it_ends()) == {"type": "http.response.body", "body": b""}
        assert [thread for thread in threading.enumerate() if thread.name.startswith("hystrix-stream")] == []


def test_lifespan_is_answered(site: Site) -> None:
    """So that it can be the outermost application, too."""

    async def main() -> list[str]:
        said: list[str] = []
        asked = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, Any]:
            return {"type": next(asked)}

        async def send(message: Any) -> None:
            said.append(message["type"])

        await AsgiApp(site)({"type": "lifespan"}, receive, send)
        return said

    assert asyncio.run(main()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


class Uvicorn:
    """An application under uvicorn in a thread; has the ``port`` that ``Client`` wants."""

    def __init__(self, app: Any) -> None:
        import uvicorn

        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)
        self.sock.listen()  # so that nobody has to wait until it has started
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.sock]})
        self.thread.start()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        self.sock.close()


@pytest.fixture
def mounted(site: Site) -> Iterator[Uvicorn]:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    server = Uvicorn(Starlette(routes=[Mount("/ops", AsgiApp(site))]))
    yield server
    site.close()
    server.close()


def test_mounted_in_starlette(mounted: Any) -> None:
    """The stream, the page and its files, below the mount."""
    with Client(mounted) as client:
        status, headers = client.ask("/ops/hystrix.stream").head()
        assert (status, headers["content-type"]) == (200, "text/event-stream;charset=UTF-8")
        assert [client.event()["type"] for _ in range(4)][3] == "HystrixCommand"
    for path in ("/ops/", "/ops/app.js", "/ops/hystrixpy/sources.json"):
        assert get(mounted, path, more="Connection: close\r\n")[0] == 200
    assert get(mounted, "/ops/hystrix.stream", method="POST", more="Connection: close\r\n")[0] == 405
