"""Which properties are in force for a key, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy import properties
from hystrixpy.errors import PropertyError
from hystrixpy.registry import held
from hystrixpy.registry.declared import declared_bindings
from hystrixpy.registry.held import ASYNC, NOBODY, SYNC, Claim

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["explain_properties", "find_collapser_code"]


def explain_properties(key: str, kind: str = "command") -> properties.Explanation:
    """Each property in force for ``key`` with its level and source; ``str()`` of it prints a table.

    ``kind`` is ``"command"``, ``"thread_pool"`` or ``"collapser"``. A key that no class or function claims
    shows what would hold for it. Raises ``PropertyError`` for an unknown kind and for a key that is no text.
    """
    if not isinstance(key, str):
        raise PropertyError(f"key = {key!r}: must be the text of a key")
    if kind == "command":
        claim = _claim_of(key)
        kind_of_command = ASYNC if claim.is_async else SYNC
        found = properties.explain("command", key, claim.code, code_source=claim.owner, **kind_of_command)
        return held.state.shapes.explained("command", key, found)
    if kind == "thread_pool":
        pool_claim = held.state.pool_claims.get(key) or _declared_pool_claim(key)
        found = properties.explain("thread_pool", key, pool_claim.code, code_source=pool_claim.owner)
        return held.state.shapes.explained("thread_pool", key, found)
    if kind == "collapser":
        owner, code = _collapser_code(key)
        return properties.explain("collapser", key, code, code_source=owner)
    raise PropertyError(f"kind = {kind!r}: must be 'command', 'thread_pool' or 'collapser'")


def _claim_of(key: str) -> Claim:
    with held.lock:
        found = held.state.claims.get(key)
    if found is not None:
        return found
    for binding in declared_bindings():
        if binding.key == key:
            return Claim(binding.owner, binding.code, binding.is_async)
    return NOBODY


def _declared_pool_claim(key: str) -> Claim:
    for binding in declared_bindings():
        if binding.thread_pool == key and binding.pool_code is not None:
            return Claim(binding.owner, binding.pool_code, False)
    return NOBODY


def _no_collapser_code(_key: str) -> tuple[str, Any]:
    return "code", None


_collapser_code: Callable[[str], tuple[str, Any]] = _no_collapser_code


def find_collapser_code(finder: Callable[[str], tuple[str, Any]]) -> None:
    """Set who knows the code-level properties of collapsers: ``finder(key) -> (owner, properties or None)``."""
    global _collapser_code
    _collapser_code = finder
