"""A mapping in code: ``{"command": {"default": {...}, "GetUser": {...}}, "thread_pool": {...}}``.

The walk over sections and keys is shared with TOML, which differs in how a value is named and read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hystrixpy.properties.faults import shown, unknown
from hystrixpy.properties.schema import SECTIONS, Properties
from hystrixpy.properties.sources.reading import Reading, place

__all__ = ["read_mapping", "walk"]

Where = Callable[..., str]
"""Names the place of a path of names: ``where("command", "GetUser", "timeout")``."""


def read_mapping(mapping: Mapping[str, Any], source: str = "configure()") -> Reading:
    """What a mapping says. The key's value may also be a properties object: what it was given counts."""
    reading = Reading()
    walk(reading, mapping, lambda *_: source, reading.add)
    return reading


def walk(reading: Reading, mapping: object, where: Where, add: Callable[[str, str, str, str, Any], None]) -> None:
    """Hand every property of every key of every section to ``add``."""
    if not isinstance(mapping, Mapping):
        reading.fault(where(), f"{shown(mapping)}: must be a mapping of {', '.join(SECTIONS)}")
        return
    for section, keys in mapping.items():
        if reading.full:
            return
        if section not in SECTIONS:
            reading.fault(where(section), unknown("no section", str(section), SECTIONS))
        elif not isinstance(keys, Mapping):
            reading.fault(where(section), f"{section} = {shown(keys)}: must be a table of keys, 'default' among them")
        else:
            for key, given in keys.items():
                _walk_key(reading, section, key, given, where, add)


def _walk_key(
    reading: Reading,
    section: str,
    key: object,
    given: object,
    where: Where,
    add: Callable[[str, str, str, str, Any], None],
) -> None:
    """One key's properties."""
    if isinstance(given, Properties) and given.section == section:
        given = given.given
    if not isinstance(key, str):
        reading.fault(where(section), f"{section} has the key {shown(key)}: must be text")
    elif not isinstance(given, Mapping):
        reading.fault(where(section, key), f"{place(section, key)} = {shown(given)}: must be a table of properties")
    else:
        for name, value in given.items():
            add(where(section, key, name), section, key, str(name), value)
