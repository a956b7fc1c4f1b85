"""What do 10,000 command keys cost: memory per key, and the time to make them?

The numbers of a circuit are one block of C memory, which tracemalloc does not see: the resident set of a fresh
process tells. Run it as a program for the figures, or under pytest-benchmark for the time of one new key.
"""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import time

KEYS = 10_000


def resident() -> int:
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def make_fetch():
    """A command class with a key per host, its first circuit made."""
    from hystrixpy import Command, CommandProperties

    class Fetch(Command[int]):
        properties = CommandProperties(isolation="semaphore")

        def __init__(self, host):
            super().__init__(key=f"fetch:{host}")

        def run(self):
            return 1

    Fetch("first").execute()
    return Fetch


def measure() -> tuple[float, float, float]:
    """(bytes per key, microseconds for the first call of a key, microseconds for the second one)."""
    fetch = make_fetch()
    gc.collect()
    before = resident()
    first = timed(fetch)
    memory = (resident() - before) / KEYS
    return memory, first, timed(fetch)


def timed(fetch) -> float:
    """Microseconds per call, one call of every key."""
    began = time.perf_counter()
    for host in range(KEYS):
        fetch(host).execute()
    return (time.perf_counter() - began) / KEYS * 1e6


def test_a_new_key(benchmark):
    """The first call of a key: its circuit is made."""
    fetch, hosts = make_fetch(), itertools.count()
    benchmark.pedantic(lambda: fetch(next(hosts)).execute(), rounds=2000)
    benchmark.extra_info["keys"] = "one new key per call"


def test_memory_per_key(benchmark):
    """In a process of its own; kept with the result."""
    program = [sys.executable, __file__]
    ended = benchmark.pedantic(lambda: subprocess.run(program, capture_output=True, text=True, check=True), rounds=1)
    benchmark.extra_info["figures"] = ended.stdout.strip()
    benchmark.extra_info["bytes_per_key"] = float(ended.stdout.split(" KB")[0].split()[-1]) * 1024


if __name__ == "__main__":
    memory, first, second = measure()
    print(f"{KEYS} keys: {memory / 1024:.1f} KB each, {first:.0f} us to make, {second:.2f} us per further call")
