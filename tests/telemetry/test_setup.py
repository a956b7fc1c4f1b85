"""``telemetry.setup()``: one line to a collector, over both protocols, and the errors it is to give."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider

from hystrixpy.demo.receiver import Receiver
from hystrixpy.errors import PropertyError
from hystrixpy.telemetry import setup
from hystrixpy.telemetry.instruments import Binding
from hystrixpy.telemetry.ledger import Ledger
from hystrixpy.telemetry.pipeline import _reader
from hystrixpy.telemetry.table import INSTRUMENTS
from tests.telemetry.apps import run, succeed
from tests.telemetry.fakes import FakeCircuit, FakeSource, MemoryExporter

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = "hystrix.command.events"


@pytest.fixture(params=["grpc", "http"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    if request.param == "grpc":  # no wheel of grpcio for a free-threaded Python
        pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    with Receiver(request.param) as receiver:
        yield receiver


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ("grcp", "'grcp'.*did you mean 'grpc'"),
        ("HTTP", "'HTTP'.*did you mean 'http'"),
        ("", "'': it is 'grpc' or 'http'"),
        (["grpc"], "did you mean 'grpc'"),
    ],
)
def test_the_protocol_must_be_known(protocol: Any, message: str) -> None:
    """The message names the nearest."""
    with pytest.raises(PropertyError, match=message):
        setup(protocol=protocol)


def test_an_unknown_protocol_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable, too."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json")
    with pytest.raises(PropertyError, match=r"'http/json' \(OTEL_.*METRICS_PROTOCOL\).*did you mean 'http/protobuf'"):
        setup()


def test_an_http_endpoint_without_a_scheme() -> None:
    """Every export would fail; the message has the URL that would not."""
    with pytest.raises(PropertyError, match=r"'localhost:4318'.*did you mean 'http://localhost:4318'"):
        setup("localhost:4318", "http")


@pytest.mark.parametrize(
    "arguments",
    [
        {"interval": 0},
        {"interval": float("nan")},
        {"interval": True},
        {"interval": "10"},
        {"histograms": "x"},
        {"traces": "no"},
        {"endpoint": 4317},
        {"endpoint": ""},
    ],
)
def test_bad_arguments(arguments: dict[str, Any]) -> None:
    """Each is a PropertyError that names it."""
    with pytest.raises(PropertyError, match=next(iter(arguments))):
        setup(**arguments)


LOAD = """
circuit.count(EventType.SUCCESS, 10); circuit.record(5, 10)
assert handle.flush(10)
circuit.count(EventType.SUCCESS, 1); circuit.count(EventType.FAILURE, 2); circuit.record(9, 3)
"""


@pytest.mark.parametrize("temporality", ["cumulative", "delta", "lowmemory"])
def test_what_arrives_is_what_was_counted(receiver: Receiver, temporality: str) -> None:
    """Over both protocols and every temporality the collector's totals are the native ones, exactly."""
    succeed(
        f"handle = setup({receiver.endpoint!r}, {receiver.protocol!r}, interval=60){LOAD}handle.shutdown()",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=temporality,
    )
    received = receiver.received
    assert received.total(EVENTS, {"hystrix.event": "success"}) == 11
    assert received.total(EVENTS, {"hystrix.event": "failure"}) == 2
    points = received.find("hystrix.command.duration")
    assert received.histogram_count("hystrix.command.duration") == 13
    assert {point.cumulative for point in points} == {temporality == "cumulative"}
    assert all(point.start < point.time for point in points)


def test_the_environment_is_enough(receiver: Receiver) -> None:
    """Endpoint, protocol and service name come from OTEL_* variables when the call names none."""
    succeed(
        f"handle = setup(interval=60){LOAD}handle.shutdown()",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc" if receiver.protocol == "grpc" else "http/protobuf",
        OTEL_SERVICE_NAME="shop",
    )
    assert {point.resource["service.name"] for point in receiver.received.find(EVENTS)} == {"shop"}


def test_metrics_and_spans_may_have_a_protocol_each() -> None:
    """OTEL_EXPORTER_OTLP_METRICS_* and OTEL_EXPORTER_OTLP_TRACES_* are heard each for its own."""
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc")
    code = """
    from opentelemetry import trace
    with setup(interval=60):
        circuit.count(EventType.SUCCESS)
        with trace.get_tracer("app").start_as_current_span("mine"):
            pass
    """
    with Receiver("grpc") as metrics, Receiver("http") as traces:
        succeed(
            code,
            OTEL_EXPORTER_OTLP_METRICS_PROTOCOL="grpc",
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=metrics.endpoint,
            OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="http/protobuf",
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{traces.endpoint}/v1/traces",
        )
        assert (metrics.received.total(EVENTS), metrics.received.spans) == (1, [])
        assert [span.name for span in traces.received.spans] == ["mine"]


