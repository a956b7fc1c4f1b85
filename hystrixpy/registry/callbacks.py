"""What the floors above want to be told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hystrixpy._native.circuit import Circuit

__all__ = ["on_circuit", "on_first_use", "on_reset", "on_shutdown"]


circuit_callbacks: list[Callable[[Circuit], object]] = []
first_use_callbacks: list[Callable[[], object]] = []
reset_callbacks: list[Callable[[], object]] = []
shutdown_callbacks: list[Callable[[], object]] = []


def on_circuit(callback: Callable[[Circuit], object]) -> None:
    """Have ``callback(circuit)`` called for every new circuit. Must be quick and must not execute commands."""
    circuit_callbacks.append(callback)


def on_first_use(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called when the first circuit is made, and again after each ``reset()``."""
    first_use_callbacks.append(callback)


def on_reset(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called by every ``reset()``, after circuits and pools are gone."""
    reset_callbacks.append(callback)


def on_shutdown(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called by ``shutdown()`` and by ``reset()``."""
    shutdown_callbacks.append(callback)
