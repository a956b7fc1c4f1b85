"""The stream over real commands: what happened is what is sent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import hystrixpy
from hystrixpy import Command, CommandProperties, RequestContext, ThreadPoolProperties, command
from hystrixpy.stream.live import LiveProcess
from hystrixpy.stream.snapshot import Samples
from tests.stream.client import Client, get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.stream import StreamServer
    from hystrixpy.testing import ManualClock


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with hystrixpy.serve(port=0) as server:
        yield server


def sample(server: StreamServer, path: str = "/hystrix.stream", events: int = 1) -> list[Any]:
    """The first events of a fresh client, by which everything that is settled has been counted."""
    with Client(server) as client:
        assert client.ask(path).head()[0] == 200
        return [client.event() for _ in range(events)]


def ratio(**more: Any) -> Any:
    @command(key="Ratio", group="maths", isolation="semaphore", **more)
    def divide(n: int) -> float:
        return 1 / n

    return divide


def test_outcomes_are_counted(server: StreamServer) -> None:
    """Successes, failures, exceptions, health and latencies of real calls."""
    divide = ratio()
    for n in (1, 2, 4, 0):
        try:
            divide(n)
        except ZeroDivisionError:
            continue
    (event,) = sample(server)
    assert (event["name"], event["group"], event["type"]) == ("Ratio", "maths", "HystrixCommand")
    assert (event["rollingCountSuccess"], event["rollingCountFailure"]) == (3, 1)
    assert (event["rollingCountFallbackMissing"], event["rollingCountExceptionsThrown"]) == (1, 1)
    assert (event["requestCount"], event["errorCount"], event["errorPercentage"]) == (4, 1, 25)
    assert event["hystrixpyLatencyExecute"]["count"] == 4
    assert event["propertyValue_executionIsolationStrategy"] == "SEMAPHORE"


def test_latency_is_that_of_the_calls(server: StreamServer, clock: ManualClock) -> None:
    """Moved by hand: 250 ms are 250 ms within the bucket error."""

    @command(key="Slow", isolation="semaphore")
    def slow() -> None:
        clock.advance(0.25)

    slow()
    (event,) = sample(server)
    assert event["latencyExecute"]["50"] == pytest.approx(250, rel=0.05)
    assert event["latencyTotal"]["50"] == pytest.approx(250, rel=0.05)


def test_breaker_is_followed_through_its_states(server: StreamServer, clock: ManualClock) -> None:
    """Closed, open, half-open during the trial, closed again, with every transition counted."""
    seen: list[Any] = []

    @command(key="Flaky", isolation="semaphore", properties=CommandProperties(breaker_volume_threshold=1))
    def flaky(fail: bool) -> None:
        seen.extend(sample(server))
        if fail:
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        flaky(True)
    seen.extend(sample(server))
    clock.advance(5.0)
    flaky(False)
    seen.extend(sample(server))
    assert [event["hystrixpyState"] for event in seen] == ["closed", "open", "half_open", "closed"]
    assert [event["isCircuitBreakerOpen"] for event in seen] == [False, True, True, False]
    assert seen[-1]["hystrixpyTransitions"] == {"closed": 1, "open": 1, "half_open": 1}


@pytest.mark.parametrize(("how", "is_open"), [("open", True), ("closed", False)])
def test_forcing_by_hand_is_told(server: StreamServer, how: str, is_open: bool) -> None:
    """The state stays the real one."""
    ratio()(1)
    breaker = hystrixpy.circuit_breaker("Ratio")
    getattr(breaker, f"force_{how}")()
    (event,) = sample(server)
    assert (event["hystrixpyForced"], event["isCircuitBreakerOpen"], event["hystrixpyState"]) == (
        how,
        is_open,
        "closed",
    )
    breaker.unforce()
    assert breaker.forced is None


def test_forcing_by_property_is_told(server: StreamServer) -> None:
    """As by hand, and in Hystrix's own fields."""
    divide = ratio(properties=CommandProperties(breaker_force_open=True))
    with pytest.raises(hystrixpy.CircuitOpenError):
        divide(1)
    (event,) = sample(server)
    assert (event["hystrixpyForced"], event["propertyValue_circuitBreakerForceOpen"]) == ("open", True)


