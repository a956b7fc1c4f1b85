"""Checks of the arguments of the stand-alone parts; each error names the argument, its value and what is valid."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from hystrixpy.errors import PropertyError

UNLIMITED = 1 << 62
"""What a count beyond the native width becomes; as nanoseconds 146 years."""


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least ``least``."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < least:
        _refuse(name, value, f"a whole number of at least {least}")
    return min(int(value.__index__()), UNLIMITED)


def percent(name: str, value: Any) -> int:
    """A whole number from 1 to 100."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or not 1 <= value.__index__() <= 100:
        _refuse(name, value, "a whole number from 1 to 100 (percent)")
    return int(value.__index__())


def seconds(name: str, value: Any, least: float = 0.0) -> int:
    """A finite number of seconds of at least ``least``, as nanoseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(name, value, f"a number of at least {least:g} (seconds)")
    if not math.isfinite(value) or value < least:
        _refuse(name, value, f"a finite number of at least {least:g} (seconds)")
    return min(round(value * 1e9), UNLIMITED)


def text(name: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        _refuse(name, value, "a string")
    return str(value)


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
