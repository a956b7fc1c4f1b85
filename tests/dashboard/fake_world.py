"""A process that never was: circuits under made-up traffic, served by the real server.

Run it to look at the dashboard: ``python -m tests.dashboard.fake_world [circuits] [port]``.
"""

from __future__ import annotations

import math
import random
import sys
import threading
import time
from types import SimpleNamespace

from hystrixpy.stream.channel import Channel
from hystrixpy.stream.process import identity
from hystrixpy.stream.server import StreamServer
from hystrixpy.stream.site import Site
from hystrixpy.stream.snapshot import Samples
from tests.stream.fakes import FakeCircuit, FakeCollapser, FakePool, command_properties, counts, latencies

WORDS = ["GetUser", "ChargeCard", "SearchIndex", "RankModel", "SendMail", "ReadCache", "ListOrders", "GeoLookup"]


class World:
    """What a registry would be: lists of things to look at."""

    def __init__(self) -> None:
        self.all_circuits: list[FakeCircuit] = []
        self.all_pools: list[FakePool] = []
        self.all_collapsers: list[FakeCollapser] = []

    def circuits(self) -> list[FakeCircuit]:
        return list(self.all_circuits)

    def pools(self) -> list[FakePool]:
        return list(self.all_pools)

    def collapsers(self) -> list[FakeCollapser]:
        return list(self.all_collapsers)


def site_of(world: World) -> Site:
    samples = Samples(world)
    streams = {
        "/hystrix.stream": Channel(samples.stream),
        "/hystrix/utilization.stream": Channel(samples.utilization),
        "/hystrix/config.stream": Channel(samples.config, every=5.0),
    }
    return Site(streams, {"/hystrixpy/sources.json": lambda: {"merged": False, "sources": [identity()]}})


def serve(world: World, port: int = 0) -> StreamServer:
    return StreamServer(site_of(world), "127.0.0.1", port)


def populate(world: World, number: int) -> None:
    for i in range(number):
        name = WORDS[i % len(WORDS)] + (f"{i // len(WORDS)}" if i >= len(WORDS) else "")
        isolation = "semaphore" if i % 3 == 2 else "thread"
        world.all_circuits.append(
            FakeCircuit(
                key=name,
                group="edge" if i % 2 else "core",
                thread_pool="edge" if i % 2 else "core",
                properties=command_properties(isolation=isolation, timeout=None if i % 7 == 5 else 1.0),
            )
        )
    world.all_pools += [FakePool(key="edge"), FakePool(key="core")]
    world.all_collapsers.append(FakeCollapser(key="UserById"))


def step(world: World, rng: random.Random, now: float) -> None:
    for i, circuit in enumerate(world.all_circuits):
        shake(circuit, i, rng, now)
    for pool in world.all_pools:
        pool.active = rng.randrange(0, 9)
        pool.max_active = max(pool.active, 8)
        pool.size, pool.largest = 9, 10
        pool.completed += rng.randrange(50, 90)
        pool.rolling_executed = rng.randrange(900, 1300)
        pool.rolling_rejected = rng.randrange(0, 3)
        pool.queue_size = rng.randrange(0, 2)
    for collapser in world.all_collapsers:
        sizes = {s: rng.randrange(1, 30) for s in (1, 2, 5, 8, 13, 20)}
        collapser.batch_sizes = sizes
        collapser.rolling_batches = sum(sizes.values())
        collapser.rolling_requests = sum(s * n for s, n in sizes.items())
        collapser.rolling_from_cache = rng.randrange(0, 100)


def shake(circuit: FakeCircuit, i: int, rng: random.Random, now: float) -> None:
    rate = int(60 * (1 + i % 9) * (1.2 + math.sin(now / 9 + i)) + rng.randrange(20))
    bad = {0: 0, 1: 14, 2: 1, 3: 0, 4: 55}.get(i % 11, 2 if i % 5 == 0 else 0)
    failures = rate * bad // 100
    timeouts = failures // 3
    if i % 11 == 4:
        opened = int(now) % 20 < 14
        new = ("half_open" if int(now) % 20 in (12, 13) else "open") if opened else "closed"
        if new != circuit.state:
            n = list(circuit.transitions)
            n[["closed", "open", "half_open"].index(new)] += 1
            circuit.transitions = tuple(n)
            circuit.state = new
        circuit.is_open = new != "closed"
    circuit.forced = {6: "open", 8: "closed"}.get(i % 17)
    short = rate // 2 if circuit.is_open else 0
    circuit.health = (rate, failures)
    circuit.rolling = counts(
        SUCCESS=rate - failures,
        FAILURE=failures - timeouts,
        TIMEOUT=timeouts,
        SHORT_CIRCUITED=short,
        BAD_REQUEST=i % 4,
        FALLBACK_SUCCESS=failures + short,
        RESPONSE_FROM_CACHE=rate // 10,
        THREAD_POOL_REJECTED=2 if i % 6 == 3 else 0,
    )
    circuit.active = rng.randrange(0, 7)
    circuit.max_active = max(circuit.active, 7)
    circuit.abandoned = 2 if i % 11 == 4 else 0
    base = 0.0004 * 3 ** (i % 6)
    circuit.latency = latencies(base * rng.lognormvariate(0, 0.5) for _ in range(60))
    circuit.total_latency = latencies(1.1 * base * rng.lognormvariate(0, 0.5) for _ in range(60))
    circuit.explanation = (
        f"circuit {circuit.key!r} is {circuit.state}: {failures * 100 // max(rate, 1)}% of {rate} calls failed in the "
        "last 10 s (threshold 50%, needs 20 calls)"
    )
    if not circuit.origins:
        circuit.origins = {
            name: SimpleNamespace(
                value=value,
                level="code" if name == "timeout" else "built in",
                source="GetUser.properties" if name == "timeout" else "default",
            )
            for name, value in vars(circuit.properties).items()
        }


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    world = World()
    populate(world, number)
    rng = random.Random(4)
    step(world, rng, time.time())
    with serve(world, int(sys.argv[2]) if len(sys.argv) > 2 else 0) as server:
        print(server.url, flush=True)
        stop = threading.Event()
        while not stop.wait(0.5):
            step(world, rng, time.time())


if __name__ == "__main__":
    main()
