"""What the floors above want to be told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hystrixpy._native.circuit import Circuit

__all__ = ["collapser_used", "on_circuit", "on_collapser", "on_reset", "on_shutdown"]


circuit_callbacks: list[Callable[[Circuit], object]] = []
collapser_callbacks: list[Callable[[str], object]] = []
reset_callbacks: list[Callable[[], object]] = []
shutdown_callbacks: list[Callable[[], object]] = []


def on_circuit(callback: Callable[[Circuit], object]) -> None:
    """Have ``callback(circuit)`` called for every new circuit. Must be quick and must not execute commands."""
    circuit_callbacks.append(callback)


def on_collapser(callback: Callable[[str], object]) -> None:
    """Have ``callback(key)`` called before the first request to each collapser, which may precede every circuit."""
    collapser_callbacks.append(callback)


def collapser_used(key: str) -> None:
    """The first request to a collapser, or the first after ``reset()``, is about to be taken."""
    for callback in collapser_callbacks:
        callback(key)


def on_reset(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called by every ``reset()``, after circuits and pools are gone."""
    reset_callbacks.append(callback)


def on_shutdown(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called by ``shutdown()`` and by ``reset()``."""
    shutdown_callbacks.append(callback)
