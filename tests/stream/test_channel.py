"""A stream and its clients: few places, one sample for all, and no client that costs another one anything."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from hystrixpy.stream.channel import LIMIT, Channel, Full, Slots
from hystrixpy.stream.wire import PING


class Counter:
    """Builds numbered samples and counts them."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, key: str | None) -> bytes:
        self.built += 1
        return f"data: {key} {self.built}\n\n".encode()


def test_sample_of_a_tick_is_built_once() -> None:
    """Five clients get the very same bytes object."""
    sample = Counter()
    channel = Channel(sample)
    clients = [channel.subscribe({}) for _ in range(LIMIT)]
    for client in clients:
        client.poll(100)
    built = sample.built
    frames = [client.poll(101) for client in clients]
    assert sample.built == built + 1
    assert all(frame is frames[0] for frame in frames)


def test_sample_ends_with_a_keep_alive() -> None:
    """Data first, then Hystrix's ping."""
    assert Channel(Counter()).subscribe({}).poll(1) == b"data: None 1\n\n" + PING


def test_first_sample_comes_at_once_and_fresh() -> None:
    """A client that comes within a tick does not get what the tick began with."""
    channel = Channel(Counter())
    channel.subscribe({}).poll(7)
    assert channel.subscribe({}).poll(7).startswith(b"data: None 2")


def test_clients_that_come_and_go_cannot_keep_the_process_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of samples that take long, newcomers share one for four times as long as it took."""
    now = [100.0]
    monkeypatch.setattr("hystrixpy.stream.channel.time", SimpleNamespace(monotonic=lambda: now[0]))
    sample = Counter()

    def slowly(key: str | None) -> bytes:
        now[0] += 0.05
        return sample(key)

    channel = Channel(slowly)
    for _ in range(100):
        client = channel.subscribe({})
        client.poll(7)
        client.close()
        now[0] += 0.01
    assert sample.built == 5


def test_sixth_client_is_refused() -> None:
    """And welcome as soon as one has left, however often that one says good-bye."""
    channel = Channel(Counter())
    clients = [channel.subscribe({}) for _ in range(LIMIT)]
    with pytest.raises(Full):
        channel.subscribe({})
    clients[0].close()
    clients[0].close()
    channel.subscribe({})
    with pytest.raises(Full):
        channel.subscribe({})


def test_places_are_exact_under_threads() -> None:
    """Eight threads that take and give leave exactly all places."""
    slots = Slots(3)
    taken = [0] * 8

    def churn(number: int) -> None:
        for _ in range(500):
            try:
                give = slots.take()
            except Full:
                continue
            taken[number] += 1
            give()

    threads = [threading.Thread(target=churn, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) > 0
    for _ in range(3):
        slots.take()
    with pytest.raises(Full):
        slots.take()


def test_slow_streams_ping_between_their_samples() -> None:
    """The config stream: at once, then every ten ticks, keep-alives between."""
    client = Channel(Counter(), every=5.0).subscribe({})
    polled = [client.poll(tick) for tick in range(50, 61)]
    assert polled[0].startswith(b"data: None 1")
    assert polled[1:10] == [PING] * 9
    assert polled[10].startswith(b"data: None 2")


@pytest.mark.parametrize(
    ("delay", "ticks"),
    [("2000", 4), ("500", 1), ("1", 1), ("-5", 1), ("", 1), ("often", 1), ("999999999", 120)],
)
def test_delay_is_honoured_within_bounds(delay: str, ticks: int) -> None:
    """As the older servlet's parameter: milliseconds, never below the interval, never above a minute."""
    client = Channel(Counter()).subscribe({"delay": delay})
    polled = [client.poll(tick) != PING for tick in range(ticks + 1)]
    assert polled == [True, *[False] * (ticks - 1), True]


def test_key_narrows_the_sample() -> None:
    """A client that asks for one circuit gets that one, and the others' sample is not touched."""
    sample = Counter()
    channel = Channel(sample)
    assert channel.subscribe({"key": "GetUser"}).poll(1).startswith(b"data: GetUser 1")
    assert channel.subscribe({}).poll(1).startswith(b"data: None 2")


def test_failing_sample_is_logged_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    """The stream goes on with keep-alives, and the log says why."""

    def broken(_key: str | None) -> bytes:
        raise ZeroDivisionError

    assert Channel(broken).subscribe({}).poll(1) == PING
    assert "could not be built" in caplog.text


def test_forked_child_starts_without_clients() -> None:
    """Places that the parent's clients hold are free in the child, and inherited locks do not matter."""
    channel = Channel(Counter())
    for _ in range(LIMIT):
        channel.subscribe({})
    channel._lock.acquire()
    channel.forget()
    assert channel.subscribe({}).poll(1).startswith(b"data: ")
