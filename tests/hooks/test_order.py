"""The firing order of hooks for every outcome on every driver, as Netflix's tests assert it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import hystrixpy
from hystrixpy import (
    BadRequestError,
    CircuitOpenError,
    CommandRejectedError,
    CommandTimeoutError,
    ThreadPoolProperties,
    add_hook,
)
from tests.hooks.drivers import DRIVERS, TIMEOUT, Driver, Plan, Recorder, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

BROKEN = ValueError("broken")
HELPED = ["fallback_start", "fallback_emit", "emit", "fallback_success", "success"]
NO_HELP = ["fallback_start", "fallback_error", "error"]
AFTER = {None: ["error"], "spare": HELPED, "raises": NO_HELP}
"""What follows an attempt that came to nothing, by what the fallback does."""

FALLBACKS = {None: None, "spare": "spare", "raises": KeyError("fallback broken, too")}


@pytest.fixture(params=DRIVERS, ids=lambda driver: driver.name)
def driver(request: pytest.FixtureRequest) -> Driver:
    return request.param


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    add_hook(recorder)
    yield recorder
    hystrixpy.remove_hook(recorder)


@pytest.fixture(params=[None, "spare", "raises"], ids=["no fallback", "fallback", "failing fallback"])
def fallback(request: pytest.FixtureRequest) -> Any:
    return request.param


def begun(driver: Driver) -> list[str]:
    return ["start", "thread_start", "execution_start"] if driver.in_thread else ["start", "execution_start"]


def done(driver: Driver) -> list[str]:
    return ["thread_complete"] if driver.in_thread else []


def expected_outcome(outcome: Any, fallback: Any, error: type[BaseException]) -> None:
    if fallback == "spare":
        assert outcome == "spare"
    else:
        assert isinstance(outcome, KeyError if fallback == "raises" else error)


def test_success(driver: Driver, recorder: Recorder) -> None:
    """The value passes execution_emit and emit before anything is called a success."""
    assert driver.outcome(driver.make(Plan())) == "value"
    emitted = ["execution_emit", "emit", "execution_success"]
    assert recorder.fired == [*begun(driver), *emitted, *done(driver), "success"]


def test_failure(driver: Driver, recorder: Recorder, fallback: Any) -> None:
    """execution_error first; the thread is done with it before the fallback begins."""
    outcome = driver.outcome(driver.make(Plan(run=BROKEN, fallback=FALLBACKS[fallback])))
    expected_outcome(outcome, fallback, ValueError)
    assert recorder.fired == [*begun(driver), "execution_error", *done(driver), *AFTER[fallback]]


def test_bad_request(driver: Driver, recorder: Recorder) -> None:
    """No fallback hook, for there is no fallback."""
    outcome = driver.outcome(driver.make(Plan(run=BadRequestError("no"), fallback="spare")))
    assert isinstance(outcome, BadRequestError)
    assert recorder.fired == [*begun(driver), "execution_error", *done(driver), "error"]


def test_timeout(driver: Driver, recorder: Recorder, fallback: Any) -> None:
    """No execution_error, whatever run does later; thread_complete when the thread is really done."""
    command = driver.make(Plan(run=BROKEN, fallback=FALLBACKS[fallback], hang=True), TIMEOUT)
    release = threading.Timer(3 * TIMEOUT, command.release.set)
    if not driver.in_thread:  # nothing can stop a synchronous run in the caller's own thread
        release.start()
    expected_outcome(driver.outcome(command), fallback, CommandTimeoutError)
    assert recorder.fired == [*begun(driver), *AFTER[fallback]]
    command.release.set()
    if driver.in_thread:
        recorder.wait_for("thread_complete")
        assert recorder.fired == [*begun(driver), *AFTER[fallback], "thread_complete"]
    else:
        release.join()


def test_rejection(driver: Driver, recorder: Recorder, fallback: Any) -> None:
    """A full bulkhead: nothing of run is heard."""
    with driver.occupied():
        outcome = driver.outcome(driver.make(Plan(fallback=FALLBACKS[fallback])))
    expected_outcome(outcome, fallback, CommandRejectedError)
    assert recorder.fired == ["start", *AFTER[fallback]]


def test_short_circuit(driver: Driver, recorder: Recorder, fallback: Any) -> None:
    """An open circuit: neither."""
    command = driver.make(Plan(fallback=FALLBACKS[fallback]))
    hystrixpy.circuit_breaker("Hooked").force_open()
    expected_outcome(driver.outcome(command), fallback, CircuitOpenError)
    assert recorder.fired == ["start", *AFTER[fallback]]


def test_base_exception(driver: Driver, recorder: Recorder) -> None:
    """Neither error nor fallback: cancelled."""

    class Stop(BaseException):
        pass

    command = driver.make(Plan(run=Stop(), fallback="spare"))
    with pytest.raises(Stop):
        driver.outcome(command)
    assert recorder.fired == [*begun(driver), "cancel", *done(driver)]


def test_cache_hit(driver: Driver, recorder: Recorder) -> None:
    """Nothing but cache_hit."""
    kind = type("Cached", (type(driver.make(Plan())),), {"key": "Cached", "cache_key": lambda _self: "same"})
    with hystrixpy.RequestContext():
        driver.outcome(kind())
        recorder.fired.clear()
        assert driver.outcome(kind()) == "value"
    assert recorder.fired == ["cache_hit"]


def test_cancelling_a_future(recorder: Recorder) -> None:
    """cancel at once, thread_complete when the thread is done, and nothing else."""
    driver = DRIVERS[4]
    command = driver.make(Plan(hang=True, fallback="spare"))
    future = command.queue()
    recorder.wait_for("execution_start")
    assert future.cancel()
    assert recorder.fired == [*begun(driver), "cancel"]
    command.release.set()
    recorder.wait_for("thread_complete")
    assert recorder.fired == [*begun(driver), "cancel", "thread_complete"]


@pytest.mark.parametrize("driver", [DRIVERS[5], DRIVERS[6]], ids=lambda driver: driver.name)
def test_cancelling_a_task(driver: Driver, recorder: Recorder) -> None:
    """The same when the awaiting task is cancelled."""
    command = driver.make(Plan(hang=True, fallback="spare"))

    async def main() -> None:
        async def wait() -> Any:
            return await command

        task = asyncio.ensure_future(wait())
        while "execution_start" not in recorder.fired:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(main())
    assert recorder.fired == [*begun(driver), "cancel"]
    command.release.set()
    if driver.in_thread:
        recorder.wait_for("thread_complete")


def test_a_queued_command_that_is_cancelled_never_starts(recorder: Recorder) -> None:
    """No thread hook fires for what no thread took."""
    queueing = ThreadPoolProperties(core_size=1, max_queue_size=5)
    first = DRIVERS[4].make(Plan(hang=True), pool=queueing)
    second = DRIVERS[4].make(Plan(), pool=queueing)
    first.watched = False
    holder = first.queue()
    wait_until(lambda: hystrixpy.thread_pool("hooks").active == 1)
    queued = second.queue()
    cancelled = queued.cancel()
    first.release.set()
    holder.result(10)
    assert cancelled
    assert recorder.fired == ["start", "cancel"]
