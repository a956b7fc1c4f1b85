"""A real gunicorn: what its workers export adds up to what they did, preloaded or not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.request import urlopen

import pytest

from hystrixpy.demo.receiver import Receiver
from tests.support.gunicorn import gunicorn, needs_gunicorn

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = needs_gunicorn

APP = """
from hystrixpy import command

@command(isolation="semaphore")
def greet():
    return b"hello"

greet()   # in the master, when preloaded: 1 call that the workers must not tell again

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [greet()]
"""

IN_WORKER = """
def post_worker_init(worker):
    from hystrixpy import telemetry
    worker.telemetry = telemetry.setup(protocol="http", interval=60, traces=False)

def worker_exit(server, worker):
    worker.telemetry.shutdown()
"""

IN_MASTER = """
from hystrixpy import telemetry
handle = telemetry.setup(protocol="http", interval=60, traces=False)

def worker_exit(server, worker):
    handle.flush()

def on_exit(server):
    handle.shutdown()
"""

WORKERS = 2
REQUESTS = 20


def serve(tmp_path: Path, receiver: Receiver, conf: str, temporality: str, *options: str) -> None:
    """Start gunicorn, make the requests, stop it as an init system does."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "gunicorn.conf.py").write_text(conf)
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
    }
    with gunicorn(tmp_path, "-w", str(WORKERS), *options, **settings) as url:
        for _ in range(REQUESTS):
            assert urlopen(url).read() == b"hello"


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
@pytest.mark.parametrize(
    ("conf", "options", "expected"),
    [
        (IN_WORKER, (), REQUESTS + WORKERS),  # each worker imports the application, and greets
        (IN_WORKER, ("--preload",), REQUESTS),  # the master greets; nobody exports for it
        (IN_MASTER, ("--preload",), REQUESTS + 1),  # the master exports its own greeting
    ],
    ids=["recipe", "recipe preloaded", "made in the master"],
)
def test_the_sum_over_workers_is_exact(
    tmp_path: Path, conf: str, options: tuple[str, ...], expected: int, temporality: str
) -> None:
    """Neither doubled nor negative, in either temporality, histograms included."""
    with Receiver("http") as receiver:
        serve(tmp_path, receiver, conf, temporality, *options)
        received = receiver.received
    assert all(point.value >= 0 for point in received.find("hystrix.command.events"))
    assert received.total("hystrix.command.events") == expected, (tmp_path / "log").read_text()
    assert received.histogram_count("hystrix.command.duration") == expected