def test_what_runs_and_what_is_left_behind_is_told(server: StreamServer) -> None:
    """A caller that waits is concurrency; one that gave up is an abandoned run, in the command and in its pool."""
    release, running = threading.Event(), threading.Event()

    class Hang(Command[None]):
        key, thread_pool = "Hang", "hang"
        properties = CommandProperties(timeout=0.05)
        pool_properties = ThreadPoolProperties(core_size=3)

        def run(self) -> None:
            running.set()
            release.wait(30)

    try:
        future = Hang().queue()
        assert running.wait(10)
        with pytest.raises(hystrixpy.CommandTimeoutError):
            future.result(10)
        circuit, pool = sample(server, events=2)
        assert (circuit["hystrixpyAbandoned"], circuit["currentConcurrentExecutionCount"]) == (1, 0)
        assert (circuit["rollingCountTimeout"], circuit["hystrixpyConcurrencyLimit"]) == (1, 3)
        assert (pool["name"], pool["hystrixpyAbandoned"], pool["currentActiveCount"]) == ("hang", 1, 1)
        assert (pool["currentCorePoolSize"], pool["currentMaximumPoolSize"]) == (3, 3)
        (utilization,) = sample(server, "/hystrix/utilization.stream")
        assert utilization["commands"] == {"Hang": {"activeCount": 0}}
        assert utilization["threadpools"]["hang"]["activeCount"] == 1
    finally:
        release.set()


def test_config_tells_values_and_sources(server: StreamServer) -> None:
    """A dynamic value shows as dynamic, a value from code names its class, and a change is in the next event."""
    divide = ratio(timeout=0.5)
    divide(1)
    hystrixpy.configure({"command": {"Ratio": {"max_concurrent": 7}}})
    (config,) = sample(server, "/hystrix/config.stream?key=Ratio")
    told = config["commands"]["Ratio"]
    assert (told["execution"]["semaphoreSize"], told["execution"]["timeoutInMilliseconds"]) == (7, 500)
    origins = told["hystrixpyProperties"]
    assert (origins["max_concurrent"]["value"], origins["max_concurrent"]["level"]) == (7, "dynamic")
    assert (origins["timeout"]["value"], origins["timeout"]["level"]) == (0.5, "code")
    assert "'Ratio' is closed" in told["hystrixpyExplain"]


def test_pool_properties_follow_a_change(server: StreamServer) -> None:
    """The next sample has the new threshold."""

    class Work(Command[int]):
        key, thread_pool = "Work", "work"

        def run(self) -> int:
            return 1

    Work().execute()
    assert sample(server, events=2)[1]["propertyValue_queueSizeRejectionThreshold"] == 5
    hystrixpy.configure({"thread_pool": {"work": {"queue_rejection_threshold": 9}}})
    assert sample(server, events=2)[1]["propertyValue_queueSizeRejectionThreshold"] == 9


def test_finished_requests_are_told(server: StreamServer) -> None:
    """One array per request context, cache hits counted at their original; only to those who watch."""

    class Cached(Command[int]):
        key = "Cached"
        properties = CommandProperties(isolation="semaphore")

        def run(self) -> int:
            return 1

        def cache_key(self) -> str:
            return "one"

    with Client(server) as client:
        client.ask("/hystrix/request.stream").head()
        with RequestContext():
            assert [Cached().execute() for _ in range(3)] == [1, 1, 1]
        (told,) = client.event()
    assert (told["name"], told["events"], told["cached"]) == ("Cached", ["SUCCESS"], 2)
    assert len(told["latencies"]) == 1


