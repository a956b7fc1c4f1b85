"""The syntax of Java's ``.properties`` files, as ``java.util.Properties.load`` reads it.

Comments with ``#`` or ``!``; ``=``, ``:`` or blanks between name and value; a backslash at the end of a
line continues it; ``\\t \\n \\r \\f \\uXXXX`` and ``\\`` before any other character.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Entry", "entries"]

_BLANK = " \t\f"
_LINE_END = re.compile(r"\r\n|\r|\n")
_NAME = re.compile(r"((?:[^\\=: \t\f]|\\.)*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)?", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Entry(NamedTuple):
    """One name and value; ``line`` is where it begins. ``fault`` is what is wrong with it, or empty."""

    line: int
    name: str
    value: str
    fault: str = ""


def entries(text: str) -> Iterator[Entry]:
    """All entries in order, malformed ones with their fault."""
    for number, line in _logical_lines(text):
        found = _NAME.fullmatch(line)
        assert found is not None  # every text matches: the name may be empty, the rest is the value
        try:
            yield Entry(number, _unescaped(found[1]), _unescaped(found[2]))
        except ValueError as error:
            yield Entry(number, found[1], found[2], str(error))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments and blank ones, continued lines joined, with the number of the first."""
    joined, begun = "", 0
    for number, natural in enumerate(_LINE_END.split(text), start=1):
        line = natural.lstrip(_BLANK)
        if not begun and (not line or line[0] in "#!"):
            continue
        begun = begun or number
        backslashes = len(line) - len(line.rstrip("\\"))
        if backslashes % 2:
            joined += line[:-1]
            continue
        yield begun, joined + line
        joined, begun = "", 0
    if begun:
        yield begun, joined


def _unescaped(text: str) -> str:
    plain = _ESCAPE.sub(_character, text)
    if plain.isascii():
        return plain
    # \uD83D\uDE00 writes one character as two surrogates; a lone one stays what it is
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def _character(found: re.Match[str]) -> str:
    letter = found[1] or ""
    if len(letter) == 5:
        return chr(int(letter[1:], 16))
    if letter == "u":
        raise ValueError("malformed \\uxxxx escape: four hexadecimal digits must follow \\u")
    return _LETTERS.get(letter, letter)
