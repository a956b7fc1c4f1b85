"""Every test starts from nothing: no circuit, no hook, no property of the one before, and no setting of the machine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.testing import ManualClock

settings.register_profile("hystrixpy", deadline=None)  # that the machine is busy is no failure
settings.load_profile("hystrixpy")

FOREIGN = ("HYSTRIXPY_", "OTEL_")
"""Environment variables that would change what is tested."""

for name in [name for name in os.environ if name.startswith(FOREIGN)]:
    if name != "HYSTRIXPY_FT_PYTHON":
        del os.environ[name]


@pytest.fixture(autouse=True)
def _fresh_hystrixpy() -> Iterator[None]:
    """Tear down what a test left. A test that never imported the package costs nothing.

    Each xdist worker is a process of its own, so nothing is shared between tests that run at once.
    """
    yield
    package = sys.modules.get("hystrixpy")
    if package is not None and hasattr(package, "reset"):
        package.reset(timeout=5.0)


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    """A manual clock, on for the length of the test: windows, breakers and latencies move by ``clock.advance``."""
    from hystrixpy.testing import ManualClock

    with ManualClock() as manual:
        yield manual
