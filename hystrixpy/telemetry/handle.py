"""What ``setup()`` returns: flushing and shutting down a pipeline, each within a time that holds."""

from __future__ import annotations

import atexit
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from hystrixpy._native.watching import ignore_tracer
from hystrixpy.telemetry import record

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AT_EXIT", "Telemetry"]

AT_EXIT = 5.0
"""Seconds that the end of the program waits for the collector. The SDK alone would wait 20 for a dead one."""


class Telemetry:
    """The pipeline ``setup()`` made. As a context manager it shuts down at the end."""

    def __init__(
        self, meters: Any = None, exporter: Any = None, tracers: Any = None, spans: Any = None, target: str = "off"
    ) -> None:
        self._meters = meters
        self._exporter = exporter
        self._tracers = tracers
        self._spans = spans
        self._target = target
        self._lock = threading.Lock()
        self._down = False
        if meters is not None:
            atexit.register(self._at_exit)

    def flush(self, timeout: float = 10.0) -> bool:
        """Send everything now, waiting `timeout` seconds at most. True only if the collector took the metrics."""
        if self._meters is None or self._down:
            return self._meters is None
        return _within(timeout, self._flush_metrics, self._flush_spans)

    def shutdown(self, timeout: float = 10.0) -> None:
        """Send what is left and stop, waiting `timeout` seconds at most. A second call does nothing."""
        with self._lock:
            already, self._down = self._down, True
        if self._meters is not None and not already:
            atexit.unregister(self._at_exit)
            _within(timeout, self._shutdown_metrics, self._shutdown_spans)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<Telemetry {self._target}{', shut down' if self._down else ''}>"

    def _at_exit(self) -> None:
        self.shutdown(AT_EXIT)

    # Each is told how many seconds are left, and may take longer all the same: see _within.

    def _flush_metrics(self, left: float) -> bool:
        self._exporter.arrived = False  # force_flush() itself says True even while every export fails
        self._meters.force_flush(timeout_millis=left * 1000)
        return bool(self._exporter.arrived)

    def _flush_spans(self, left: float) -> bool:
        return self._tracers is None or bool(self._tracers.force_flush(timeout_millis=int(left * 1000)))

    def _shutdown_metrics(self, left: float) -> bool:
        self._meters.shutdown(timeout_millis=left * 1000)
        record.record_durations(False)
        return True

    def _shutdown_spans(self, left: float) -> bool:
        if self._tracers is not None:
            ignore_tracer(self._tracers)  # executions from now on need not make spans that go nowhere
            # The provider's own shutdown() knows no time limit; what is inside the processor does.
            batches = getattr(self._spans, "_batch_processor", None)
            if batches is not None:
                batches.shutdown(timeout_millis=left * 1000)
            self._tracers.shutdown()
        return True


def _within(timeout: float, *works: Callable[[float], bool]) -> bool:
    """Do all at once, for `timeout` seconds at most: an exporter retries a dead collector for longer than asked."""
    end, done = monotonic() + timeout, list[bool]()
    workers = [_begin(work, end, done) for work in works]
    for worker in workers:
        if worker is not None:
            worker.join(max(0.0, end - monotonic()))
    return len(done) == len(works) and all(done)


def _begin(work: Callable[[float], bool], end: float, done: list[bool]) -> threading.Thread | None:
    def perform() -> None:
        done.append(work(max(0.0, end - monotonic())))

    worker = threading.Thread(target=perform, name="hystrix-telemetry", daemon=True)
    try:
        worker.start()
    except RuntimeError:  # the program is ending: Python 3.12 starts no thread then
        perform()
        return None
    return worker
