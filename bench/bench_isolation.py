"""Does a dependency that hangs cost anybody else? 200 calls a second to it, and the p99 of another command."""

import threading
import time

import pytest

from hystrixpy import Command, CommandProperties, CommandRejectedError, CommandTimeoutError

RATE = 200
SECONDS = 3.0


class Hangs(Command[None]):
    """Comes back long after everybody has given up."""

    thread_pool = "hangs"
    properties = CommandProperties(timeout=0.05, breaker_enabled=False)

    def run(self):
        release.wait(10)


class Unrelated(Command[int]):
    thread_pool = "unrelated"

    def run(self):
        time.sleep(0.002)
        return 1


release = threading.Event()


def p99():
    """Of the unrelated command, at some 250 calls a second."""
    seconds, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        Unrelated().execute()
        seconds.append(time.perf_counter() - start)
        time.sleep(0.002)
    seconds.sort()
    return seconds[len(seconds) * 99 // 100]


def keep_calling(stop):
    while not stop.wait(1 / RATE):
        future = Hangs().queue()
        future.add_done_callback(lambda done: done.exception())


@pytest.mark.benchmark(group="p99 beside a hanging dependency")
def test_p99(benchmark):
    """extra_info has both, in milliseconds, and their ratio."""
    undisturbed = p99()
    stop = threading.Event()
    caller = threading.Thread(target=keep_calling, args=(stop,))
    caller.start()
    try:
        time.sleep(0.2)
        beside = benchmark.pedantic(p99, rounds=1)
        with pytest.raises((CommandTimeoutError, CommandRejectedError)):
            Hangs().execute()
    finally:
        stop.set()
        release.set()
        caller.join()
    benchmark.extra_info.update(undisturbed_ms=round(undisturbed * 1e3, 2), beside_ms=round(beside * 1e3, 2))
    benchmark.extra_info["ratio"] = round(beside / undisturbed, 2)
