"""The words of a property error: where, which property, which value, what is valid, what was meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["did_you_mean", "invalid", "named", "printable", "shown", "unknown", "unknown_key"]

_LONGEST = 60
_LONGEST_NAME = 200


def named(name: str) -> str:
    """A name from outside, quoted; whole, because what is misspelt is often its end."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:60]}...{name[-120:]}")


def printable(name: str) -> str:
    """A name for a list: as it is, quoted only if it holds what could disturb a log or a terminal."""
    return name if name.isprintable() else repr(name)


def shown(value: object) -> str:
    """``repr`` of a value, short enough for a log line."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        text = f"an {type(value).__name__} too long to print"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """``; did you mean 'timeout'?`` for the nearest choice, or the whole list if none is near."""
    names = sorted(choices)
    low = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word[:200].lower(), low, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {low[near[0]]!r}?"
    return f"; valid are {', '.join(names)}"


def unknown(what: str, word: str, choices: Iterable[str]) -> str:
    """The message for a name that does not exist; ``what`` is read before it, as in "no property"."""
    return f"{what} {named(word)}{did_you_mean(word, choices)}"


def unknown_key(what: str, key: object, known: Iterable[str]) -> KeyError:
    """The error for a key that nothing has, whatever was given as one; it always names the nearest that exists."""
    low = {name.lower(): name for name in sorted(known)}
    if not low:
        return KeyError(f"unknown {what} {shown(key)}; none is known yet")
    (near,) = difflib.get_close_matches(str(key)[:200].lower(), low, n=1, cutoff=0.0)
    likely = difflib.SequenceMatcher(None, str(key)[:200].lower(), near).ratio() >= 0.6
    hint = f"did you mean {low[near]!r}?" if likely else f"the nearest known is {low[near]!r}"
    return KeyError(f"unknown {what} {shown(key)}; {hint}")


def invalid(name: str, value: object, valid: str) -> str:
    """The message for a value that does not fit."""
    return f"{printable(name)} = {shown(value)}: must be {valid}"
