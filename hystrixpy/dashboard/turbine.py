"""Many processes' events of one circuit, pool or collapser as one event (pure functions).

As Turbine does it, so that Netflix's page and Turbine itself read the result: counters and gauges are
summed, and what the page divides by ``reportingHosts`` (percentages, times, a pool's properties) is sent
times the hosts. But where Turbine adds up percentiles, these are the percentiles of the pooled histograms,
and the fields with the prefix ``hystrixpy`` hold everything as it is, without any trick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy._native.histogram import BUCKETS, FIRST, SCALE, LatencySnapshot
from hystrixpy.stream.collapsers import batch_percentile
from hystrixpy.stream.commands import exact_latency
from hystrixpy.stream.wire import milliseconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Event = dict[str, Any]

__all__ = ["merge", "pooled"]

_PRECEDENCE = ("open", "half_open", "closed")


def merge(events: Sequence[Event]) -> Event:
    """The events of one (type, name), one per process, as one; fields keep the order they came in."""
    hosts = sum(_number(event.get("reportingHosts", 1)) for event in events)
    merged = {name: _sum_or_first(name, events) for name in events[0]}
    merged["currentTime"] = max(_number(event.get("currentTime", 0)) for event in events)
    merged["reportingHosts"] = hosts
    _merge_identity(merged, events)
    {"HystrixCommand": _command, "HystrixThreadPool": _pool, "HystrixCollapser": _collapser}[merged["type"]](
        merged, events, hosts
    )
    return merged


def _sum_or_first(name: str, events: Sequence[Event]) -> Any:
    """Counts and gauges are added up; properties and words are those of the first process."""
    first = events[0][name]
    if name.startswith("propertyValue_") or isinstance(first, bool) or not isinstance(first, (int, float)):
        return first
    return sum(_number(event.get(name, 0)) for event in events)


def _number(value: Any) -> int:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0  # type: ignore[return-value]


def _merge_identity(merged: Event, events: Sequence[Event]) -> None:
    for single in ("hystrixpyHost", "hystrixpyPid", "hystrixpyInstance"):
        merged.pop(single, None)
    instances = [name for event in events for name in _instances(event)]
    merged["hystrixpyInstances"] = sorted(set(instances))


def _instances(event: Event) -> list[str]:
    many = event.get("hystrixpyInstances")
    return list(many) if isinstance(many, list) else [str(event.get("hystrixpyInstance", "?"))]


def _command(merged: Event, events: Sequence[Event], hosts: int) -> None:
    total, errors = merged["requestCount"], merged["errorCount"]
    merged["errorPercentage"] = (errors * 100 // total if total else 0) * hosts
    merged["isCircuitBreakerOpen"] = _open(events, hosts)
    merged["hystrixpyState"], merged["hystrixpyStates"] = _state(events)
    merged["hystrixpyForced"] = _forced(events)
    merged["hystrixpyTransitions"] = _transitions(events)
    _latency(merged, events, "execute", "Execute", hosts)
    _latency(merged, events, "total", "Total", hosts)


def _open(events: Sequence[Event], hosts: int) -> Any:
    """As Turbine: a number where all agree, ``{"true": n, "false": m}`` where they differ."""
    if len(events) == 1:
        return events[0]["isCircuitBreakerOpen"]
    count = sum(_open_count(event) for event in events)
    return count if count in (0, hosts) else {"true": count, "false": hosts - count}


def _open_count(event: Event) -> int:
    value = event.get("isCircuitBreakerOpen")
    if isinstance(value, dict):  # merged once already
        return _number(value.get("true", 0))
    return int(value) if isinstance(value, (bool, int)) else 0


def _state(events: Sequence[Event]) -> tuple[str, dict[str, int]]:
    """(the one state, or ``mixed``; how many processes are in each)."""
    states: dict[str, int] = {}
    for event in events:
        each = event.get("hystrixpyStates") or {event.get("hystrixpyState", "closed"): 1}
        for state, count in each.items():
            states[state] = states.get(state, 0) + count
    present = [state for state in _PRECEDENCE if states.get(state)]
    return (present[0] if len(present) == 1 else "mixed"), states


def _forced(events: Sequence[Event]) -> Any:
    forced = {event.get("hystrixpyForced") for event in events}
    return forced.pop() if len(forced) == 1 else None


def _transitions(events: Sequence[Event]) -> dict[str, int]:
    told = [event.get("hystrixpyTransitions") or {} for event in events]
    return {state: sum(_number(each.get(state, 0)) for each in told) for state in ("closed", "open", "half_open")}


def _latency(merged: Event, events: Sequence[Event], row: str, name: str, hosts: int) -> None:
    """Percentiles of all calls of all processes, from the sum of their histograms."""
    histograms = [event["hystrixpyLatencyBuckets"] for event in events if "hystrixpyLatencyBuckets" in event]
    if len(histograms) < len(events):  # Hystrix itself sends none: what is left is to add up, as Turbine does
        merged[f"latency{name}"] = _added(event[f"latency{name}"] for event in events)
        return
    snapshot = pooled(histogram[row] for histogram in histograms)
    shown = merged[f"latency{name}"]
    merged[f"latency{name}_mean"] = milliseconds(snapshot.mean) * hosts
    merged[f"latency{name}"] = {p: milliseconds(snapshot.percentile(float(p))) * hosts for p in shown}
    merged[f"hystrixpyLatency{name}"] = exact_latency(snapshot)
    buckets = merged["hystrixpyLatencyBuckets"]
    merged["hystrixpyLatencyBuckets"] = {**buckets, "scale": SCALE, "first": FIRST, row: snapshot.sparse()}


def pooled(rows: Iterable[Iterable[Sequence[int]]]) -> LatencySnapshot:
    """One histogram of what many processes counted; entries that cannot be are left out."""
    counts = [0] * BUCKETS
    for row in rows:
        for index, count in row:
            if 0 <= index < BUCKETS and count > 0:
                counts[index] += count
    return LatencySnapshot.from_buckets(counts)


def _added(percentiles: Iterable[dict[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for each in percentiles:
        for p, value in each.items():
            sums[p] = sums.get(p, 0) + _number(value)
    return sums


def _pool(merged: Event, events: Sequence[Event], _hosts: int) -> None:
    for name in merged:
        if name.startswith("propertyValue_"):
            merged[name] = sum(_number(event.get(name, 0)) for event in events)
    if "hystrixpyMaxQueueSize" in merged:
        merged["hystrixpyMaxQueueSize"] = events[0]["hystrixpyMaxQueueSize"]


def _collapser(merged: Event, events: Sequence[Event], hosts: int) -> None:
    one = max(_number(events[0].get("reportingHosts", 1)), 1)
    delay = _number(events[0].get("propertyValue_timerDelayInMilliseconds", 0))
    merged["propertyValue_timerDelayInMilliseconds"] = delay // one * hosts
    sizes: dict[int, int] = {}
    for event in events:
        for size, count in event.get("hystrixpyBatchSizes", ()):
            sizes[size] = sizes.get(size, 0) + count
    batches, requests = sum(sizes.values()), sum(size * count for size, count in sizes.items())
    merged["batchSize_mean"] = (requests // batches if batches else 0) * hosts
    merged["batchSize"] = {p: batch_percentile(sizes, float(p)) * hosts for p in merged["batchSize"]}
    merged["hystrixpyBatchSizes"] = [[size, sizes[size]] for size in sorted(sizes)]
