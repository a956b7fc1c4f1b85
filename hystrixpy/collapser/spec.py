"""One collapser class or function: its properties in force, its scope, and where its requests meet."""

from __future__ import annotations

import os
import weakref
from asyncio.events import _get_running_loop
from typing import TYPE_CHECKING, Any, cast

from hystrixpy import properties, registry
from hystrixpy._native import senders
from hystrixpy._native.batch import Gatherer
from hystrixpy._native.collapse import Spec
from hystrixpy.collapser.numbers import after_fork_in_child, metrics_for, retire_all
from hystrixpy.errors import PropertyError, RequestContextError
from hystrixpy.properties.conflict import warn_of_conflict
from hystrixpy.properties.faults import did_you_mean

if TYPE_CHECKING:
    from hystrixpy.context import RequestContext
    from hystrixpy.properties import CollapserProperties

__all__ = ["CollapserSpec", "checked_scope", "reset_collapsers", "shutdown_collapsers"]

_SCOPES = ("global", "request")

_specs: weakref.WeakSet[CollapserSpec] = weakref.WeakSet()
_claims: dict[str, tuple[str, CollapserProperties | None]] = {}
"""Who came first for a key, and what it said in code: that holds for whoever shares the key."""


class CollapserSpec(Spec):
    """What every request of one collapser class or function shares."""

    def __init__(self, key: str, scope: str, code: CollapserProperties | None, owner: str) -> None:
        super().__init__(key, scope == "global", code)
        self.owner = owner
        self._known: tuple[int, CollapserProperties] | None = None
        self._claimed = False
        _specs.add(self)

    def properties(self) -> CollapserProperties:
        """The values in force now, read anew when a source has changed. Raises ``PropertyError``."""
        known = self._known
        if known is None:
            registry.collapser_used(self.key)
        if known is None or known[0] != properties.generation():
            owner, code = self._claim()
            resolved = properties.resolve("collapser", self.key, code, code_source=owner)
            known = self._known = resolved.generation, resolved.values
        return known[1]

    def _claim(self) -> tuple[str, CollapserProperties | None]:
        """The code level of the key; warns, once, if somebody else came first and said otherwise."""
        holds = _claims.setdefault(self.key, (self.owner, self.code))
        if holds[1] is not self.code and not self._claimed:
            warn_of_conflict("collapser", self.key, *holds, self.owner, self.code, stacklevel=4)
        self._claimed = True
        return holds

    def open_in(self, scope: Any) -> Gatherer:
        """Where requests of a request context meet. Raises ``RequestContextError`` if it is closing."""
        context = cast("RequestContext", scope)
        fresh = Gatherer(self, context.entered_in, context.home)
        gatherer = cast("Gatherer", context.gatherers.setdefault(self, fresh))
        if gatherer is fresh:
            try:
                context.before_close(fresh.close)
            except RequestContextError:
                fresh.close()  # somebody else may have found it and be waiting
                raise
        return gatherer

    def count_hit(self) -> None:
        """A request was answered by what its context remembered."""
        metrics_for(self.key).cache_hit()

    def forget(self) -> None:
        """Forget properties and pending requests, for ``reset()``."""
        self._known, self._claimed = None, False
        self.close_shared()


def checked_scope(scope: object, where: str) -> str:
    """The scope, if it is one; else ``PropertyError``."""
    if scope not in _SCOPES:
        raise PropertyError(f"{where}: no scope {scope!r}{did_you_mean(str(scope), _SCOPES)}")
    return str(scope)


def running_loop() -> Any:
    """The event loop of this thread, or None."""
    return _get_running_loop()


def reset_collapsers() -> None:
    """End what is pending in GLOBAL collapsers and begin at zero; called by ``hystrixpy.reset()``."""
    for spec in list(_specs):
        spec.forget()
    _claims.clear()
    retire_all()


def shutdown_collapsers(wait: bool = True, timeout: float | None = None) -> bool:
    """Stop the threads that send batches; False if one still runs after ``timeout`` seconds."""
    return senders.shutdown(wait, timeout)


def _code_of(key: str) -> tuple[str, CollapserProperties | None]:
    """What was given in code for a key, executed or not."""
    for spec in list(_specs):
        if spec.key == key and key not in _claims:
            return spec.owner, spec.code
    return _claims.get(key, ("code", None))


def _forked() -> None:
    """In a forked child: whoever waited in a GLOBAL collapser waits in the parent."""
    after_fork_in_child()
    for spec in list(_specs):
        spec.shared.clear()


os.register_at_fork(after_in_child=_forked)
registry.on_reset(reset_collapsers)
registry.on_shutdown(lambda: shutdown_collapsers(wait=False))
registry.find_collapser_code(_code_of)
