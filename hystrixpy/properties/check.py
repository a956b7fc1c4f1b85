"""Checking configuration files without using them, as ``hystrixpy check-config`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hystrixpy.errors import PropertyError
from hystrixpy.properties.levels import resolve_in
from hystrixpy.properties.sources import SWITCH, read_file
from hystrixpy.properties.store import merged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hystrixpy.properties.sources import Found, Values

__all__ = ["Checked", "check_files"]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: faults, Hystrix names without use, and how many properties are set."""

    problems: tuple[str, ...]
    unused: tuple[str, ...]
    count: int


def check_files(paths: Sequence[str]) -> Checked:
    """Read files as ``configure(file=paths)`` would, and also try each key they name against the defaults.

    So it is stricter by one thing: a window too short for its buckets is told here even if code might save it.
    """
    files = sorted((read_file(path) for path in paths), key=lambda file: file.rank)
    values = merged(file.reading for file in files)
    problems = [problem for file in files for problem in file.reading.problems]
    unused = sorted({name for file in files for name in file.reading.unused})
    return Checked((*problems, *_misfits(values)), tuple(unused), sum(map(_count, values.values())))


def _count(found: Mapping[str, Found]) -> int:
    """How many properties are set; a time limit and its switch are one."""
    return len({"timeout" if name == SWITCH else name for name in found})


def _misfits(values: Values) -> list[str]:
    """Values of one key that do not fit each other."""
    faults = []
    for section, key in values:
        try:
            resolve_in(values, section, key, None, {}, {}, "code")
        except PropertyError as error:
            faults.append(str(error))
    return faults
