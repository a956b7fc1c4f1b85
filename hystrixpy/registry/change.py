"""The sources of properties changed: what lives gets what holds now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy import properties
from hystrixpy.errors import PropertyError
from hystrixpy.registry import held
from hystrixpy.registry.finding import resolve_command, settings_for
from hystrixpy.registry.held import NOBODY
from hystrixpy.registry.pools import apply_to_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hystrixpy._native.circuit import Circuit
    from hystrixpy.registry.held import State

__all__ = ["misfits", "reapply"]


def reapply() -> None:
    """The sources of properties changed: give every circuit and pool what holds now.

    The lock is taken for one of them at a time: with ten thousand keys nobody waits for all the others.
    """
    with held.lock:
        state = held.state
        circuits, pools = list(state.circuits.values()), list(state.pools.items())
    failed = [_failed(state, each.key, _apply, each) for each in circuits]
    failed += [_failed(state, key, apply_to_pool, key, pool) for key, pool in pools]
    with held.lock:  # settings that no circuit uses any more: years of changes must not pile up
        used = {id(each.settings): each.settings for each in state.circuits.values()}
        state.settings = {settings.values: settings for settings in used.values()}
    for message in filter(None, failed):
        properties.reload_failed(message)
    properties.say()


def _failed(state: State, key: str, change: Callable[..., object], *args: Any) -> str:
    """Values that do not fit each other for one key leave that key's last good ones in force."""
    with held.lock:
        if held.state is not state:  # a reset() came in between
            return ""
        try:
            change(*args)
        except PropertyError as error:
            return f"{key}: {error}"
    return ""


def _apply(each: Circuit) -> None:
    settings = settings_for(
        held.state.shapes.held("command", each.key, resolve_command(each.key, held.state.claims[each.key]))
    )
    if settings is not each.settings:
        each.apply(settings)


def misfits(values: properties.Values) -> Iterator[str]:
    """Why new values would not fit what live commands and pools say in code. Takes no lock: copies are atomic."""
    commands, pools = held.state.claims.copy(), held.state.pool_claims.copy()
    for key in held.state.pools.copy():
        pools.setdefault(key, NOBODY)
    for kind, claims in (("command", commands), ("thread_pool", pools)):
        for key, claim in claims.items():
            fault = properties.misfit(values, kind, key, claim.code, claim.owner)
            if fault is not None:
                yield fault
