"""The subcommands ``dashboard`` and ``top``, as the command line calls them."""

from __future__ import annotations

import argparse
import threading
from typing import TYPE_CHECKING, Any

import pytest

from hystrixpy.cli import dashboard, top
from tests.dashboard.fake_world import serve
from tests.dashboard.test_merged import until, world_with
from tests.stream.client import Client
from tests.stream.fakes import counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.stream.server import StreamServer


@pytest.fixture
def worker() -> Iterator[StreamServer]:
    with serve(world_with(rolling=counts(SUCCESS=3), health=(3, 0))) as server:
        yield server


def parsed(*arguments: str) -> Any:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    dashboard.add_parser(subparsers)
    top.add_parser(subparsers)
    return parser.parse_args(arguments)


def test_dashboard_serves_what_it_hears(worker: StreamServer, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints its address, serves the merged stream there, and ends with 0."""
    stop = threading.Event()
    status: list[int] = []
    arguments = parsed("dashboard", worker.url, "--port", "0")
    thread = threading.Thread(target=lambda: status.append(dashboard.run(arguments, stop)))
    thread.start()
    try:
        said = until(lambda: capsys.readouterr().out, "the address is printed")
        place = argparse.Namespace(port=int(said.split("http://127.0.0.1:")[1].split()[0]))
        with Client(place) as client:  # type: ignore[arg-type]
            client.ask("/hystrix.stream").head()
            assert client.event()["rollingCountSuccess"] == 3
    finally:
        stop.set()
        thread.join(20)
    assert status == [0]


def test_dashboard_tells_of_a_taken_port(worker: StreamServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Misuse is status 2 and one line."""
    assert dashboard.run(parsed("dashboard", worker.url, "--port", str(worker.port))) == 2
    assert str(worker.port) in capsys.readouterr().err


def test_dashboard_tells_of_an_impossible_port(worker: StreamServer, capsys: pytest.CaptureFixture[str]) -> None:
    """The range is named."""
    assert dashboard.run(parsed("dashboard", worker.url, "--port", "70000")) == 2
    assert "65535" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["dashboard", "top"])
def test_nonsense_is_no_address(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Named in the message."""
    arguments = parsed(command, "ftp://x")
    assert arguments.run(arguments) == 2
    assert "ftp://x" in capsys.readouterr().err


def test_top_prints_one_picture(worker: StreamServer, capsys: pytest.CaptureFixture[str]) -> None:
    """With --once: the table, and 0 since somebody was heard."""
    pytest.importorskip("rich")
    assert top.run(parsed("top", worker.url, "--once")) == 0
    assert "GetUser" in capsys.readouterr().out


def test_top_says_that_nobody_is_there(worker: StreamServer, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, and the reason."""
    pytest.importorskip("rich")
    worker.close()
    assert top.run(parsed("top", worker.url, "--once")) == 1
    assert "lost" in capsys.readouterr().out
