"""Do threads that share one circuit lose time or counts? 80,000 calls by one thread, and by eight."""

import threading

import pytest

import hystrixpy
from hystrixpy import command

CALLS = 80_000  # so many that starting the threads does not count


@command(key="shared", isolation="semaphore", max_concurrent=64)
def guarded():
    return 1


def circuitbreaker():
    return pytest.importorskip("circuitbreaker").CircuitBreaker()(lambda: 1)


def pybreaker():
    return pytest.importorskip("pybreaker").CircuitBreaker()(lambda: 1)


def interlock():
    call = pytest.importorskip("interlock").CircuitBreaker(name="X").call_sync
    return lambda: call(lambda: 1)


WAYS = {"command": lambda: guarded, "circuitbreaker": circuitbreaker, "pybreaker": pybreaker, "interlock": interlock}


def share(call, threads):
    """CALLS calls, shared out among so many threads."""

    def some():
        for _ in range(CALLS // threads):
            call()

    workers = [threading.Thread(target=some) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@pytest.mark.benchmark(group="80,000 calls on one circuit")
@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("way", WAYS)
def test_threads(benchmark, way, threads):
    """Ours must count every one."""
    call = WAYS[way]()
    before = hystrixpy.metrics("shared").cumulative_counts()[hystrixpy.EventType.SUCCESS]
    rounds = benchmark.pedantic(share, (call, threads), rounds=5, warmup_rounds=1)
    assert rounds is None
    if way == "command":
        counted = hystrixpy.metrics("shared").cumulative_counts()[hystrixpy.EventType.SUCCESS]
        assert counted - before == 6 * CALLS
