"""A TOML file with tables like ``[command.default]``, ``[command.GetUser]``, ``[thread_pool.users]``.

``timeout = false`` switches a limit off. tomllib tells no positions, so a small index of our own says on
which line a name stands; it only has to know headers and ``name = ...``, all that this file is made of.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from hystrixpy.properties.schema import SECTIONS, table
from hystrixpy.properties.sources.mapping import walk
from hystrixpy.properties.sources.reading import Reading

__all__ = ["read_toml"]

_NAME = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_NAMES = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_HEADER = re.compile(rf"[ \t]*\[\[?[ \t]*({_NAMES})[ \t]*\]")
_ASSIGNMENT = re.compile(rf"[ \t]*({_NAMES})[ \t]*=")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 2000
_LONG = re.compile(rf"[^\n]{{{_LONGEST + 1}}}")
_DEPTH = 3  # section, key, property
_AT = re.compile(r"at line (\d+)")

Path = tuple[str, ...]


def read_toml(text: str, file: str) -> Reading:
    """What a TOML text says; a text that is no TOML is one fault."""
    reading = Reading()
    long = _LONG.search(text)
    if long:  # tomllib takes minutes for a dotted name of half a million parts
        reading.fault(_line_at(file, text, long.start()), f"a line longer than {_LONGEST} characters")
        return reading
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reading.fault(_position(file, text, error), _reason(error))
        return reading
    lines = _lines(text)

    def where(*path: object) -> str:
        line = _line(lines, path)
        return f"{file}, line {line}" if line else file

    def add(source: str, section: str, key: str, name: str, value: Any) -> None:
        reading.add(source, section, key, name, None if value is False and _may_be_off(section, name) else value)

    walk(reading, tree, where, add)
    return reading


def _may_be_off(section: str, name: str) -> bool:
    """Whether the property knows None, which TOML cannot write."""
    row = table(SECTIONS[section]).get(name)
    try:
        return row is not None and row.kind.check(None) is None
    except ValueError:
        return False


def _line_at(file: str, text: str, position: int) -> str:
    return f"{file}, line {text.count(chr(10), 0, position) + 1}"


def _position(file: str, text: str, error: Exception) -> str:
    """File and line of a syntax error, as far as tomllib tells it."""
    found = _AT.search(str(error))
    if found:
        return f"{file}, line {found[1]}"
    if "end of document" in str(error):
        return _line_at(file, text, len(text))
    return file


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "not valid TOML: nested too deeply"
    return f"not valid TOML: {_AT.sub('here', str(error))[:200]}"


def _lines(text: str) -> dict[Path, int]:
    """The line on which each name first stands."""
    lines: dict[Path, int] = {}
    table_path: Path = ()
    for number, line in enumerate(text.split("\n"), start=1):
        header = _HEADER.match(line)
        assignment = None if header else _ASSIGNMENT.match(line)
        if header:
            path = table_path = _parts(header[1])
        elif assignment:
            path = table_path + _parts(assignment[1])
        else:
            continue
        for depth in range(1, min(len(path), _DEPTH) + 1):
            lines.setdefault(path[:depth], number)
    return lines


def _line(lines: dict[Path, int], path: tuple[object, ...]) -> int | None:
    """The line of a path, or of the longest part of it that has one (inline tables)."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in lines:
            return lines[path[:depth]]  # type: ignore[index]
    return None


def _parts(names: str) -> Path:
    """``a."b.c"`` as ("a", "b.c"), unquoted by the TOML reader itself."""
    if _BARE.fullmatch(names):
        return (names,)
    parts: list[str] = []
    try:
        tree: Any = tomllib.loads(f"{names} = 0")
    except ValueError:  # a line inside a multi-line string that only looks like a name
        return ()
    while isinstance(tree, dict) and len(parts) < _DEPTH:
        name, tree = next(iter(tree.items()))
        parts.append(name)
    return tuple(parts)