def test_every_interval_an_export(receiver: Receiver) -> None:
    """Metrics arrive by themselves while the program runs."""
    program = f"setup({receiver.endpoint!r}, {receiver.protocol!r}, interval=0.05)"
    arguments = [sys.executable, "-c", _with_prelude(f"{program}\ncircuit.count(EventType.SUCCESS)\ninput()")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE) as process:
        assert receiver.received.wait_for(lambda received: received.total(EVENTS) == 1)
        process.communicate(b"\n", timeout=30)


def test_the_end_of_the_program_flushes(receiver: Receiver) -> None:
    """Without shutdown(), too."""
    succeed(f"handle = setup({receiver.endpoint!r}, {receiver.protocol!r}, interval=60){LOAD}")
    assert receiver.received.total(EVENTS, {"hystrix.event": "failure"}) == 2


NO_MORE_THREADS = """
import threading
def refuse(self):
    raise RuntimeError("can't create new thread at interpreter shutdown")
threading.Thread.start = refuse
"""


def test_the_end_of_the_program_flushes_without_a_thread(receiver: Receiver) -> None:
    """Python 3.12 starts none any more then."""
    succeed(f"handle = setup({receiver.endpoint!r}, {receiver.protocol!r}, interval=60){LOAD}{NO_MORE_THREADS}")
    assert receiver.received.total(EVENTS, {"hystrix.event": "failure"}) == 2


@pytest.mark.parametrize("end", ["", NO_MORE_THREADS], ids=["with threads", "without"])
def test_the_end_of_the_program_does_not_wait_for_a_dead_collector(receiver: Receiver, end: str) -> None:
    """Five seconds here half a one; the SDK alone would retry for ten, metrics and spans one after the other."""
    receiver.stop()
    code = f"""
    from time import monotonic
    import atexit, hystrixpy.telemetry.handle
    from opentelemetry import trace
    hystrixpy.telemetry.handle.AT_EXIT = 0.5
    atexit.register(lambda: print(monotonic() - began < 5))
    setup({receiver.endpoint!r}, {receiver.protocol!r}, interval=60)
    circuit.count(EventType.SUCCESS)
    trace.get_tracer("app").start_span("mine").end()
    began = monotonic()
    """
    assert run(textwrap.dedent(code) + end).stdout == "True\n"


def test_the_handle_says_what_it_is() -> None:
    """Where to, how, how often; and whether it is still on."""
    code = "h = setup('http://127.0.0.1:9', 'http', 60, traces=False)\nprint(h)\nh.shutdown(0.1)\nprint(h)"
    told = "<Telemetry to http://127.0.0.1:9 over http every 60 s"
    assert run(code).stdout == f"{told}>\n{told}, shut down>\n"
    assert run("print(setup())", HYSTRIXPY_TELEMETRY="off").stdout == "<Telemetry off>\n"


def test_the_reader_has_room_for_thousands_of_commands() -> None:
    """The SDK alone would fold what is beyond 2000 series of an instrument into one."""
    source = FakeSource(*(FakeCircuit(f"c{number}") for number in range(2100)))
    exporter = MemoryExporter()
    provider = MeterProvider([_reader(exporter, 3600.0)], shutdown_on_exit=False)
    Binding(provider, Ledger(source), None)
    provider.force_flush()
    provider.shutdown()
    of_circuits = [row for row in INSTRUMENTS if "hystrix.command.key" in row.attributes and row.kind != "histogram"]
    assert len(of_circuits) == 6
    for row in of_circuits:
        points = exporter.arrived[0].points(row.name)
        assert not any("otel.metric.overflow" in point.attributes for point in points.values())
        assert len({key for key, *_ in points}) == (2100 if row.name != EVENTS else 0)


def test_spans_go_the_same_way(receiver: Receiver) -> None:
    """With traces on, what the application traces arrives; with traces=False there is no tracer provider."""
    code = """
    from opentelemetry import trace
    with setup({endpoint!r}, {protocol!r}, traces={traces}):
        with trace.get_tracer("app").start_as_current_span("mine"):
            pass
    """
    succeed(code.format(endpoint=receiver.endpoint, protocol=receiver.protocol, traces=False))
    assert receiver.received.spans == []
    succeed(code.format(endpoint=receiver.endpoint, protocol=receiver.protocol, traces=True))
    assert [span.name for span in receiver.received.spans] == ["mine"]


