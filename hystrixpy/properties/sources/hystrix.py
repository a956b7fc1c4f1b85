"""A Java ``.properties`` file with Hystrix's own names.

``hystrix.command.GetUser.circuitBreaker.forceOpen=true``: times are milliseconds (``keepAliveTimeMinutes``:
minutes), as there. A team's existing file works as it is: names of other libraries are ignored, and Hystrix's
names that have no use here are listed, not refused.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from hystrixpy.properties.faults import invalid, named, printable
from hystrixpy.properties.kinds import Flag, number
from hystrixpy.properties.schema import SECTIONS, Property, table
from hystrixpy.properties.sources.java import entries
from hystrixpy.properties.sources.reading import SWITCH, Reading

__all__ = ["read_hystrix"]

_FLAG = Flag()
_FAMILIES = {"command": "command", "threadpool": "thread_pool", "collapser": "collapser"}
_ENABLED = "execution.timeout.enabled"
_DOCUMENTED = {"execution.isolation.thread.interruptOnCancel": "execution.isolation.thread.interruptOnFutureCancel"}
"""What Hystrix's documentation calls otherwise than its code: people's files have these names."""

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
    used = {name: row for row in rows for name in row.hystrix if name != _ENABLED}
    return {**used, **{name: used[code] for name, code in _DOCUMENTED.items() if code in used}}


_USED = {section: _used(section) for section in SECTIONS}
_KNOWN = {section: {*_USED[section], *_UNUSED[section]} for section in SECTIONS}
_KNOWN["command"].add(_ENABLED)
_MOST_DOTS = max(name.count(".") for names in _KNOWN.values() for name in names)


def read_hystrix(text: str, file: str) -> Reading:
    """What a ``.properties`` text says."""
    reading = Reading()
    for entry in entries(text):
        family, _, rest = entry.name.removeprefix("hystrix.").partition(".")
        if not entry.name.startswith("hystrix.") or family not in _FAMILIES:
            continue
        source = f"{file}, line {entry.line}"
        if entry.fault:
            reading.fault(source, f"{named(entry.name)}: {entry.fault}")
            continue
        _read(reading, source, entry.name, _FAMILIES[family], rest, entry.value.strip())
    return reading


def _read(reading: Reading, source: str, full: str, section: str, rest: str, text: str) -> None:
    """One entry of our three families."""
    if reading.full:
        return
    key, name = _split(section, rest)
    if not key:
        hint = _cut_short(section, rest, text) or _elsewhere(rest) or _meant(section, full, rest)
        reading.fault(source, f"no Hystrix property {named(full)}{hint}")
    elif name in _UNUSED[section]:
        reading.unused.append(printable(full))
    elif name == _ENABLED:
        _add_switch(reading, source, key, full, text)
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


def _cut_short(section: str, rest: str, text: str) -> str:
    """What is wrong if the name ended at a character of its key that separates name and value."""
    goes_on = re.split(r"[=: \t\f]", text, maxsplit=1)[0]
    key, _ = _split(section, f"{rest}:{goes_on}")
    return "; a ':', '=' or blank inside a key is written with a backslash before it" if key else ""


def _elsewhere(rest: str) -> str:
    """What is meant if another family has such a name."""
    meant = [f"hystrix.{family}.{rest}" for family, section in _FAMILIES.items() if _split(section, rest)[0]]
    return f"; did you mean {' or '.join(map(named, meant))}?" if meant else ""


def _meant(section: str, full: str, rest: str) -> str:
    """The nearest existing name, under the key that would go with it."""
    best, nearest = 0.6, ""
    prefix = full[: len(full) - len(rest)]
    parts = rest.rsplit(".", _MOST_DOTS + 2)
    for cut in range(1, len(parts)):
        wrong = ".".join(parts[cut:])[-200:]
        for name in difflib.get_close_matches(wrong, _KNOWN[section], n=1, cutoff=best):
            best = difflib.SequenceMatcher(None, name, wrong).ratio()
            nearest = f"; did you mean {named(prefix + '.'.join([*parts[:cut], name]))}?"
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


def _add_switch(reading: Reading, source: str, key: str, full: str, text: str) -> None:
    """``execution.timeout.enabled``, which is looked up apart from the time."""
    try:
        reading.put(source, "command", key, SWITCH, _FLAG.parse(text))
    except ValueError:
        reading.fault(source, invalid(full, text, _FLAG.valid))
