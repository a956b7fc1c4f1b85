"""What one property's value may be: the kinds of value, each with its check and its text form.

``check`` takes a Python value (code, a mapping, TOML) and gives it back in its one normal form;
``parse`` takes text (environment, ``.properties``). Both raise ``ValueError`` for anything else and
leave the wording to whoever knows where the value stood; ``valid`` is the phrase for "must be ...".
"""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Choice", "Count", "ExceptionTypes", "Flag", "Kind", "Seconds", "Unbounded", "number"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})
_OFF = frozenset({"off", "false", "none"})


class Kind(Protocol):
    """One kind of value."""

    @property
    def valid(self) -> str:
        """What a value must be, to be read after "must be"."""

    def check(self, value: object) -> Any:
        """The value in its normal form; ``ValueError`` if it is none of this kind."""

    def parse(self, text: str) -> Any:
        """The value that ``text`` writes; ``ValueError`` if it writes none of this kind."""


def number(text: str) -> float:
    """A decimal number in plain digits; none of ``nan``, ``inf``, ``1_000`` that ``float()`` takes."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(text)
    return float(text)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or False, nothing that merely behaves like them."""

    valid: str = "True or False"

    def check(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError
        return value

    def parse(self, text: str) -> bool:
        word = text.lower()
        if word not in _TRUE and word not in _FALSE:
            raise ValueError
        return word in _TRUE


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number in a range that may be open above."""

    minimum: int = 1
    maximum: int | None = None

    @property
    def valid(self) -> str:
        if self.maximum is None:
            return f"a whole number, {self.minimum} or more"
        return f"a whole number from {self.minimum} to {self.maximum}"

    def check(self, value: object) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise ValueError
        count = operator.index(value)
        if count < self.minimum or (self.maximum is not None and count > self.maximum):
            raise ValueError
        return count

    def parse(self, text: str) -> int:
        if _WHOLE.fullmatch(text) is None:
            raise ValueError
        return self.check(int(text))


@dataclass(frozen=True, slots=True)
class Unbounded:
    """A count whose default is "no bound", written None."""

    count: Count
    valid: str = "a whole number, 1 or more, or None for no bound (false in TOML, off in the environment)"

    def check(self, value: object) -> int | None:
        return None if value is None else self.count.check(value)

    def parse(self, text: str) -> int | None:
        return None if text.lower() in _OFF else self.count.parse(text)


@dataclass(frozen=True, slots=True)
class Seconds:
    """A finite time in seconds; ``off`` lets None (in text: ``off``) switch it off."""

    valid: str
    fits: Callable[[float], bool]
    off: bool = False

    def check(self, value: object) -> float | None:
        if value is None and self.off:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        return self._finite(value)

    def _finite(self, value: float) -> float:
        try:
            seconds = float(value)
        except OverflowError:  # an int beyond the range of float
            raise ValueError from None
        if not math.isfinite(seconds) or not self.fits(seconds):
            raise ValueError
        return seconds

    def parse(self, text: str) -> float | None:
        if self.off and text.lower() in _OFF:
            return None
        return self._finite(number(text))


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; text may write them in any case, as Hystrix does (``THREAD``)."""

    words: tuple[str, ...]

    @property
    def valid(self) -> str:
        return " or ".join(repr(word) for word in self.words)

    def check(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise ValueError
        return value

    def parse(self, text: str) -> str:
        return self.check(text.lower())


@dataclass(frozen=True, slots=True)
class ExceptionTypes:
    """Exception types, for code only: text from outside is never looked up as a Python name."""

    valid: str = "a tuple of Exception types, set in code"

    def check(self, value: object) -> tuple[type[Exception], ...]:
        types = tuple(value) if isinstance(value, tuple | list | set | frozenset) else (value,)
        if not all(isinstance(each, type) and issubclass(each, Exception) for each in types):
            raise ValueError
        return types

    def parse(self, text: str) -> tuple[type[Exception], ...]:
        raise ValueError(text)
