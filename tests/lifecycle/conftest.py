"""The drivers as fixtures: a test that asks for ``target`` runs on every one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .drivers import DRIVERS, Driver, Target
from .nestings import NESTINGS, Nesting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


FOR_SOME = {
    "threaded": lambda driver: driver.is_threaded,
    "inline": lambda driver: driver.is_inline,
    "in_task": lambda driver: driver.is_async,
    "unthreaded": lambda driver: not driver.is_threaded,
    "cancellable": lambda driver: driver.is_cancellable,
}
"""The fixtures that are ``target`` on some drivers only, and which those are."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test runs on the drivers that its fixtures are for: what cannot be is not collected, instead of skipped."""
    asked = [fits for name, fits in FOR_SOME.items() if name in metafunc.fixturenames]
    drivers = [driver for driver in DRIVERS if all(fits(driver) for fits in asked)]
    if "nest" in metafunc.fixturenames:
        pairs = [(driver, nesting) for driver in drivers for nesting in NESTINGS if nesting.fits(driver)]
        metafunc.parametrize(("driver", "nest"), pairs, indirect=True, ids=str)
    elif "driver" in metafunc.fixturenames:
        metafunc.parametrize("driver", drivers, indirect=True, ids=str)


@pytest.fixture
def driver(request: pytest.FixtureRequest) -> Driver:
    """One way to perform a command, see ``pytest_generate_tests``."""
    return request.param


@pytest.fixture
def nest(request: pytest.FixtureRequest) -> Nesting:
    """Make a run that executes an inner command: ``nest(make)``, in one of the ways that the driver has."""
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
def threaded(target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers that use a pool."""
    return target


@pytest.fixture
def unthreaded(target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers that use none."""
    return target


@pytest.fixture
def inline(target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers that call run in the caller's thread."""
    return target


@pytest.fixture
def in_task(target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers of coroutine functions."""
    return target


@pytest.fixture
def cancellable(target: Callable[..., Target]) -> Callable[..., Target]:
    """As ``target``, on the drivers whose caller can go away while run is under way."""
    return target
