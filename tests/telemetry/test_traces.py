"""One span per execution, on every driver, while a tracer records; nothing otherwise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider, SpanKind, StatusCode

import hystrixpy
from hystrixpy import AsyncCommand, BadRequestError, Command, CommandProperties
from hystrixpy.telemetry import traces
from tests.hooks.drivers import DRIVERS, TIMEOUT, Driver, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

ALL = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)
THREADED = [driver for driver in DRIVERS if driver.in_thread]
EVENT = "hystrix.event"


class Spans:
    """What a provider of our own, set as the global one, has finished."""

    def __init__(self, provider: TracerProvider) -> None:
        self.exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("test")

    def all(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def one(self, name: str = "Hooked") -> ReadableSpan:
        (span,) = [span for span in self.all() if span.name == name]
        return span


def use(provider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set it as the API's set_tracer_provider() does, but so that it can be undone."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    provider = TracerProvider()
    use(provider, monkeypatch)
    yield Spans(provider)
    provider.shutdown()


def events(span: ReadableSpan) -> list[str]:
    return [event.name for event in span.events]


@ALL
def test_a_success(driver: Driver, spans: Spans) -> None:
    """INTERNAL, named after the key, with the metrics' attributes and no status."""
    driver.outcome(driver.make(Plan()))
    span = spans.one()
    assert (span.kind, span.status.status_code, events(span)) == (SpanKind.INTERNAL, StatusCode.UNSET, [])
    assert span.attributes is not None
    expected = {"hystrix.command.key": "Hooked", "hystrix.command.group": "hooks"}
    if driver.in_thread:
        expected["hystrix.thread_pool.key"] = "hooks"
    assert dict(span.attributes) == expected


@ALL
def test_a_failure(driver: Driver, spans: Spans) -> None:
    """The caller got the error, so its status is one."""
    driver.outcome(driver.make(Plan(run=ValueError("broken"))))
    span = spans.one()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError: broken")
    assert (span.attributes or {})["error.type"] == "ValueError"


@ALL
def test_a_bad_request_is_an_error_of_the_caller(driver: Driver, spans: Spans) -> None:
    """It got one."""
    driver.outcome(driver.make(Plan(run=BadRequestError("no"))))
    assert spans.one().status.status_code is StatusCode.ERROR


@ALL
def test_a_fallback_that_helped(driver: Driver, spans: Spans) -> None:
    """An event, and no error."""
    driver.outcome(driver.make(Plan(run=ValueError(), fallback="spare")))
    span = spans.one()
    assert (events(span), span.status.status_code) == (["hystrix.fallback"], StatusCode.UNSET)


@ALL
def test_a_timeout(driver: Driver, spans: Spans) -> None:
    """It ends when the caller gives up, not when the run returns."""
    command = driver.make(Plan(hang=True, fallback="spare"), TIMEOUT)
    release = threading.Timer(3 * TIMEOUT, command.release.set)
    release.start()
    driver.outcome(command)
    span = spans.one()
    release.join()
    assert events(span) == ["hystrix.timeout", "hystrix.fallback"]
    assert span.start_time is not None
    assert span.end_time is not None
    assert (span.end_time - span.start_time) * 1e-9 >= TIMEOUT


@ALL
def test_a_short_circuit(driver: Driver, spans: Spans) -> None:
    """With an event of its own."""
    command = driver.make(Plan())
    hystrixpy.circuit_breaker("Hooked").force_open()
    driver.outcome(command)
    assert events(spans.one()) == ["hystrix.short_circuited"]


@ALL
def test_a_rejection(driver: Driver, spans: Spans) -> None:
    """The event says by which bulkhead."""
    with driver.occupied():
        driver.outcome(driver.make(Plan()))
        (span,) = spans.all()
    assert events(span) == ["hystrix.rejected"]
    expected = "thread_pool_rejected" if driver.in_thread else "semaphore_rejected"
    assert (span.events[0].attributes or {})[EVENT] == expected


