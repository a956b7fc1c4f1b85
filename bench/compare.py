"""Prints the prices that were promised beside what a run of the benches measured: compare.py RESULTS.json...

Minima are compared: on a machine that others use, too, they are what repeats. "over" means that the time of the same
work unguarded, measured in the same run, is taken off first.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NS = 1e9


class Run:
    """The minima of one run, in nanoseconds, and what the benches noted beside them."""

    def __init__(self, *results: Mapping[str, Any]) -> None:
        rows = [row for each in results for row in each["benchmarks"]]
        self.minima = {short(row["fullname"]): row["stats"]["min"] * NS for row in rows}
        self.notes = {short(row["fullname"]): row.get("extra_info", {}) for row in rows}

    def time(self, name: str) -> float:
        return self.minima[name]

    def over(self, name: str, bare: str) -> float:
        return self.minima[name] - self.minima[bare]

    def note(self, name: str, key: str) -> float:
        return float(self.notes[name][key])


def short(fullname: str) -> str:
    """bench/bench_async.py::test_awaited[bare] -> async::awaited[bare]"""
    path, _, test = fullname.partition("::")
    file = path.rpartition("/")[2]
    return f"{file.removeprefix('bench_').removesuffix('.py')}::{test.removeprefix('test_')}"


@dataclass(frozen=True)
class Price:
    """One promise: what is compared, how it is measured (smaller is better), and the most it may be."""

    what: str
    measure: Callable[[Run], float]
    most: float
    unit: str = ""

    def row(self, run: Run) -> tuple[str, str, str, str]:
        try:
            measured = self.measure(run)
        except KeyError as missing:
            return self.what, self.shown(self.most), f"not measured ({missing.args[0]})", "?"
        return self.what, self.shown(self.most), self.shown(measured), "yes" if measured <= self.most else "NO"

    def shown(self, value: float) -> str:
        return f"{value:,.0f} {self.unit}" if self.unit else f"{value:.3f}"


def command_over(run: Run) -> float:
    return run.over("command::command", "command::plain_object")


def beside_tasks_over(run: Run) -> float:
    return run.over("command::command_beside_tasks", "command::plain_object")


def function_over(run: Run) -> float:
    return run.over("decorator::command[plain]", "decorator::bare")


def failing_over(run: Run) -> float:
    return run.over("command::failing", "command::plain_failing")


def peer_over(peer: str) -> Callable[[Run], float]:
    return lambda run: run.over(f"decorator::peer[{peer}]", "decorator::bare")


def against(mine: Callable[[Run], float], peer: Callable[[Run], float]) -> Callable[[Run], float]:
    return lambda run: mine(run) / peer(run)


def times(name: str) -> Callable[[Run], float]:
    return lambda run: run.time(name)


def gathered(peer: str) -> Callable[[Run], float]:
    return times(f"collapser::gather[{peer}-100]")


def noted(name: str, key: str) -> Callable[[Run], float]:
    return lambda run: run.note(name, key)


def threads(run: Run) -> float:
    """How much longer eight threads take for the same calls."""
    return run.time("one_circuit::threads[command-8]") / run.time("one_circuit::threads[command-1]")


def awaited_over(way: str) -> Callable[[Run], float]:
    return lambda run: run.over(f"async::awaited[{way}]", "async::awaited[bare]")


PRICES = (
    Price("command over the plain object", command_over, 200, "ns"),
    Price("the same where commands run in tasks, too", beside_tasks_over, 200, "ns"),
    *(
        Price(f"{name} over its bare form, to {peer} over the bare call", against(mine, peer_over(peer)), most)
        for name, mine in (("command", command_over), ("@command function", function_over))
        for peer, most in (("pybreaker", 1 / 7), ("circuitbreaker", 1 / 2.5), ("interlock", 1 / 20))
    ),
    Price("@command function over the bare call", function_over, 200, "ns"),
    Price("failing with fallback over try and except, to closed over plain", against(failing_over, command_over), 2),
    Price(
        "open with fallback, to closed", against(times("command::open_with_fallback"), times("command::command")), 2
    ),
    Price(
        "open, raising, to circuitbreaker's refusal",
        against(times("command::open_raising"), times("command::open_circuitbreaker")),
        1,
    ),
    Price(
        "await with a timeout over the bare await, to asyncio.timeout() over it",
        against(awaited_over("command"), awaited_over("asyncio_timeout")),
        1 / 4,
    ),
    Price(
        "thread command, idle, to ThreadPoolExecutor idle (p50)",
        against(noted("thread::idle[command]", "p50_us"), noted("thread::idle[executor]", "p50_us")),
        1 / 2,
    ),
    Price(
        "thread command, warm, to ThreadPoolExecutor idle (p50)",
        against(noted("thread::warm[command]", "p50_us"), noted("thread::idle[executor]", "p50_us")),
        1 / 5,
    ),
    Price("p99 beside a hanging dependency, to undisturbed", noted("isolation::p99", "ratio"), 2),
    Price("one count inside the core", noted("counter::count_inside_the_core", "ns_per_record"), 15, "ns"),
    Price("memory of a command key", noted("memory::memory_per_key", "bytes_per_key"), 32 * 1024, "bytes"),
    Price("eight threads on one circuit, to one thread", threads, 1 / 0.9),
    Price("request cache hit", times("cache::hit[hit]"), 500, "ns"),
    Price(
        "collapsed request, batch of 100, to aiodataloader",
        against(gathered("hystrixpy, function form"), gathered("aiodataloader")),
        1,
    ),
)


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table whose columns line up."""
    lines = [("what", "at most", "measured", "met"), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    shown = [f"| {' | '.join(line)} |" for line in padded]
    shown.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(shown)


def main(*paths: str) -> None:
    run = Run(*(json.loads(Path(path).read_text()) for path in paths))
    print(table(price.row(run) for price in PRICES))
    print("\nMinima of one run. The machine may be small and shared: believe ratios within this table, nothing else.")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: compare.py RESULTS.json... (what pytest --benchmark-json wrote)")
    main(*sys.argv[1:])