def test_off_means_off(receiver: Receiver) -> None:
    """HYSTRIXPY_TELEMETRY=off: setup() does nothing, and says nothing was lost."""
    code = f"handle = setup({receiver.endpoint!r}, {receiver.protocol!r}){LOAD}handle.shutdown()"
    succeed(code, HYSTRIXPY_TELEMETRY="off")
    assert receiver.received.exports == 0


def test_histograms_off(receiver: Receiver) -> None:
    """Everything but the histograms."""
    succeed(f"handle = setup({receiver.endpoint!r}, {receiver.protocol!r}, histograms='off'){LOAD}handle.shutdown()")
    assert "hystrix.command.duration" not in receiver.received.names()
    assert receiver.received.total(EVENTS) == 13


def test_flush_tells_the_truth(receiver: Receiver) -> None:
    """False while nobody listens (the SDK's own says True), within the time given, and True afterwards."""
    receiver.stop()
    program = f"""
    from time import monotonic
    handle = setup({receiver.endpoint!r}, {receiver.protocol!r}, interval=60)
    circuit.count(EventType.SUCCESS)
    began = monotonic()
    print(handle.flush(timeout=0.5), monotonic() - began < 5)
    handle.shutdown(timeout=0.5)
    print(handle.flush())
    """
    done = run(program)
    assert done.stdout.splitlines() == ["False True", "False"], done.stderr


@pytest.mark.parametrize("path", ["", "/", "/v1/metrics", "/v1/traces/"])
def test_an_http_endpoint_leads_to_both_signals(path: str) -> None:
    """It is the base URL; that of one signal is understood."""
    with Receiver("http") as receiver:
        code = f"""
        from opentelemetry import trace
        with setup({receiver.endpoint + path!r}, "http", 60):
            circuit.count(EventType.SUCCESS)
            trace.get_tracer("app").start_span("mine").end()
        """
        succeed(code)
        assert receiver.received.total(EVENTS) == 1
        assert [span.name for span in receiver.received.spans] == ["mine"]


def test_after_shutdown_no_spans_are_made() -> None:
    """They would go nowhere, and cost a call more than the call."""
    code = """
    import hystrixpy
    from opentelemetry import trace

    @hystrixpy.command(isolation="semaphore")
    def current():
        return trace.get_current_span().get_span_context().is_valid

    with setup("http://127.0.0.1:9", "http", 60) as handle:
        print(current())
        handle.shutdown(0.1)
        print(current())
    """
    assert run(code).stdout == "True\nFalse\n"


@pytest.mark.parametrize("kind", ["metrics", "trace"])
def test_a_provider_that_is_there_is_not_replaced(kind: str) -> None:
    """RuntimeError names what to do instead, and no thread of ours is left."""
    sdk = {"metrics": "metrics.MeterProvider", "trace": "trace.TracerProvider"}[kind]
    setter = {"metrics": "metrics.set_meter_provider", "trace": "trace.set_tracer_provider"}[kind]
    code = f"""
    import threading
    import opentelemetry.sdk.metrics, opentelemetry.sdk.trace
    from opentelemetry import metrics, trace
    {setter}(opentelemetry.sdk.{sdk}())
    try:
        setup()
    except RuntimeError as error:
        print(error)
    assert threading.active_count() == 1
    """
    message = succeed(code)
    assert "NativeHistogramExporter" in message
    assert "OTEL_METRICS_EXPORTER=hystrixpy_otlp" in message


def test_two_threads_that_set_up_at_once() -> None:
    """One gets the pipeline, the other is told that there is one."""
    code = """
    from threading import Barrier, Thread
    handles, errors, together = [], [], Barrier(4)
    def one():
        together.wait()
        try:
            handles.append(setup("http://127.0.0.1:9", "http", 60, traces=False))
        except RuntimeError as error:
            errors.append(error)
    threads = [Thread(target=one) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(len(handles), len(errors))
    handles[0].shutdown(0.1)
    """
    done = run(code)
    assert done.stdout == "1 3\n", done.stderr


def test_without_the_extra_the_error_says_what_to_install() -> None:
    """For setup() and for the wrapper; importing hystrixpy.telemetry itself works."""
    code = """
    import sys
    for missing in ("opentelemetry.sdk", "opentelemetry.exporter"):
        sys.modules[missing] = None
    for act in (setup, lambda: hystrixpy.telemetry.NativeHistogramExporter):
        try:
            act()
        except ImportError as error:
            print(error)
    """
    prelude = "import hystrixpy.telemetry\nfrom hystrixpy.telemetry import setup\n"
    done = subprocess.run(
        [sys.executable, "-c", prelude + textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.count("pip install 'hystrixpy[otlp]'") == 2, done.stderr


def _with_prelude(code: str) -> str:
    from tests.telemetry.apps import PRELUDE

    return PRELUDE + code
