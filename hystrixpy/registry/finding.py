"""The circuit of a binding: made if it is the first of its key. Native code comes here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy import properties
from hystrixpy._native.circuit import Circuit, Settings
from hystrixpy.registry import callbacks, held
from hystrixpy.registry.held import ASYNC, SYNC, Claim
from hystrixpy.registry.pools import claim_pool

if TYPE_CHECKING:
    from hystrixpy._native.binding import Binding
    from hystrixpy.properties import CommandProperties, Resolved

__all__ = ["find_circuit", "resolve_command", "settings_for"]


def find_circuit(binding: Binding) -> Circuit:
    """The circuit of a binding, made if it is the first of its key; called by native code."""
    with held.lock:
        found = held.state.circuits.get(binding.key)
        conflicts = [] if found is None else _conflicts(binding)
        conflicts += claim_pool(binding)
        circuit = _new_circuit(binding) if found is None else found
    # Outside the lock: these take locks of OpenTelemetry, under which it asks us for numbers, and those of loggers.
    if found is None:
        for callback in callbacks.circuit_callbacks:
            callback(circuit)
    properties.say()
    properties.warn_of(conflicts, stacklevel=2)
    return circuit


def _new_circuit(binding: Binding) -> Circuit:
    claim = Claim(binding.owner, binding.code, binding.is_async)
    settings = settings_for(held.state.shapes.keep("command", binding.key, resolve_command(binding.key, claim)))
    made = Circuit(binding.key, binding.group, binding.thread_pool, settings)
    held.state.claims[binding.key] = claim
    held.state.circuits[binding.key] = made
    return made


def settings_for(values: CommandProperties) -> Settings:
    """Native settings for the values in force; keys with equal values share one object."""
    found = held.state.settings.get(values)
    if found is None:
        found = held.state.settings[values] = Settings(values)
    return found


def resolve_command(key: str, claim: Claim) -> Resolved[CommandProperties]:
    kind = ASYNC if claim.is_async else SYNC
    return properties.resolve("command", key, claim.code, code_source=claim.owner, **kind)


def _conflicts(binding: Binding) -> list[str]:
    """What to warn of, once per binding, if it says something else in code than the one that came first."""
    first = held.state.claims[binding.key]
    return properties.conflicts("command", binding.key, first.owner, first.code, binding.owner, binding.code)
