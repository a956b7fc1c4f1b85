"""What one source says: checked values by section and key, and everything that is wrong with it.

A source never stops at its first fault: all of them are collected, so that ``check-config`` can list
them and a start-up error tells the whole story.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hystrixpy.properties.faults import invalid
from hystrixpy.properties.schema import SECTIONS, Property, no_property, table

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SWITCH", "Found", "Reading", "Values", "place"]

_MOST = 100
_PLAIN = re.compile(r"[\w.:/-]+")


class Found(NamedTuple):
    """A value and the place that set it, as the person on call would look it up."""

    value: Any
    source: str


SWITCH = "timeout enabled"
"""Whether ``timeout`` is on, beside the time: no property of ours, but one that Hystrix looks up apart.

A source of ours that gives a time switches it on with it; one that says None says it as the time.
"""

Values = dict[tuple[str, str], dict[str, Found]]
"""(section, key) -> property name -> what was found; the key ``default`` stands for all keys."""


def place(section: str, key: str) -> str:
    """``command.GetUser``; a key with odd characters is quoted."""
    return f"{section}.{key}" if _PLAIN.fullmatch(key) else f"{section}.{key!r}"


@dataclass(slots=True)
class Reading:
    """One source, read."""

    values: Values = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Hystrix names that exist but have no use here."""

    @property
    def full(self) -> bool:
        """Whether so much is wrong that looking for more helps nobody (and costs time)."""
        return len(self.problems) >= _MOST

    def fault(self, source: str, message: str) -> None:
        """Note what is wrong at ``source``."""
        if not self.full:
            self.problems.append(f"{source}: {message}")
            if self.full:
                self.problems[-1] += f"; reading ends here, after {_MOST} faults"

    def put(self, source: str, section: str, key: str, name: str, value: Any) -> None:
        """Keep a value that needs no check."""
        self.values.setdefault((section, key), {})[name] = Found(value, source)

    def _keep(self, source: str, section: str, key: str, name: str, value: Any) -> None:
        self.put(source, section, key, name, value)
        if (section, name) == ("command", "timeout") and value is not None:
            self.put(source, section, key, SWITCH, True)

    def add(self, source: str, section: str, key: str, name: str, value: object) -> None:
        """Keep a Python value if the section has such a property and it fits; note the fault otherwise."""
        self._try(source, section, key, name, value, lambda row: row.kind.check(value))

    def add_text(self, source: str, section: str, key: str, name: str, text: str) -> None:
        """The same for a value written as text."""
        self._try(source, section, key, name, text, lambda row: row.kind.parse(text.strip()))

    def _try(
        self, source: str, section: str, key: str, name: str, value: object, read: Callable[[Property], Any]
    ) -> None:
        if self.full:
            return
        rows = table(SECTIONS[section])
        row = rows.get(name)
        if row is None:
            self.fault(source, no_property(place(section, key), name, rows, SECTIONS))
            return
        try:
            self._keep(source, section, key, name, read(row))
        except (ValueError, TypeError):
            self.fault(source, invalid(f"{place(section, key)}.{name}", value, row.kind.valid))
