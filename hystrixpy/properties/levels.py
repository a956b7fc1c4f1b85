"""Which value is in force: the four levels of a property, highest first.

Dynamic for the key, code (the class or decorator), dynamic default, built in: as in Hystrix, so a value
in code beats a dynamic default. Resolving happens when a circuit is made and after a change, never per call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy.errors import PropertyError
from hystrixpy.properties.explanation import Level, PropertyOrigin
from hystrixpy.properties.faults import shown, unknown
from hystrixpy.properties.schema import SECTIONS, Properties, table
from hystrixpy.properties.sources import SWITCH, Found
from hystrixpy.properties.sources.reading import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hystrixpy.properties.sources import Values

__all__ = ["bucket_faults", "misfit", "resolve_in"]

_WINDOWS = (("rolling_window", "rolling_buckets"), ("percentile_window", "percentile_buckets"))
_NOTHING: Mapping[str, Any] = {}

_BUILT_IN: tuple[Level, str] = ("built in", "built-in default")

_Said = tuple[tuple[Level, "Mapping[str, Found]"], ...]
"""What each level says about one key, highest first; the built-in level is what is left."""


def resolve_in(
    dynamic: Values,
    kind: str,
    key: str,
    code: Properties | None,
    builtin: Mapping[str, Any],
    fixed: Mapping[str, Any],
    code_source: str,
) -> dict[str, PropertyOrigin]:
    """Every property of ``key`` at its highest level, checked against each other."""
    if kind not in SECTIONS:
        raise PropertyError(unknown("no kind of properties", kind, SECTIONS))
    said = _said(dynamic, kind, key, code, code_source)
    origins = {}
    for name, row in table(SECTIONS[kind]).items():
        highest = _timeout if (kind, name) == ("command", "timeout") else _highest
        origins[name] = highest(said, name, PropertyOrigin(builtin.get(name, row.default), *_BUILT_IN))
    for name, value in fixed.items():
        origins[name] = PropertyOrigin(value, "built in", "the same for all commands of this kind")
    _check_buckets(kind, key, origins)
    return origins


def _said(dynamic: Values, kind: str, key: str, code: Properties | None, code_source: str) -> _Said:
    for_key: Mapping[str, Found] = dynamic.get((kind, key), _NOTHING)
    for_all: Mapping[str, Found] = dynamic.get((kind, "default"), _NOTHING)
    in_code = {} if code is None else {name: Found(value, code_source) for name, value in code.given.items()}
    if "timeout" in in_code and in_code["timeout"].value is not None:
        in_code[SWITCH] = Found(True, code_source)
    return ("dynamic", for_key), ("code", in_code), ("dynamic default", for_all)


def _highest(said: _Said, name: str, last: PropertyOrigin) -> PropertyOrigin:
    for level, found in said:
        if name in found:
            return PropertyOrigin(found[name].value, level, found[name].source)
    return last


def _timeout(said: _Said, name: str, last: PropertyOrigin) -> PropertyOrigin:
    """Whether there is a limit and how long it is are looked up apart, as in Hystrix."""
    off = _switched_off(said, name)
    if off is not None:
        return off
    timed = tuple((level, found) for level, found in said if name in found and found[name].value is not None)
    return _highest(timed, name, last)


def _switched_off(said: _Said, name: str) -> PropertyOrigin | None:
    """Who says that there is no limit, if no higher level switches it on or gives a time."""
    timed = False
    for level, found in said:
        if SWITCH in found:
            return None if found[SWITCH].value else PropertyOrigin(None, level, found[SWITCH].source)
        if name in found and not timed:
            if found[name].value is None:
                return PropertyOrigin(None, level, found[name].source)
            timed = True
    return None


def _check_buckets(kind: str, key: str, found: Mapping[str, PropertyOrigin]) -> None:
    """A bucket is at least 1 ms; window and count may come from different places, so it is checked here."""
    for fault in _too_short(kind, key, found):
        raise PropertyError(fault, command_key=key if kind == "command" else None)


def misfit(dynamic: Values, kind: str, key: str, code: Properties | None, code_source: str) -> str | None:
    """Why these values would not fit each other for ``key``; asked for every live key at every change."""
    said = _said(dynamic, kind, key, code, code_source)
    rows = table(SECTIONS[kind])
    names = [name for pair in _WINDOWS for name in pair if name in rows]
    found = {name: _highest(said, name, PropertyOrigin(rows[name].default, *_BUILT_IN)) for name in names}
    return next(_too_short(kind, key, found), None)


def bucket_faults(dynamic: Values) -> list[str]:
    """The same where one key, or ``default``, says both: then no code can make it right."""
    return [fault for (kind, key), found in dynamic.items() for fault in _too_short(kind, key, found)]


def _too_short(kind: str, key: str, found: Mapping[str, PropertyOrigin] | Mapping[str, Found]) -> Iterator[str]:
    for window, buckets in _WINDOWS:
        length, count = found.get(window), found.get(buckets)
        if length and count and round(length.value * 1000, 6) < count.value:
            yield (
                f"{place(kind, key)}: {window} = {length.value!r} s ({length.source}) in {buckets} = "
                f"{shown(count.value)} ({count.source}): must give buckets of 0.001 s or more"
            )
