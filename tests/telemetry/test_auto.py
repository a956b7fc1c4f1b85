"""``opentelemetry-instrument python app.py``: everything arrives with no line of ours in the application."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hystrixpy.demo.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
pytestmark = pytest.mark.skipif(not INSTRUMENT.exists(), reason="opentelemetry-distro is not installed")

APP = """
from hystrixpy import command

@command(isolation="semaphore")
def shout(word):
    return word.upper()

for word in ("a", "b", "c"):
    assert shout(word) == word.upper()
try:
    shout(None)
except AttributeError:
    pass
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory for PYTHONPATH that makes our entry points known, also where hystrixpy is not installed."""
    info = tmp_path / "hystrixpy-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hystrixpy\nVersion: 0\n")
    entry = "hystrixpy_otlp = hystrixpy.telemetry.exporter:otlp_exporter"
    (info / "entry_points.txt").write_text(f"[opentelemetry_metrics_exporter]\n{entry}\n")
    return tmp_path


@pytest.fixture(params=["grpc", "http/protobuf"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    if request.param == "grpc":  # no wheel of grpcio for a free-threaded Python
        pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    with Receiver("grpc" if request.param == "grpc" else "http") as receiver:
        yield receiver


@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_metrics_histograms_and_spans_arrive(receiver: Receiver, site: Path, temporality: str) -> None:
    """Three successes and a failure, over either protocol and in either temporality."""
    app = site / "app.py"
    app.write_text(APP)
    settings = {
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_METRICS_EXPORTER": "hystrixpy_otlp",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if receiver.protocol == "grpc" else "http/protobuf",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
    }
    done = subprocess.run(
        [INSTRUMENT, sys.executable, app], env=os.environ | settings, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    received = receiver.received
    assert received.total("hystrix.command.events", {"hystrix.event": "success"}) == 3
    assert received.total("hystrix.command.events", {"hystrix.event": "failure"}) == 1
    assert received.histogram_count("hystrix.command.duration") == 4
    assert [span.status for span in received.spans_named("shout")] == [0, 0, 0, 2]
    assert {span.resource["service.name"] for span in received.spans} == {"shop"}
