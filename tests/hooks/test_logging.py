"""What logger ``hystrixpy`` tells of commands, and what it never does."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

import hystrixpy
from hystrixpy import Command, CommandHook, CommandProperties, EventType, RequestContext, add_hook, add_listener
from tests.hooks.drivers import wait_until

if TYPE_CHECKING:
    import pytest

    from hystrixpy.testing import ManualClock

SECRET = "4111-1111-1111-1111"


class Frail(Command[str]):
    """Works on a secret, shows it in its repr, and does what it is told."""

    properties = CommandProperties(isolation="semaphore", breaker_volume_threshold=2)

    def __init__(self, does: str, number: str = SECRET) -> None:
        self.does, self.number = does, number

    def __repr__(self) -> str:
        return f"Frail({self.number})"

    def cache_key(self) -> str:
        return self.does + self.number

    def run(self) -> str:
        if self.does == "fails":
            raise ValueError(self.number)
        return self.number


class Hanging(Frail):
    properties = CommandProperties(timeout=0.01)
    go_on = threading.Event()

    def run(self) -> str:
        self.go_on.wait(10)
        return self.number


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and the first words that say what happened."""
    return [(record.levelname, " ".join(record.getMessage().split()[2:4])) for record in caplog.records]


def execute(*commands: Frail) -> None:
    with RequestContext():
        for command in commands:
            with contextlib.suppress(Exception):
                command.execute()


def test_transitions_are_told(caplog: pytest.LogCaptureFixture, clock: ManualClock) -> None:
    """Opening is a WARNING, what leads back is INFO; the one who is on call reads numbers."""
    with caplog.at_level(logging.DEBUG, "hystrixpy"):
        for _ in range(2):
            execute(Frail("fails"))
        clock.advance(5.0)
        execute(Frail("works"))
    assert told(caplog) == [("WARNING", "opened: 100%"), ("INFO", "is half-open:"), ("INFO", "closed: calls")]
    assert {record.name for record in caplog.records} == {"hystrixpy"}


class Clumsy(CommandHook):
    """Fails wherever it is called, as a hook and as a listener."""

    def on_success(self, command: Any) -> None:
        raise RuntimeError("hook")

    def on_error(self, command: Any, error: Exception) -> Any:
        raise RuntimeError("hook")

    def on_cache_hit(self, command: Any) -> None:
        raise RuntimeError("hook")

    def on_event(self, event: EventType, key: str) -> None:
        raise RuntimeError("listener")


def test_arguments_cache_keys_and_results_are_never_told(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong: failures, an open circuit, abandoned threads, hits, hooks and listeners that raise."""
    add_hook(clumsy := Clumsy())
    add_listener(clumsy)
    Hanging.go_on.clear()
    with caplog.at_level(logging.DEBUG, "hystrixpy"):
        execute(Frail("works"), Frail("works"), *(Frail("fails", SECRET + str(n)) for n in range(3)), Hanging("hangs"))
        Hanging.go_on.set()
        wait_until(lambda: hystrixpy.metrics("Hanging").abandoned == 0)
    messages = [record.getMessage() for record in caplog.records]
    for happened in ("on_success", "on_error", "on_cache_hit", "listener", "opened", "still holds a thread"):
        assert any(happened in message for message in messages), happened
    assert not [message for message in messages if SECRET in message]
