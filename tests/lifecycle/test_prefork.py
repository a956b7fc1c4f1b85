"""Thread commands in a real prefork server: workers start clean, whatever the master was in the middle of."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

import pytest

from tests.support.gunicorn import gunicorn, needs_gunicorn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_gunicorn

APP = """
import json, os, threading, time
from hystrixpy import CommandProperties, EventType, command, metrics, thread_pool

@command(thread_pool="fetch")
def fetch():
    return threading.current_thread().name

@command(timeout=0.05, thread_pool="hang", fallback=lambda seconds: "gave up")
def hang(seconds):
    time.sleep(seconds)

@command(timeout=0.05, thread_pool="stuck", fallback=lambda: "gave up")
def left():
    time.sleep(3600)

@command(timeout=None, thread_pool="stuck")
def stuck():
    begun.set()
    time.sleep(3600)

begun = threading.Event()

# The master's own life before the fork: a warm thread, a timer, one run in flight, one left behind by its caller.
fetch()
left()
stuck.queue()
begun.wait()
MASTER = {"pid": os.getpid(), "active": thread_pool("stuck").active, "abandoned": metrics("left").abandoned}

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    answer = {
        "master": MASTER,
        "pid": os.getpid(),
        "in flight": [thread_pool("stuck").active, metrics("stuck").concurrency, metrics("left").abandoned],
        "thread": fetch(),
        "fetched": metrics("fetch").cumulative_count(EventType.SUCCESS),
        "execute": hang(0.2),
        "queue": hang.queue(0.2).result(),
    }
    return [json.dumps(answer).encode()]
"""

REQUESTS = 8


@pytest.fixture(params=[(), ("--worker-class", "gthread", "--threads", "4")], ids=["sync", "threads"])
def url(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A server whose master has loaded the application, and used it, before it forked two workers."""
    (tmp_path / "app.py").write_text(APP)
    with gunicorn(tmp_path, "--preload", "-w", "2", *request.param) as url:
        yield url


def ask(url: str) -> dict[str, Any]:
    with urlopen(url, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_workers_of_a_busy_master_start_clean(url: str) -> None:
    """Nothing in flight, threads and timer of their own, and counters that go on from the master's one call."""
    with ThreadPoolExecutor(4) as crowd:
        answers = list(crowd.map(ask, [url] * REQUESTS))
    for answer in answers:
        assert (answer["master"]["active"], answer["master"]["abandoned"]) == (2, 1)
        assert answer["pid"] != answer["master"]["pid"]
        assert answer["in flight"] == [0, 0, 0]
        assert answer["thread"].startswith("hystrix-fetch-")
        assert answer["fetched"] >= 2
        assert (answer["execute"], answer["queue"]) == ("gave up", "gave up")
