"""Where the demo's numbers go: to a collector that was named, or to a receiver of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from hystrixpy.demo.receiver import Receiver
from hystrixpy.telemetry import setup

if TYPE_CHECKING:
    from hystrixpy.demo.received import Received

__all__ = ["Collector"]

INTERVAL = 1.0
"""Seconds between two exports."""


class Collector:
    """Exports over OTLP/gRPC while its ``with`` block lasts; ``received`` is None if the collector is not ours."""

    def __init__(self, endpoint: str | None) -> None:
        self.received: Received | None = None
        self._endpoint = endpoint
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        endpoint = self._endpoint or self._own()
        # Traces are for a collector that can show them: at the demo's rate they would only cost here.
        self._handle = setup(endpoint=endpoint, protocol="grpc", interval=INTERVAL, traces=self.received is None)
        self._stack.callback(self._handle.shutdown)
        self.story = f"the numbers go over OTLP to {'a receiver of the demo, ' if self.received else ''}{endpoint}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def flush(self) -> None:
        """Export what has been counted by now."""
        self._handle.flush(10.0)

    def _own(self) -> str:
        receiver = self._stack.enter_context(Receiver("grpc"))
        self.received = receiver.received
        return receiver.endpoint
