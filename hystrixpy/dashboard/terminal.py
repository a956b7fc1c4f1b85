"""The table of ``hystrixpy top``: merged events as rows (needs rich, extra ``tui``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from hystrixpy.stream.wire import UNBOUNDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import JustifyMethod

__all__ = ["SORTS", "render", "status_line"]

_STYLES = {"closed": "green", "open": "bold white on red", "half_open": "yellow", "mixed": "yellow", "off": "dim"}
_COLUMNS = (
    *("circuit", "state", "req/s", "error", "ok", "fail", "timeout", "reject", "short"),
    *("p50", "p99", "busy", "left"),
)

_DISPENSABLE = ("p50", "ok", "busy", "short", "reject", "timeout", "fail", "left", "p99", "req/s")
_NAME = 18
"""Letters of a name that are worth a column of numbers."""

SORTS = {
    "error": lambda event: (_not_closed(event), error_percentage(event), rate(event)),
    "volume": lambda event: (rate(event),),
    "p99": lambda event: (_latency(event)["99"],),
    "name": None,
}
"""How rows can be ordered; the highest first, names in alphabetical order."""


def render(events: Sequence[Mapping[str, Any]], *, sort: str, rows: int, width: int) -> Table:
    """The circuits as a table of at most ``rows`` rows that fits a terminal of ``width`` columns."""
    cells = [dict(zip(_COLUMNS, _cells(event), strict=True)) for event in _sorted(events, sort)[:rows]]
    widths = {column: max(cell_len(column), *(row[column].cell_len for row in cells), 0) for column in _COLUMNS}
    shown = _fitting(widths, width)
    table = Table(expand=True, box=None, header_style="bold", pad_edge=False, collapse_padding=True)
    for column, least in shown.items():
        side: JustifyMethod = "left" if column in ("circuit", "state") else "right"
        table.add_column(column, justify=side, no_wrap=True, min_width=least)
    for row in cells:
        row["circuit"].truncate(shown["circuit"], overflow="ellipsis")
        table.add_row(*(row[column] for column in shown))
    return table


def _sorted(events: Sequence[Mapping[str, Any]], sort: str) -> list[Mapping[str, Any]]:
    circuits = [event for event in events if event["type"] == "HystrixCommand"]
    key = SORTS[sort]
    circuits.sort(key=lambda event: event["name"])
    if key is not None:
        circuits.sort(key=key, reverse=True)
    return circuits


def _fitting(widths: Mapping[str, int], width: int) -> dict[str, int]:
    """The columns that fit, and how wide they are: whole columns go before a number would lose a digit."""
    shown = dict(widths)
    wanted = min(widths["circuit"], _NAME)
    for column in (*_DISPENSABLE, None):
        room = width - sum(least + 1 for name, least in shown.items() if name != "circuit")
        if room >= wanted or column is None:
            break
        del shown[column]
    return {**shown, "circuit": max(min(widths["circuit"], room), 1)}


def _cells(event: Mapping[str, Any]) -> list[Text]:
    state, percentage = _state(event), error_percentage(event)
    latency = _latency(event)
    rejected = event["rollingCountThreadPoolRejected"] + event["rollingCountSemaphoreRejected"]
    return [
        Text(_printable(event["name"])),
        Text(state.replace("_", "-"), style=_STYLES.get(state, "bold magenta")),
        Text(f"{rate(event):.1f}"),
        Text(f"{percentage}%", style="bold red" if percentage >= 40 else "yellow" if percentage >= 10 else ""),
        Text(str(event["rollingCountSuccess"]), style="green"),
        _count(event["rollingCountFailure"], "red"),
        _count(event["rollingCountTimeout"], "yellow"),
        _count(rejected, "magenta"),
        _count(event["rollingCountShortCircuited"], "blue"),
        Text(_duration(latency["50"])),
        Text(_duration(latency["99"])),
        Text(f"{event['currentConcurrentExecutionCount']}{_limit(event)}"),
        _count(event.get("hystrixpyAbandoned", 0), "bold red"),
    ]


def _printable(name: str) -> str:
    """A name with whatever could steer a terminal shown as an escape."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in name)


def _count(number: int, style: str) -> Text:
    return Text(str(number), style=style if number else "dim")


def _state(event: Mapping[str, Any]) -> str:
    if event.get("propertyValue_circuitBreakerEnabled") is False:
        return "off"
    forced = event.get("hystrixpyForced")
    return f"forced {forced}" if forced else str(event.get("hystrixpyState", "?"))


def _not_closed(event: Mapping[str, Any]) -> bool:
    return _state(event) not in ("closed", "off")


def _latency(event: Mapping[str, Any]) -> Mapping[str, float]:
    """Percentiles in milliseconds. Hystrix itself sends whole ones, added up over the hosts."""
    exact: Mapping[str, float] | None = event.get("hystrixpyLatencyExecute")
    if exact:
        return exact
    return {p: value / event["reportingHosts"] for p, value in event["latencyExecute"].items()}


def _limit(event: Mapping[str, Any]) -> str:
    """What follows the number of those in flight: "/10", and nothing where there is no limit."""
    limit = event.get("hystrixpyConcurrencyLimit", UNBOUNDED)
    return f"/{limit}" if limit < UNBOUNDED else ""


def rate(event: Mapping[str, Any]) -> float:
    """Requests per second over the rolling window."""
    window = event["propertyValue_metricsRollingStatisticalWindowInMilliseconds"]
    return float(event["requestCount"] * 1000 / window) if window else 0.0


def error_percentage(event: Mapping[str, Any]) -> int:
    """Of all hosts together: ``errorPercentage`` of a merged stream is that times the hosts."""
    total = event["requestCount"]
    return int(event["errorCount"] * 100 // total) if total else 0


def _duration(ms: float) -> str:
    if ms < 1:
        return f"{ms * 1000:.0f}us"
    return f"{ms:.1f}ms" if ms < 1000 else f"{ms / 1000:.2f}s"


def status_line(sources: Iterable[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]) -> Text:
    """Who is heard, who is lost, and how much goes on."""
    line = Text("hystrixpy top  ", style="bold")
    circuits = [event for event in events if event["type"] == "HystrixCommand"]
    line.append(f"{len(circuits)} circuits, {sum(map(rate, circuits)):.0f} req/s  ", style="none")
    for source in sources:
        live = source["state"] == "live"
        name = _printable(source["hystrixpyInstance"] or source["url"])
        what = "" if live else f" {source['state']}: {_printable(source['reason'])}"
        line.append(f" {name}{what}", "green" if live else "red")
    return line
