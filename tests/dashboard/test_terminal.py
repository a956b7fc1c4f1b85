"""``hystrixpy top``: the table says what the events say, and no name can steer the terminal."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rich")

from rich.console import Console

from hystrixpy.dashboard.terminal import render, status_line
from hystrixpy.stream.commands import command_event
from tests.stream.fakes import FakeCircuit, command_properties, counts, latencies


def drawn(what: Any, width: int = 160) -> list[str]:
    """The lines of a terminal of that width."""
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(what)
    return [line.rstrip() for line in capture.get().splitlines()]


def table(events: Any, *, sort: str = "name", rows: int = 9, width: int = 160) -> Any:
    return render(events, sort=sort, rows=rows, width=width)


def event(key: str, **circuit: Any) -> dict[str, Any]:
    return command_event(FakeCircuit(key=key, **circuit))


def test_row_shows_the_numbers_of_the_event() -> None:
    """State, rate over the window, error percentage, counts, percentiles, load."""
    circuit = event(
        "GetUser",
        state="half_open",
        health=(100, 25),
        rolling=counts(
            SUCCESS=75, FAILURE=20, TIMEOUT=5, SEMAPHORE_REJECTED=2, THREAD_POOL_REJECTED=1, SHORT_CIRCUITED=9
        ),
        latency=latencies([0.2] * 10),
        active=3,
        abandoned=1,
    )
    _, row = drawn(table([circuit], sort="error", rows=10))
    assert row.split()[:9] == ["GetUser", "half-open", "10.0", "25%", "75", "20", "5", "3", "9"]
    assert row.split()[-2:] == ["3/10", "1"]
    assert row.split()[9].endswith("ms")


@pytest.mark.parametrize(("sort", "first"), [("error", "failing"), ("volume", "busy"), ("p99", "slow"), ("name", "a")])
def test_rows_can_be_sorted(sort: str, first: str) -> None:
    """The worst in the chosen respect comes first; names from a to z."""
    events = [
        event("failing", health=(10, 10)),
        event("busy", health=(1000, 0)),
        event("slow", latency=latencies([2.0])),
        event("a"),
    ]
    assert drawn(table(events, sort=sort, rows=10))[1].split()[0] == first


def test_open_circuits_come_before_all_others() -> None:
    """Even with no traffic left, an open breaker is the news."""
    rows = drawn(
        table([event("failing", health=(10, 10)), event("open", state="open", is_open=True)], sort="error", rows=9)
    )
    assert rows[1].split()[0] == "open"


def test_breaker_that_is_off_says_so() -> None:
    """Whatever its state was, every call gets through; without a limit none is shown."""
    off = event(
        "off",
        state="open",
        properties=command_properties(breaker_enabled=False),
        limit=10**12,
        active=3,
        health=(10, 0),
    )
    rows = drawn(table([off, event("failing", health=(10, 1))], sort="error", rows=9))
    assert [row.split()[0] for row in rows[1:]] == ["failing", "off"]
    assert rows[2].split()[1] == "off"
    assert rows[2].split()[-2:] == ["3", "0"]


def test_no_more_rows_than_fit() -> None:
    """A small terminal shows the first ones."""
    assert len(drawn(table([event(f"c{i}") for i in range(50)], sort="name", rows=5))) == 6


def test_names_cannot_steer_the_terminal() -> None:
    """Escape sequences, newlines and markup are shown, not obeyed."""
    (_, row) = drawn(table([event("\x1b[2J[red]x\n\u202e")], sort="name", rows=5))
    assert "\x1b" not in row
    assert r"\x1b[2J[red]x\n\u202e" in row


def test_status_names_the_lost() -> None:
    """Who is heard, who is not, and why."""
    sources = [
        {"state": "live", "hystrixpyInstance": "a:1", "url": "http://a", "reason": ""},
        {"state": "lost", "hystrixpyInstance": "", "url": "http://b", "reason": "refused"},
    ]
    (line,) = drawn(status_line(sources, [event("x", health=(100, 0))]))
    assert "1 circuits, 10 req/s" in line
    assert "a:1" in line
    assert "http://b lost: refused" in line


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_numbers_are_whole_in_every_terminal(width: int) -> None:
    """Columns go, the least wanted first, and long names are shortened; no number is, and no line is too long."""
    busy = event(
        "a-name-of-forty-letters-that-fits-nowhere",
        state="half_open",
        health=(123_456, 61_728),
        rolling=counts(SUCCESS=61_728, FAILURE=61_728, SHORT_CIRCUITED=99_999),
        latency=latencies([0.2]),
        active=128,
        limit=256,
    )
    head, row = drawn(table([busy], width=width), width)
    assert len(row) <= width
    shown = dict(zip(head.split(), row.split(), strict=True))
    expected = {"state": "half-open", "req/s": "12345.6", "error": "50%", "ok": "61728", "busy": "128/256"}
    assert {name: shown[name] for name in expected if name in shown}.items() <= expected.items()
    assert {"circuit", "state", "error"} <= shown.keys()
    assert ("busy" in shown) == (width >= 100)
    assert shown["circuit"].startswith("a-name-of-")


def test_no_circuit_is_an_empty_table() -> None:
    """Before the first call there is a header and nothing else."""
    assert drawn(table([]))[0].split()[0] == "circuit"


def test_latencies_of_java_are_shown() -> None:
    """Hystrix sends whole milliseconds only, and merged streams add them up over the hosts."""
    java = {name: value for name, value in event("x").items() if not name.startswith("hystrixpy")}
    java |= {"reportingHosts": 2, "latencyExecute": {"50": 20, "99": 300}}
    assert drawn(table([java]))[1].split()[9:11] == ["10.0ms", "150.0ms"]
