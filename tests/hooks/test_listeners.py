"""Listeners hear what happened, in order, and cannot break anything."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import Any

import pytest

import hystrixpy
from hystrixpy import CircuitState, EventType, add_listener, remove_listener
from tests.hooks.drivers import DRIVERS, Driver, Plan, wait_until

ALL = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.name)


class Events:
    def __init__(self) -> None:
        self.heard: list[tuple[EventType, str]] = []

    def on_event(self, event: EventType, key: str) -> None:
        self.heard.append((event, key))


class Transitions:
    def __init__(self) -> None:
        self.heard: list[tuple[str, CircuitState, CircuitState]] = []

    def on_transition(self, key: str, old: CircuitState, new: CircuitState) -> None:
        self.heard.append((key, old, new))


class Raising:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_event(self, event: EventType, key: str) -> None:
        raise self.error

    on_transition = on_event


class Coroutine:
    async def on_event(self, event: EventType, key: str) -> None: ...


@ALL
def test_every_event_is_told_as_it_is_counted(driver: Driver) -> None:
    """An EventType and the key, in the order in which they happened."""
    listener = Events()
    add_listener(listener)
    driver.outcome(driver.make(Plan()))
    driver.outcome(driver.make(Plan(run=ValueError(), fallback="spare")))
    expected = [EventType.SUCCESS, EventType.FAILURE, EventType.FALLBACK_SUCCESS]
    assert listener.heard == [(event, "Hooked") for event in expected]
    assert all(isinstance(event, EventType) for event, _ in listener.heard)


def test_transitions_are_told_in_order(clock: Any) -> None:
    """Open, half-open, closed again, each with the state before."""
    listener = Transitions()
    add_listener(listener)
    driver = DRIVERS[0]
    for _ in range(20):
        driver.outcome(driver.make(Plan(run=ValueError())))
    clock.advance(5.0)
    driver.outcome(driver.make(Plan()))
    closed, opened, half_open = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
    assert listener.heard == [
        ("Hooked", closed, opened),
        ("Hooked", opened, half_open),
        ("Hooked", half_open, closed),
    ]


def test_transitions_make_a_chain_under_threads() -> None:
    """Many threads opening and closing one breaker: none is lost, and each begins where the one before ended."""
    listener = Transitions()
    add_listener(listener)
    restless = hystrixpy.CommandProperties(breaker_volume_threshold=1, breaker_sleep_window=0.0, max_concurrent=99)

    @hystrixpy.command(isolation="semaphore", properties=restless, fallback=lambda _number: None)
    def every_third(number: int) -> None:
        if number % 3:
            raise ValueError(number)

    def storm() -> None:
        for number in range(300):
            every_third(number)

    threads = [threading.Thread(target=storm) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard = listener.heard
    assert len(heard) == sum(hystrixpy.registry.circuit("every_third").transitions)
    assert all(before[2] == after[1] for before, after in itertools.pairwise(heard))


@ALL
@pytest.mark.parametrize("error", [RuntimeError("listener"), SystemExit(3)], ids=repr)
def test_a_raising_listener_breaks_nothing_and_is_logged_once(
    driver: Driver, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The call succeeds, other listeners hear it; sys.exit() in one ends neither the program nor a worker."""
    other = Events()
    add_listener(Raising(error))
    add_listener(other)
    with caplog.at_level(logging.ERROR, "hystrixpy"):
        for _ in range(3):
            assert driver.outcome(driver.make(Plan())) == "value"
    assert len(other.heard) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_removed_listener_hears_no_more() -> None:
    """Neither does one that reset() removed."""
    one, other = Events(), Events()
    add_listener(one)
    add_listener(other)
    remove_listener(one)
    remove_listener(one)
    DRIVERS[0].outcome(DRIVERS[0].make(Plan()))
    hystrixpy.reset()
    DRIVERS[0].outcome(DRIVERS[0].make(Plan()))
    assert (len(one.heard), len(other.heard)) == (0, 1)


@pytest.mark.parametrize(
    ("bad", "match"),
    [(Events, r"add_listener\(Events\(\)\)"), (object(), "neither on_event"), (Coroutine(), "on_event.*coroutine")],
    ids=["class", "nothing", "coroutine"],
)
def test_what_is_no_listener(bad: Any, match: str) -> None:
    """A TypeError that says what it must have."""
    with pytest.raises(TypeError, match=match):
        add_listener(bad)


def abandon() -> None:
    """One run whose caller gives up, until it is over."""
    driver = DRIVERS[3]
    command = driver.make(Plan(hang=True), 0.01)
    driver.outcome(command)
    command.release.set()
    wait_until(lambda: hystrixpy.metrics("Hooked").abandoned == 0)


def abandoned_ones(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "still hold" in record.getMessage()]


def test_abandoned_threads_are_logged_but_not_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    """A WARNING with key and pool at the first, then one for all that follow within ten seconds."""
    with caplog.at_level(logging.WARNING, "hystrixpy"):
        abandon()
        abandon()
    warnings = abandoned_ones(caplog)
    assert len(warnings) == 1
    assert "'Hooked'" in warnings[0]
    assert "'hooks'" in warnings[0]


def test_after_reset_an_abandoned_thread_is_news_again(caplog: pytest.LogCaptureFixture) -> None:
    """The next test, or the reloaded application, gets its own warning at once."""
    with caplog.at_level(logging.WARNING, "hystrixpy"):
        abandon()
        hystrixpy.reset()
        abandon()
    assert len(abandoned_ones(caplog)) == 2


def test_ctrl_c_in_a_listener_reaches_the_caller() -> None:
    """A listener is called where nothing may be raised: the signal is given again, and neither lost nor logged."""
    add_listener(Raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it comes between two byte codes, perhaps after the call
        DRIVERS[0].outcome(DRIVERS[0].make(Plan()))
        for _ in range(1000):
            pass