@ALL
def test_the_span_is_current_inside(driver: Driver, spans: Spans) -> None:
    """In run and in the fallback, on whatever thread; and the caller's own is current again afterwards."""
    seen: dict[str, Any] = {}

    def note(where: str) -> None:
        seen[where] = trace.get_current_span().get_span_context().span_id

    body = {
        "key": "Hooked",
        "group": "hooks",
        "properties": type(driver.make(Plan())).properties,
        "run": _noting_async(note) if driver.is_async else _noting(note, "run"),
        "fallback": _noting(note, "fallback"),
    }
    base = AsyncCommand if driver.is_async else Command
    with spans.tracer.start_as_current_span("caller") as caller:
        driver.outcome(type("Noting", (base,), body)())
        note("after")
    span = spans.one()
    assert span.context is not None
    own, outside = span.context.span_id, caller.get_span_context().span_id
    assert seen == {"run": own, "fallback": own, "after": outside}
    assert span.parent is not None
    assert span.parent.span_id == outside


def _noting(note: Any, where: str) -> Any:
    def method(_self: Any) -> str:
        note(where)
        if where == "run":
            raise ValueError
        return "spare"

    return method


def _noting_async(note: Any) -> Any:
    async def run(_self: Any) -> str:
        await asyncio.sleep(0)
        note("run")
        raise ValueError

    return run


def test_nested_commands_are_children(spans: Spans) -> None:
    """Through a thread pool, too."""

    @hystrixpy.command(isolation="semaphore")
    def inner() -> int:
        return 1

    @hystrixpy.command(group="nested")
    def outer() -> int:
        return inner()

    assert outer() == 1
    child, parent = spans.one("inner"), spans.one("outer")
    assert child.parent is not None
    assert parent.context is not None
    assert child.parent.span_id == parent.context.span_id


HIT = "hystrix.response_from_cache"


@ALL
def test_a_cache_hit_is_an_event_of_the_current_span(driver: Driver, spans: Spans) -> None:
    """It has no span of its own."""
    kind = type("Cached", (type(driver.make(Plan())),), {"key": "Cached", "cache_key": lambda _self: "same"})
    with hystrixpy.RequestContext(), spans.tracer.start_as_current_span("caller"):
        assert (driver.outcome(kind()), driver.outcome(kind())) == ("value", "value")
    assert events(spans.one("Cached")) == []
    (event,) = spans.one("caller").events
    assert event.name == HIT
    assert dict(event.attributes or {}) == {"hystrix.command.key": "Cached"}


def test_a_queued_hit_is_an_event_where_it_was_queued(spans: Spans) -> None:
    """Also if the outcome comes later, on the thread of the command that it shares."""
    release = threading.Event()

    @hystrixpy.command(cache_key=lambda: "same")
    def slow() -> int:
        release.wait(10)
        return 1

    with hystrixpy.RequestContext(), spans.tracer.start_as_current_span("caller"):
        first = slow.queue()
        with spans.tracer.start_as_current_span("sharer"):
            sharer = slow.queue()
            release.set()
            assert sharer.result(10) == 1
        assert first.result(10) == 1
    assert events(spans.one("sharer")) == [HIT]
    assert events(spans.one("caller")) == events(spans.one("slow")) == []


