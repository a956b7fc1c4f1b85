"""Code that is only type-checked (by test_api.py): what users write, and what mypy must make of it.

``assert_type`` fails the check if a type is not exactly this one; an unused ``type: ignore`` fails it, too, so
every line with one is a mistake that must be found.
"""

from __future__ import annotations

import asyncio
from typing import assert_type

from hystrixpy import (
    AsyncCommand,
    CircuitBreaker,
    Command,
    CommandFuture,
    CommandMetrics,
    CommandProperties,
    Execution,
    ThreadPoolProperties,
    circuit_breaker,
    command,
    command_defaults,
    deadline,
    is_abandoned,
    metrics,
)


class User:
    """What commands fetch."""

    name: str = ""


class GetUser(Command[User]):
    """The class form."""

    key = "GetUser"
    group = "users"
    properties = CommandProperties(timeout=0.3)
    pool_properties = ThreadPoolProperties(core_size=20)

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id

    def run(self) -> User:
        return User()

    def fallback(self) -> User:
        return User()

    def cache_key(self) -> str | None:
        return str(self.user_id)


class WrongResult(Command[User]):
    """Returns something else."""

    def run(self) -> int:  # type: ignore[override]
        return 1


class Dynamic(Command[int]):
    """A key per host."""

    def __init__(self, host: str) -> None:
        super().__init__(key=f"fetch:{host}", group="hosts")

    def run(self) -> int:
        return 1


class LoadUser(AsyncCommand[User]):
    """The class form for asyncio."""

    async def run(self) -> User:
        return User()

    async def fallback(self) -> User:
        return User()


class LoadCount(AsyncCommand[int]):
    """A plain fallback is accepted."""

    async def run(self) -> int:
        return 1

    def fallback(self) -> int:
        return 0


def of_classes() -> None:
    """execute and queue."""
    assert_type(GetUser(1).execute(), User)
    assert_type(GetUser(1).queue(), CommandFuture[User])
    assert_type(GetUser(1).queue().result(), User)
    assert_type(GetUser(1).execution, Execution)
    GetUser("1")  # type: ignore[arg-type]
    GetUser(1).excute()  # type: ignore[attr-defined]


async def of_awaiting() -> None:
    """await, and tasks."""
    assert_type(await GetUser(1), User)
    assert_type(await LoadUser(), User)
    assert_type(await LoadUser().execute(), User)
    assert_type(LoadUser().queue(), asyncio.Task[User])
    assert_type(await asyncio.wrap_future(GetUser(1).queue()), User)


@command
def bare(user_id: int, *, deep: bool = False) -> User:
    """Without arguments."""
    return User()


@command(timeout=0.5, isolation="semaphore", ignore=(ValueError,), fallback=lambda user_id: User())
def configured(user_id: int) -> User:
    """With arguments."""
    return User()


@command
async def load(user_id: int) -> User:
    """A coroutine function."""
    return User()


@command(key="load", timeout=None)
async def load_configured(user_id: int) -> User:
    """A coroutine function with arguments."""
    return User()


@command_defaults(group="users", timeout=0.3)
class Users:
    """Methods."""

    @command
    def get(self, user_id: int) -> User:
        return User()

    @command(fallback="nobody")
    async def load(self, user_id: int) -> User:
        return User()

    async def nobody(self, user_id: int) -> User:
        return User()


def of_functions() -> None:
    """Signatures and results are kept."""
    assert_type(bare(1, deep=True), User)
    assert_type(configured(1), User)
    assert_type(bare.queue(1), CommandFuture[User])
    assert_type(bare.key, str)
    bare("1")  # type: ignore[arg-type]
    bare(1, True)  # type: ignore[call-arg]
    configured()  # type: ignore[call-arg]
    bare.queue(1, depp=True)  # type: ignore[call-arg]


async def of_coroutine_functions() -> None:
    """The same, awaited."""
    assert_type(await load(1), User)
    assert_type(await load_configured(1), User)
    assert_type(load.queue(1), asyncio.Task[User])
    load("1")  # type: ignore[arg-type, unused-coroutine]


async def of_methods() -> None:
    """Self is bound."""
    users = Users()
    assert_type(users.get(1), User)
    assert_type(users.get.queue(1), CommandFuture[User])
    assert_type(await users.load(1), User)
    assert_type(users.load.queue(1), asyncio.Task[User])
    users.get("1")  # type: ignore[arg-type]


def of_the_rest() -> None:
    """Steering, numbers and context."""
    assert_type(circuit_breaker("GetUser"), CircuitBreaker)
    assert_type(metrics("GetUser"), CommandMetrics)
    assert_type(metrics("GetUser").latency.percentile(99.0), float)
    assert_type(deadline(), float | None)
    assert_type(is_abandoned(), bool)
    CommandProperties(timout=1.0)  # type: ignore[call-arg]
    command(isolation="fiber")  # type: ignore[call-overload]
