"""What it costs to be watched: the price of a sample, and of an open stream to the commands beside it.

``python bench/bench_stream.py`` runs the long form: 1,000 circuits and 5 clients for a minute, then the same
with a sixth connection that never reads; CPU share and memory of the serving process.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import hystrixpy
from hystrixpy.stream.live import LiveProcess
from hystrixpy.stream.snapshot import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_benchmark.fixture import BenchmarkFixture


def circuits(number: int) -> list[Any]:
    """Functions with a circuit each, called a few times."""

    def make(i: int) -> Any:
        @hystrixpy.command(key=f"circuit-{i}", group=f"group-{i % 10}", isolation="semaphore")
        def call(n: int) -> float:
            return 1 / n

        return call

    made = [make(i) for i in range(number)]
    for call in made:
        for n in range(1, 20):
            call(n)
    return made


@pytest.fixture
def _reset() -> Iterator[None]:
    yield
    hystrixpy.reset()


@pytest.mark.usefixtures("_reset")
@pytest.mark.parametrize("number", [1, 100])
def test_one_sample(benchmark: BenchmarkFixture, number: int) -> None:
    """Building what all clients of a tick share."""
    calls = circuits(number)
    samples = Samples(LiveProcess())
    benchmark(samples.stream)
    assert len(calls) == number


@pytest.mark.usefixtures("_reset")
@pytest.mark.parametrize("clients", [0, 1, 5])
def test_command_beside_an_open_stream(benchmark: BenchmarkFixture, clients: int) -> None:
    """One semaphore command, while so many clients watch 100 circuits."""
    (call, *_) = circuits(100)
    with hystrixpy.serve(port=0) as server:
        readers = [Reader(server.port) for _ in range(clients)]
        benchmark(call, 1)
        for reader in readers:
            reader.close()


class Reader:
    """A client; reads in a thread of its own unless it is deaf."""

    def __init__(self, port: int, *, deaf: bool = False) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.sendall(b"GET /hystrix.stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.received = 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        if not deaf:
            self.thread.start()

    def _read(self) -> None:
        try:
            while data := self.sock.recv(1 << 20):
                self.received += len(data)
        except OSError:
            return

    def close(self) -> None:
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def serve_for(seconds: float, number: int) -> None:
    """The child of ``main``: serves, and prints what that cost once a line comes in."""
    circuits(number)
    with hystrixpy.serve(port=0) as server:
        print(server.port, flush=True)
        while sys.stdin.readline():
            before, wall = _cpu(), time.monotonic()
            time.sleep(seconds)
            share = (_cpu() - before) / (time.monotonic() - wall)
            print(f"{share * 100:.1f} {_memory_mb():.1f}", flush=True)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _memory_mb() -> float:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() / 1e6


def main(seconds: float = 60.0, number: int = 1000) -> None:
    """Measure in a process of its own, so that the readers' cost is not counted."""
    command = [sys.executable, __file__, "serve", str(seconds), str(number)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    port = int(child.stdout.readline())

    def measure(what: str) -> None:
        child.stdin.write("\n")  # type: ignore[union-attr]
        child.stdin.flush()  # type: ignore[union-attr]
        share, memory = child.stdout.readline().split()  # type: ignore[union-attr]
        print(f"{number} circuits, {what}: {share} % of one core, {memory} MB resident")

    measure("nobody watches")
    readers = [Reader(port) for _ in range(4)]
    measure("4 clients")
    readers.append(Reader(port))
    measure("5 clients")
    readers.pop().close()
    time.sleep(1)
    readers.append(Reader(port, deaf=True))
    measure("4 clients and one that never reads")
    print(f"a client received {readers[0].received / 1e6:.0f} MB")
    for reader in readers:
        reader.close()
    child.communicate()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve_for(float(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