def test_finished_requests_tell_which_execution_was_asked_for_again(server: StreamServer) -> None:
    """Three executions of one command, one of them hit twice."""

    @command(key="Get", isolation="semaphore", cache_key=str)
    def get_(n: int) -> int:
        return n

    with Client(server) as client:
        client.ask("/hystrix/request.stream").head()
        with RequestContext():
            for n in (1, 2, 2, 3, 2):
                get_(n)
        told = client.event()
    assert [(len(entry["latencies"]), entry.get("cached")) for entry in told] == [(2, None), (1, 2)]


def test_collapsers_are_told(server: StreamServer) -> None:
    """Batches, the requests in them, their sizes, and the properties in force."""

    @hystrixpy.collapse(key="Double", delay=0.02, max_batch_size=3)
    def double(numbers: list[int]) -> list[int]:
        return [2 * n for n in numbers]

    with RequestContext():
        futures = [double.queue(n) for n in range(3)]
        assert [future.result(10) for future in futures] == [0, 2, 4]
    collapser = next(event for event in sample(server, events=3) if event["type"] == "HystrixCollapser")
    assert (collapser["name"], collapser["rollingCountBatches"], collapser["rollingCountRequestsBatched"]) == (
        *("Double", 1),
        3,
    )
    assert (collapser["batchSize"]["50"], collapser["batchSize_mean"]) == (3, 3)
    assert (collapser["propertyValue_maxRequestsInBatch"], collapser["propertyValue_timerDelayInMilliseconds"]) == (
        3,
        20,
    )
    (config,) = sample(server, "/hystrix/config.stream?key=Double")
    assert config["collapsers"]["Double"]["maxRequestsInBatch"] == 3


def test_reset_closes_the_server_and_empties_the_stream() -> None:
    """As DESIGN says; a new one starts from nothing."""
    ratio()(1)
    server = hystrixpy.serve(port=0)
    hystrixpy.reset()
    assert "closed" in repr(server)
    with hystrixpy.serve(port=server.port) as again, Client(again) as client:
        client.ask("/hystrix.stream").head()
        assert client.file.readline() == b"ping: \n"


def test_shutdown_closes_the_server_and_the_applications() -> None:
    """Mounted streams say so, until a reset."""
    server = hystrixpy.serve(port=0)
    hystrixpy.shutdown()
    assert "closed" in repr(server)
    assert _status() == "503 Service Unavailable"
    hystrixpy.reset()
    assert _status() == "200 OK"


def _status() -> str:
    """How the WSGI application answers for the stream."""
    statuses: list[str] = []
    body = hystrixpy.stream.wsgi(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/hystrix.stream"}, lambda status, _headers: statuses.append(status)
    )
    getattr(body, "close", lambda: None)()
    return statuses[0]


def test_default_address_is_loopback() -> None:
    """127.0.0.1:8989, unless something else has the port."""
    try:
        server = hystrixpy.serve()
    except OSError:
        pytest.skip("port 8989 is taken on this machine")
    with server:
        assert (server.host, server.port, server.url) == ("127.0.0.1", 8989, "http://127.0.0.1:8989")
        assert get(server, "/")[0] == 200


def test_names_leave_escaped(server: StreamServer) -> None:
    """On the wire no tag, after decoding the very name."""

    @command(key="<img src=x>&\"'", isolation="semaphore")
    def strange() -> None: ...

    strange()
    with Client(server) as client:
        client.ask("/hystrix.stream").head()
        line = client.file.readline()
        assert b"\\u003cimg src=x\\u003e\\u0026" in line
        assert b"<" not in line
        assert client.event()["name"] == "<img src=x>&\"'"


def test_sampling_while_circuits_come_and_go() -> None:
    """Circuits that appear, pools that grow and resets that happen do not break a sample."""
    samples = Samples(LiveProcess())
    stop = threading.Event()
    failures: list[BaseException] = []

    def sampling() -> None:
        try:
            while not stop.is_set():
                samples.stream()
                samples.config()
                samples.utilization()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=sampling)
    thread.start()
    for number in range(150):
        command(key=f"C{number}", isolation="thread", thread_pool=f"P{number % 3}")(lambda: None)()
        if number % 50 == 49:
            hystrixpy.reset()
    stop.set()
    thread.join()
    assert failures == []
