"""The table of prices tells promises kept from promises broken, and says so when nothing was measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.compare import PRICES, Price, Run, main, short

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.source

NANOSECONDS = {
    "bench/bench_command.py::test_plain_object": 100,
    "bench/bench_command.py::test_command": 280,
    "bench/bench_decorator.py::test_bare": 40,
    "bench/bench_decorator.py::test_command[plain]": 260,
    "bench/bench_decorator.py::test_peer[circuitbreaker]": 540,
}
"""180 ns over the plain object, 220 over the bare call, and a peer that takes 500."""


def canned() -> dict[str, object]:
    """What pytest-benchmark writes, as far as it is read; the medians lie far above the minima."""
    rows: list[dict[str, object]] = [
        {"fullname": name, "stats": {"min": ns / 1e9, "median": 1.0}, "extra_info": {}}
        for name, ns in NANOSECONDS.items()
    ]
    core = {"fullname": "bench/bench_counter.py::test_count_inside_the_core", "stats": {"min": 1.0}}
    return {"benchmarks": [*rows, {**core, "extra_info": {"ns_per_record": 4.2}}]}


@pytest.fixture
def run() -> Run:
    return Run(canned())


def row(run: Run, what: str) -> tuple[str, str, str, str]:
    return next(price for price in PRICES if price.what == what).row(run)


def test_price_met(run: Run) -> None:
    """Overhead is what lies over the plain row, by minima."""
    what = "command over the plain object"
    assert row(run, what) == (what, "200 ns", "180 ns", "yes")


def test_price_missed(run: Run) -> None:
    """One nanosecond too many is too many."""
    what = "@command function over the bare call"
    assert row(run, what) == (what, "200 ns", "220 ns", "NO")


def test_price_as_a_ratio_of_overheads(run: Run) -> None:
    """220 to 500, each over the bare call."""
    what = "@command function over its bare form, to circuitbreaker over the bare call"
    assert row(run, what) == (what, "0.400", "0.440", "NO")


def test_price_from_a_note(run: Run) -> None:
    """What a bench noted beside its time counts where the time says nothing."""
    assert row(run, "one count inside the core")[2:] == ("4 ns", "yes")


def test_price_of_what_was_not_run_is_open(run: Run) -> None:
    """A missing row names itself and is neither met nor missed."""
    what = "request cache hit"
    assert row(run, what) == (what, "500 ns", "not measured (cache::hit[hit])", "?")


def test_exactly_the_price_is_met() -> None:
    """At most means at most."""
    assert Price("x", lambda run: 2.0, 2).row(Run({"benchmarks": []})) == ("x", "2.000", "2.000", "yes")


def test_short_names_survive_slashes_in_parameters() -> None:
    """Only the file's folders go."""
    assert short("bench/bench_async.py::test_awaited[bare]") == "async::awaited[bare]"
    assert short("bench/bench_async.py::test_awaited[a/b]") == "async::awaited[a/b]"


def test_table_has_every_price_in_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Markdown, a line per promise, all of one width."""
    results = tmp_path / "results.json"
    results.write_text(json.dumps(canned()))
    main(str(results))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == len(PRICES) + 2
    assert len({len(line) for line in lines}) == 1
