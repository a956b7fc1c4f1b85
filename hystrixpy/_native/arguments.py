"""Checks of the arguments of the stand-alone parts; each error names the argument, its value and what is valid."""

from __future__ import annotations

import math
import operator
from typing import Any, NoReturn

from hystrixpy.errors import PropertyError

UNLIMITED = 1 << 62
"""What a count beyond the native width becomes."""

_LONGEST = 4e9
"""Seconds, 126 years: longer times are as good as this one."""


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    number = _whole(value)
    if number is None or number < least:
        _refuse(name, value, f"a whole number of at least {least}")
    return min(number, UNLIMITED)


def percent(name: str, value: Any) -> int:
    """A whole number from 1 to 100."""
    number = _whole(value)
    if number is None or not 1 <= number <= 100:
        _refuse(name, value, "a whole number from 1 to 100 (percent)")
    return number


def _whole(value: Any) -> int | None:
    """An int, or what stands for one (numpy's); not True, and not 1.0."""
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def seconds(name: str, value: Any, least: float = 0.0) -> int:
    """A finite number of seconds of at least ``least``, as nanoseconds."""
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not least <= number < math.inf:
        _refuse(name, value, f"a finite number of at least {least:g} (seconds)")
    return round(min(number, _LONGEST) * 1e9)


def text(name: str, value: Any) -> str:
    """A string: a plain one also of a member of an enumeration of strings, which native code does not take."""
    if not isinstance(value, str):
        _refuse(name, value, "a string")
    return str.__str__(value)


def function(name: str, value: Any) -> Any:
    """Something to call, or None."""
    if value is not None and not callable(value):
        _refuse(name, value, "a callable or None")
    return value


def exceptions(name: str, value: Any) -> tuple[type[BaseException], ...]:
    """Exception types, alone or several."""
    types = (value,) if isinstance(value, type) else value
    if not isinstance(types, (tuple, list, set, frozenset)) or not all(map(_is_exception, types)):
        _refuse(name, value, "exception types, as in ignore=(ValueError,)")
    return tuple(types)


def _is_exception(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _refuse(name: str, value: Any, valid: str) -> NoReturn:
    raise PropertyError(f"{name}={value!r} is invalid: it must be {valid}")