def test_a_hit_whose_span_has_ended_is_no_event(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    """OpenTelemetry would warn of it, call by call."""
    release = threading.Event()

    @hystrixpy.command(cache_key=lambda: "same")
    def slow() -> int:
        release.wait(10)
        return 1

    with hystrixpy.RequestContext():
        slow.queue()
        with spans.tracer.start_as_current_span("sharer"):
            sharer = slow.queue()
        release.set()
        assert sharer.result(10) == 1
    assert events(spans.one("sharer")) == []
    assert "ended span" not in caplog.text


def linked(spans: Spans) -> list[int]:
    """The spans that the one batch links to."""
    (batch,) = [span for span in spans.all() if span.links]
    return [link.context.span_id for link in batch.links]


def test_a_collapsed_batch_links_to_each_request(spans: Spans) -> None:
    """One link per request, those included that share a slot of the batch."""

    @hystrixpy.collapse(key="Numbers", scope="global", delay=10.0, max_batch_size=2)
    def numbers(ids: list[int]) -> list[int]:
        return ids

    requesters, futures = [], []
    for number in (0, 0, 1):
        with spans.tracer.start_as_current_span("request") as span:
            requesters.append(span.get_span_context().span_id)
            futures.append(numbers.queue(number))
    assert [future.result(10) for future in futures] == [0, 0, 1]
    assert linked(spans) == requesters


def test_an_async_batch_links_to_each_request(spans: Spans) -> None:
    """To the span that was current in the task that asked."""
    requesters: dict[int, int] = {}

    @hystrixpy.collapse(key="Numbers", scope="global", delay=10.0, max_batch_size=3)
    async def numbers(ids: list[int]) -> list[int]:
        return ids

    async def ask(number: int) -> int:
        with spans.tracer.start_as_current_span("request") as span:
            requesters[number] = span.get_span_context().span_id
            return await numbers.one(number)

    async def main() -> list[int]:
        return await asyncio.gather(*map(ask, range(3)))

    assert asyncio.run(main()) == [0, 1, 2]
    assert linked(spans) == list(requesters.values())


COLD = """
import hystrixpy
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

@hystrixpy.collapse(scope="global")
def numbers(ids):
    return ids

with provider.get_tracer("test").start_as_current_span("request"):
    assert numbers.one(1) == 1
print(*(len(span.links) for span in exporter.get_finished_spans() if span.name == "numbers"))
"""


def test_the_first_batch_of_a_process_has_its_links() -> None:
    """Before any command ran: the collapser is what is used first."""
    done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_a_cancelled_command_has_no_error(spans: Spans) -> None:
    """Who went away got none."""
    driver = DRIVERS[4]
    command = driver.make(Plan(hang=True))
    command.queue().cancel()
    command.release.set()
    assert spans.one().status.status_code is StatusCode.UNSET


def test_a_coroutine_that_is_thrown_away_elsewhere(spans: Spans, caplog: pytest.LogCaptureFixture) -> None:
    """As the collector of garbage does with tasks of a closed loop: the span ends, and nobody complains."""

    class Waiting(AsyncCommand[None]):
        async def run(self) -> None:
            await asyncio.sleep(10)

    async def main() -> None:
        coroutine = Waiting().execute()
        coroutine.send(None)
        closing = threading.Thread(target=coroutine.close)
        closing.start()
        closing.join()

    asyncio.run(main())
    assert spans.one("Waiting").status.status_code is StatusCode.UNSET
    assert caplog.records == []


def test_sampled_out_spans_still_carry_their_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is exported, but what runs inside belongs to the same unsampled trace."""
    provider = TracerProvider(sampler=ALWAYS_OFF)
    use(provider, monkeypatch)
    spans = Spans(provider)
    seen: list[Any] = []

    @hystrixpy.command(isolation="semaphore")
    def look() -> None:
        seen.append(trace.get_current_span().get_span_context())

    look()
    assert spans.all() == []
    assert seen[0].is_valid
    assert not seen[0].trace_flags.sampled


def disabled_provider(monkeypatch: pytest.MonkeyPatch) -> TracerProvider:
    """The SDK's, as OTEL_SDK_DISABLED leaves it."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    return TracerProvider()


@pytest.mark.parametrize(
    "make", [lambda _: None, lambda _: NoOpTracerProvider(), disabled_provider], ids=["none", "no-op", "disabled"]
)
def test_without_a_recording_provider_nothing_is_allocated(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No span, no context, no watcher: the memory traced over many calls is not ours."""
    use(make(monkeypatch), monkeypatch)

    class Quiet(Command[int]):
        properties = CommandProperties(isolation="semaphore")

        def run(self) -> int:
            return 1

    for _ in range(100):
        Quiet().execute()
    ours = ("hystrixpy/telemetry", "hystrixpy/hooks", "opentelemetry")
    filters = [tracemalloc.Filter(True, f"*{name}*") for name in ours]
    tracemalloc.start(5)
    try:
        for _ in range(1000):
            Quiet().execute()
        snapshot = tracemalloc.take_snapshot().filter_traces(filters)
    finally:
        tracemalloc.stop()
    assert sum(trace.size for trace in snapshot.traces) == 0


def test_no_python_of_ours_runs_without_a_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracer is not even asked."""
    use(None, monkeypatch)

    @hystrixpy.command(isolation="semaphore")
    def work() -> int:
        return 1

    work()
    monkeypatch.setattr(traces, "_tracer", lambda: pytest.fail("asked for a tracer"))
    assert work() == 1


def test_a_provider_set_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first calls go untraced, the next has its span."""
    use(None, monkeypatch)

    @hystrixpy.command(isolation="semaphore")
    def work() -> int:
        return 1

    work()
    provider = TracerProvider()
    spans = Spans(provider)
    use(provider, monkeypatch)
    work()
    assert len(spans.all()) == 1
