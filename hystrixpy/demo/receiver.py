"""A small OTLP collector on loopback, for the demo and the tests: keeps what it gets (needs the extra ``otlp``)."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

from hystrixpy.demo.received import Received

try:
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
except ImportError as missing:
    raise ImportError("the OTLP receiver needs the extra 'otlp': pip install 'hystrixpy[otlp]'") from missing

__all__ = ["Receiver"]

Protocol = Literal["grpc", "http"]
LOOPBACK = "127.0.0.1"
GRPC_SERVICES = {
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "/v1/metrics",
    "opentelemetry.proto.collector.trace.v1.TraceService": "/v1/traces",
}


class Receiver:
    """Listens for OTLP over gRPC or HTTP (gzip too) on loopback; a context manager.

    ``receiver.endpoint`` is what an exporter or ``telemetry.setup`` is given, ``receiver.received`` what arrived.
    After ``stop()`` the port refuses connections; ``start()`` listens on the same port again and nothing received is
    forgotten. ``port=0`` takes a free one; a taken port is an ``OSError``.
    """

    def __init__(self, protocol: Protocol = "grpc", port: int = 0) -> None:
        self.protocol = protocol
        self.port = port
        self.received = Received()
        self._stop: Callable[[], object] | None = None

    @property
    def endpoint(self) -> str:
        """The base URL, http://127.0.0.1:<port>."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Listen; returns once connections are accepted."""
        if self._stop is None:
            listen = _listen_grpc if self.protocol == "grpc" else _listen_http
            self.port, self._stop = listen(self.port, self._accept)

    def stop(self) -> None:
        """Stop listening, and drop the connections there are."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self, path: str, body: bytes) -> bytes | None:
        """Keep one export; the answer to send, or None for a path that is not OTLP's."""
        if path == "/v1/metrics":
            self.received.add_metrics(metrics.ExportMetricsServiceRequest.FromString(body))
            return bytes(metrics.ExportMetricsServiceResponse().SerializeToString())
        if path == "/v1/traces":
            self.received.add_spans(traces.ExportTraceServiceRequest.FromString(body))
            return bytes(traces.ExportTraceServiceResponse().SerializeToString())
        return None


Accept = Callable[[str, bytes], bytes | None]


def _listen_grpc(port: int, accept: Accept) -> tuple[int, Callable[[], object]]:
    try:
        import grpc
    except ImportError as missing:
        raise ImportError("OTLP over gRPC needs the extra 'otlp': pip install 'hystrixpy[otlp]'") from missing

    def export_to(path: str) -> Any:
        # Bytes in, bytes out: the receiver parses them itself, as it does over HTTP.
        return grpc.unary_unary_rpc_method_handler(lambda body, _context: accept(path, body))

    # A taken port must be an error: by default gRPC would share it.
    server = grpc.server(ThreadPoolExecutor(4, "otlp-receiver"), options=[("grpc.so_reuseport", 0)])
    for name, path in GRPC_SERVICES.items():
        handler = grpc.method_handlers_generic_handler(name, {"Export": export_to(path)})
        server.add_generic_rpc_handlers((handler,))
    try:
        bound = server.add_insecure_port(f"{LOOPBACK}:{port}")
    except RuntimeError as failed:
        raise OSError(f"the OTLP receiver can not listen on {LOOPBACK}:{port}: {failed}") from failed
    server.start()
    return bound, lambda: server.stop(grace=None).wait()


def _listen_http(port: int, accept: Accept) -> tuple[int, Callable[[], object]]:
    server = _Server((LOOPBACK, port), _Handler)
    server.accept = accept
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="otlp-receiver", daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_address[1], stop


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    accept: Accept


class _Handler(BaseHTTPRequestHandler):
    """OTLP/HTTP with protobuf: POST to /v1/metrics and /v1/traces."""

    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        answer = self.server.accept(self.path, body)
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer or b"")))
        self.end_headers()
        self.wfile.write(answer or b"")

    def log_message(self, *_: object) -> None:
        """Silent: the demo's screen belongs to the circuits."""
