"""A site over plain values, and the real server in front of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dashboard.fake_world import World, site_of
from tests.stream.fakes import FakeCircuit, FakeCollapser, FakePool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hystrixpy.stream.server import StreamServer


@pytest.fixture
def world() -> World:
    """One of each."""
    world = World()
    world.all_circuits.append(FakeCircuit())
    world.all_pools.append(FakePool())
    world.all_collapsers.append(FakeCollapser())
    return world


@pytest.fixture
def server(world: World) -> Iterator[StreamServer]:
    from hystrixpy.stream.server import StreamServer

    with StreamServer(site_of(world), "127.0.0.1", 0) as server:
        yield server
