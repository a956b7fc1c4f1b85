"""Keys that are known before their first execution, because a class or function bound to them exists."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from hystrixpy.registry import held

if TYPE_CHECKING:
    from hystrixpy._native.binding import Binding

__all__ = ["declare", "declare_later", "declared_bindings"]

_numbers = itertools.count()


def declare(binding: Binding, number: int | None = None) -> None:
    """Make a key known before its first execution. The binding lives as long as its class or function.

    ``number`` is what :func:`declare_later` gave, so that the order stays that of the definitions.
    """
    with held.lock:
        held.declared[next(_numbers) if number is None else number] = binding


def declare_later(guarded: Any) -> int:
    """The same for a function whose key is known only when its class is complete: asked at the first look-up."""
    with held.lock:
        held.undeclared.append(weakref.ref(guarded))
        return next(_numbers)


def _declare_waiting() -> None:
    with held.lock:
        waiting, held.undeclared[:] = list(held.undeclared), []
    for reference in waiting:
        guarded = reference()
        if guarded is not None:
            guarded.key  # noqa: B018 - asking for its key binds and declares it


def declared_bindings() -> list[Binding]:
    """The latest one first: a class that was defined anew counts before the one it replaces."""
    _declare_waiting()
    with held.lock:
        return [binding for _, binding in sorted(held.declared.items(), key=_number, reverse=True)]


def _number(item: tuple[int, Binding]) -> int:
    return item[0]
