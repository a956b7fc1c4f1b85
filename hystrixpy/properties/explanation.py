"""What came out for one key: each value in force, its level and the place that set it, and how that reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from hystrixpy.properties.schema import Properties

__all__ = ["Explanation", "Level", "PropertyOrigin", "Resolved"]

Level = Literal["dynamic", "code", "dynamic default", "built in"]

_P = TypeVar("_P", bound=Properties)


@dataclass(frozen=True, slots=True)
class PropertyOrigin:
    """One value in force and where it came from.

    ``level`` is ``dynamic``, ``code``, ``dynamic default`` or ``built in``; ``source`` the file and line,
    the environment variable or ``configure()``, for code the class.
    """

    value: Any
    level: Level
    source: str


class Explanation(Mapping[str, PropertyOrigin]):
    """Every property of one key with its origin; ``str()`` prints a table.

    ``reload_error`` says why the last change of a watched file was refused, or is None. ``pending`` has what
    takes effect after ``reset()`` only: windows that were changed since the circuit or pool was made.
    """

    __slots__ = ("_origins", "_title", "pending", "reload_error")

    def __init__(self, title: str, origins: Mapping[str, PropertyOrigin], reload_error: str | None = None) -> None:
        self._title = title
        self._origins = origins
        self.reload_error = reload_error
        self.pending: Mapping[str, PropertyOrigin] = {}

    def with_kept(self, kept: Mapping[str, PropertyOrigin]) -> Explanation:
        """The same where these values are in force instead, because something live was made with them."""
        made = Explanation(self._title, {**self._origins, **kept}, self.reload_error)
        made.pending = {name: self[name] for name, origin in kept.items() if origin.value != self[name].value}
        return made

    def __getitem__(self, name: str) -> PropertyOrigin:
        return self._origins[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._origins)

    def __len__(self) -> int:
        return len(self._origins)

    def __repr__(self) -> str:
        return f"<Explanation of {self._title}: {dict(self._origins)!r}>"

    def __str__(self) -> str:
        rows: list[tuple[str, str, str, str]] = [
            (name, repr(each.value), each.level, each.source) for name, each in self._origins.items()
        ]
        rows.insert(0, (self._title, "value", "level", "source"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
        ]
        for name, origin in self.pending.items():
            lines.append(f"{name} = {origin.value!r} ({origin.source}) takes effect after reset()")
        if self.reload_error is not None:
            lines.append(f"the last reload failed, the values before it stay: {self.reload_error}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Resolved(Generic[_P]):
    """The values in force for one key, as one consistent set.

    ``generation`` is that of the sources they were read from: of two results the higher one is newer.
    """

    values: _P
    origins: Explanation
    generation: int
