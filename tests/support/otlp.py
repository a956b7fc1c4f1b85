"""The OTLP receiver of the demo, for tests; skips them where its packages are not installed."""

from __future__ import annotations

import pytest

pytest.importorskip("opentelemetry.proto", reason="opentelemetry-proto is not installed here")

from hystrixpy.demo.received import Histogram, Point, Received, Span
from hystrixpy.demo.receiver import Receiver

__all__ = ["Histogram", "Point", "Received", "Receiver", "Span"]
