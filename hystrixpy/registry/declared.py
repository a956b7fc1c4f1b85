"""Keys that are known before their first execution, because a class or function bound to them exists."""

from __future__ import annotations

import itertools
import weakref
from typing import TYPE_CHECKING, Any

from hystrixpy.registry import held

if TYPE_CHECKING:
    from hystrixpy._native.execution import Binding

__all__ = ["declare", "declare_later", "declared_bindings"]

_numbers = itertools.count()


def declare(binding: Binding) -> None:
    """Make a key known before its first execution. The binding lives as long as its class or function."""
    with held.lock:
        held.declared[next(_numbers)] = binding


def declare_later(guarded: Any) -> None:
    """The same for a function whose key is known only when its class is complete: asked at the first look-up."""
    with held.lock:
        held.undeclared.append(weakref.ref(guarded))


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
        return list(held.declared.values())[::-1]
