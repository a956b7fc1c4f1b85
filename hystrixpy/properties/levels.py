"""Which value is in force: the four levels of a property, highest first.

Dynamic for the key, code (the class or decorator), dynamic default, built in: as in Hystrix, so a value
in code beats a dynamic default. Resolving happens when a circuit is made and after a change, never per call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from hystrixpy.errors import PropertyError
from hystrixpy.properties.faults import shown, unknown
from hystrixpy.properties.schema import SECTIONS, Properties, Property, table
from hystrixpy.properties.sources import TimeoutOn
from hystrixpy.properties.sources.reading import place

if TYPE_CHECKING:
    from hystrixpy.properties.sources import Found, Values

__all__ = ["Explanation", "Level", "PropertyOrigin", "Resolved", "bucket_faults", "resolve_in"]

Level = Literal["dynamic", "code", "dynamic default", "built in"]

_P = TypeVar("_P", bound=Properties)
_WINDOWS = (("rolling_window", "rolling_buckets"), ("percentile_window", "percentile_buckets"))
_NOTHING: Mapping[str, Any] = {}


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
    for_key: Mapping[str, Found] = dynamic.get((kind, key), _NOTHING)
    for_all: Mapping[str, Found] = dynamic.get((kind, "default"), _NOTHING)
    given = _NOTHING if code is None else code.given
    origins = {}
    for name, row in table(SECTIONS[kind]).items():
        lower = _below_dynamic(row, given, for_all, builtin, code_source)
        origins[name] = _dynamic(for_key[name], lower) if name in for_key else lower
    for name, value in fixed.items():
        origins[name] = PropertyOrigin(value, "built in", "the same for all commands of this kind")
    _check_buckets(kind, key, origins)
    return origins


def _below_dynamic(
    row: Property,
    given: Mapping[str, Any],
    for_all: Mapping[str, Found],
    builtin: Mapping[str, Any],
    code: str,
) -> PropertyOrigin:
    """The value that holds unless the key has a dynamic one."""
    if row.name in given:
        return PropertyOrigin(given[row.name], "code", code)
    if row.name in for_all:
        return PropertyOrigin(for_all[row.name].value, "dynamic default", for_all[row.name].source)
    return PropertyOrigin(builtin.get(row.name, row.default), "built in", "built-in default")


def _dynamic(found: Found, lower: PropertyOrigin) -> PropertyOrigin:
    value = found.value
    if isinstance(value, TimeoutOn):  # switched on for the key, which takes the time of code if there is one
        value = value.otherwise if lower.level != "code" or lower.value is None else lower.value
    return PropertyOrigin(value, "dynamic", found.source)


def _check_buckets(kind: str, key: str, found: Mapping[str, PropertyOrigin]) -> None:
    """A bucket is at least 1 ms; window and count may come from different places, so it is checked here."""
    for fault in _too_short(kind, key, found):
        raise PropertyError(fault, command_key=key if kind == "command" else None)


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
