"""A Java ``.properties`` file with Hystrix's own names.

``hystrix.command.GetUser.circuitBreaker.forceOpen=true``: times are milliseconds (``keepAliveTimeMinutes``:
minutes), as there. A team's existing file works as it is: names of other libraries are ignored, and Hystrix's
names that have no use here are listed, not refused.
"""

from __future__ import annotations

import difflib
from typing import Any

from hystrixpy.properties.faults import invalid, shown
from hystrixpy.properties.kinds import Flag, number
from hystrixpy.properties.schema import SECTIONS, Property, table
from hystrixpy.properties.sources.java import entries
from hystrixpy.properties.sources.reading import Reading, TimeoutOn

__all__ = ["read_hystrix"]

_FLAG = Flag()
_FAMILIES = {"command": "command", "threadpool": "thread_pool", "collapser": "collapser"}
_ENABLED = "execution.timeout.enabled"
_TIMEOUT = "execution.isolation.thread.timeoutInMilliseconds"
_UNUSED = {
    "command": {
        "metrics.rollingPercentile.bucketSize",
        "metrics.healthSnapshot.intervalInMilliseconds",
        "threadPoolKeyOverride",
    },
    "thread_pool": set[str](),
    "collapser": {
        "collapsingEnabled",
        "metrics.rollingStats.timeInMilliseconds",
        "metrics.rollingStats.numBuckets",
        "metrics.rollingPercentile.enabled",
        "metrics.rollingPercentile.timeInMilliseconds",
        "metrics.rollingPercentile.numBuckets",
        "metrics.rollingPercentile.bucketSize",
    },
}


def _used(section: str) -> dict[str, Property]:
    rows = table(SECTIONS[section]).values()
    return {name: row for row in rows for name in row.hystrix if name != _ENABLED}


_USED = {section: _used(section) for section in SECTIONS}
_KNOWN = {section: {*_USED[section], *_UNUSED[section]} for section in SECTIONS}
_KNOWN["command"].add(_ENABLED)
_MOST_DOTS = max(name.count(".") for names in _KNOWN.values() for name in names)

Switches = dict[str, tuple[bool, str]]
"""What ``execution.timeout.enabled`` says per key, and where."""


def read_hystrix(text: str, file: str) -> Reading:
    """What a ``.properties`` text says."""
    reading = Reading()
    switches: Switches = {}
    for entry in entries(text):
        family, _, rest = entry.name.removeprefix("hystrix.").partition(".")
        if not entry.name.startswith("hystrix.") or family not in _FAMILIES:
            continue
        source = f"{file}, line {entry.line}"
        if entry.fault:
            reading.fault(source, f"{shown(entry.name)}: {entry.fault}")
            continue
        _read(reading, switches, source, entry.name, _FAMILIES[family], rest, entry.value.strip())
    _switch_timeouts(reading, switches)
    return reading


def _read(reading: Reading, switches: Switches, source: str, full: str, section: str, rest: str, text: str) -> None:
    """One entry of our three families."""
    if reading.full:
        return
    key, name = _split(section, rest)
    if not key:
        reading.fault(source, f"no Hystrix property {shown(full)}{_meant(section, full, rest)}")
    elif name in _UNUSED[section]:
        reading.unused.append(full)
    elif name == _ENABLED:
        _add_switch(reading, switches, source, key, full, text)
    else:
        _add(reading, source, section, key, _USED[section][name], full, name, text)


def _split(section: str, rest: str) -> tuple[str, str]:
    """Key and property name; keys may hold dots, so the longest known name at the end is the property."""
    parts = rest.rsplit(".", _MOST_DOTS + 1)
    for cut in range(1, len(parts)):
        name = ".".join(parts[cut:])
        if name in _KNOWN[section]:
            return rest[: -len(name) - 1], name
    return "", ""


def _meant(section: str, full: str, rest: str) -> str:
    """The nearest existing name, under the key that would go with it."""
    best, nearest = 0.6, ""
    parts = rest.rsplit(".", _MOST_DOTS + 2)
    for cut in range(1, len(parts)):
        wrong = ".".join(parts[cut:])[-200:]
        for name in difflib.get_close_matches(wrong, _KNOWN[section], n=1, cutoff=best):
            best = difflib.SequenceMatcher(None, name, wrong).ratio()
            nearest = f"; did you mean '{full[: len(full) - len(rest)]}{'.'.join(parts[:cut])}.{name}'?"
    return (
        nearest or f"; known after hystrix.{section.replace('_', '')}.<key>. are {', '.join(sorted(_KNOWN[section]))}"
    )


def _add(reading: Reading, source: str, section: str, key: str, row: Property, full: str, name: str, text: str) -> None:
    """A value under its Hystrix name, in Hystrix's unit."""
    try:
        reading.put(source, section, key, row.name, _value(row, name, text))
    except (ValueError, TypeError):
        reading.fault(source, invalid(full, text, _valid(row, name)))


def _value(row: Property, name: str, text: str) -> Any:
    if name.endswith("InMilliseconds"):
        return row.kind.check(number(text) / 1000)
    if name.endswith("Minutes"):
        return row.kind.check(number(text) * 60)
    return row.kind.parse(text)


def _valid(row: Property, name: str) -> str:
    if name.endswith("InMilliseconds"):
        return f"a number of milliseconds ({row.name}: {row.kind.valid})"
    if name.endswith("Minutes"):
        return f"a number of minutes ({row.name}: {row.kind.valid})"
    return row.kind.valid


def _add_switch(reading: Reading, switches: Switches, source: str, key: str, full: str, text: str) -> None:
    try:
        switches[key] = (_FLAG.parse(text), source)
    except ValueError:
        reading.fault(source, invalid(full, text, _FLAG.valid))


def _switch_timeouts(reading: Reading, switches: Switches) -> None:
    """Make one ``timeout`` of Hystrix's two properties.

    There the switch and the time are looked up apart: a key without a switch of its own follows that of
    ``default``, and a key that is switched on takes its time from wherever one is.
    """
    on_for_all, _ = switches.get("default", (True, ""))
    times = {key for section, key in reading.values if section == "command"}
    default = reading.values.get(("command", "default"), {}).get("timeout")
    for key in sorted(times | set(switches)):
        own = reading.values.get(("command", key), {}).get("timeout")
        on, source = switches.get(key, switches.get("default", (True, "")))
        if not on and (own or key in switches):
            reading.put(source, "command", key, "timeout", None)
        elif on and not own and key in switches and not on_for_all:
            reading.put(source, "command", key, "timeout", TimeoutOn(default.value if default else 1.0))
