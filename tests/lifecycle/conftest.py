"""The drivers as fixtures: a test that asks for ``target`` runs on every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .drivers import DRIVERS, Driver, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(params=DRIVERS, ids=str)
def driver(request: pytest.FixtureRequest) -> Driver:
    """Every driver in turn."""
    return request.param


@pytest.fixture
def targets() -> Iterator[list[Target]]:
    """All targets of the test; whatever still hangs in them is let go at the end."""
    made: list[Target] = []
    yield made
    for each in made:
        each.release()


@pytest.fixture
def target(driver: Driver, targets: list[Target]) -> Callable[..., Target]:
    """Make a command key of this driver: ``target(fallback, places=1, timeout=...)``."""

    def define(*args: Any, **options: Any) -> Target:
        targets.append(Target(driver, *args, **options))
        return targets[-1]

    return define


@pytest.fixture
def threaded(driver: Driver, target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers that use a pool."""
    if not driver.is_threaded:
        pytest.skip("of thread isolation")
    return target


@pytest.fixture
def inline(driver: Driver, target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers that call run in the caller's thread."""
    if not driver.is_inline:
        pytest.skip("of synchronous semaphore isolation")
    return target


@pytest.fixture
def in_task(driver: Driver, target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers of coroutine functions."""
    if not driver.is_async:
        pytest.skip("of asyncio")
    return target
