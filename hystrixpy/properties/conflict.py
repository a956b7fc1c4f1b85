"""Two classes that claim one key with different properties in code."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hystrixpy.properties.schema import Properties

__all__ = ["PropertyConflictWarning", "conflicts", "warn_of", "warn_of_conflict"]


class PropertyConflictWarning(UserWarning):
    """A second class claims a key with other code properties; those of the first one hold."""


def warn_of_conflict(
    kind: str,
    key: str,
    first: str,
    holds: Properties | None,
    second: str,
    ignored: Properties | None,
    *,
    stacklevel: int = 1,
) -> None:
    """Warn, naming both classes and what differs, if what they gave in code is not the same.

    ``stacklevel`` 1 points at the caller of this function, as in :func:`warnings.warn`.
    """
    warn_of(conflicts(kind, key, first, holds, second, ignored), stacklevel=stacklevel + 1)


def warn_of(messages: Iterable[str], *, stacklevel: int = 1) -> None:
    """Say what :func:`conflicts` found, with no lock held."""
    for message in messages:
        warnings.warn(message, PropertyConflictWarning, stacklevel=stacklevel + 1)


def conflicts(
    kind: str, key: str, first: str, holds: Properties | None, second: str, ignored: Properties | None
) -> list[str]:
    """The words of that warning, if there is one, for those who must not warn where they find it."""
    if holds is ignored:
        return []
    ours = {} if holds is None else holds.given
    theirs = {} if ignored is None else ignored.given
    differing = [name for name in sorted({*ours, *theirs}) if _said(ours, name) != _said(theirs, name)]
    if not differing:
        return []
    parts = ", ".join(f"{name} {_said(ours, name)}, not {_said(theirs, name)}" for name in differing)
    message = f"{first} and {second} claim the {kind} key {key!r} with different properties"
    return [f"{message}; those of {first} hold: {parts}"]


def _said(given: Mapping[str, Any], name: str) -> str:
    return repr(given[name]) if name in given else "unset"
