"""Which circuit and which pool belong to a key (floor 5): the only place that wires the parts together.

Commands come here once, at their first execution and after a ``reset()``; calls never do.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from hystrixpy import properties
from hystrixpy._native import drive, execution, timer
from hystrixpy._native.circuit import Circuit, Settings
from hystrixpy._native.pool import stop_fallbacks
from hystrixpy._native.threadpool import ThreadPool
from hystrixpy.errors import PropertyError
from hystrixpy.hooks import chain, listeners, watch
from hystrixpy.metrics import CommandMetrics
from hystrixpy.properties.conflict import warn_of_conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hystrixpy._native.breaker import CircuitBreaker
    from hystrixpy._native.execution import Binding
    from hystrixpy.properties import CommandProperties, Resolved, ThreadPoolProperties

__all__ = [
    "Retired",
    "RetiredPool",
    "circuit",
    "circuit_breaker",
    "circuits",
    "command_keys",
    "declare",
    "declare_later",
    "explain_properties",
    "find_collapser_code",
    "frozen",
    "metrics",
    "on_circuit",
    "on_first_use",
    "on_reset",
    "on_shutdown",
    "reset",
    "retired",
    "retired_pools",
    "shutdown",
    "thread_pool",
    "thread_pool_keys",
    "thread_pools",
]


class _Kind(TypedDict, total=False):
    """What differs between the two kinds of command before anybody says anything."""

    builtin_overrides: dict[str, Any]
    fixed: dict[str, Any]


# An async command never leaves its loop; its permits are what the loop can have in flight (DESIGN section 9).
_ASYNC: Final[_Kind] = {"builtin_overrides": {"max_concurrent": 100}, "fixed": {"isolation": "semaphore"}}
_SYNC: Final[_Kind] = {}


class Retired(NamedTuple):
    """What the circuits of one key and group that a ``reset()`` tore down had counted, added up."""

    key: str
    group: str
    events: tuple[int, ...]
    transitions: tuple[int, ...]
    latency: tuple[int, ...]
    total_latency: tuple[int, ...]


class RetiredPool(NamedTuple):
    """The same for the thread pools of one key."""

    key: str
    completed: int
    rejected: int


class _Claim(NamedTuple):
    """Who came first for a key, and what it said in code."""

    owner: str
    code: Any
    is_async: bool


_NOBODY: Final = _Claim("code", None, False)


class _State:
    """All that ``reset()`` throws away."""

    def __init__(self) -> None:
        self.circuits: dict[str, Circuit] = {}
        self.claims: dict[str, _Claim] = {}
        self.pools: dict[str, ThreadPool] = {}
        self.pool_claims: dict[str, _Claim] = {}
        self.settings: dict[CommandProperties, Settings] = {}
        self.shapes = properties.Shapes()


_lock = threading.RLock()
_state = _State()
_retired: dict[tuple[str, str], Retired] = {}
_retired_pools: dict[str, RetiredPool] = {}
_declared: dict[str, weakref.ref[Binding]] = {}
_undeclared: list[weakref.ref[Any]] = []
_circuit_callbacks: list[Callable[[Circuit], object]] = []
_first_use_callbacks: list[Callable[[], object]] = []
_reset_callbacks: list[Callable[[], object]] = []
_shutdown_callbacks: list[Callable[[], object]] = []


# -- finding circuits --------------------------------------------------------------------------------


def _find_circuit(binding: Binding) -> Circuit:
    """The circuit of a binding, made if it is the first of its key; called by native code."""
    with _lock:
        found = _state.circuits.get(binding.key)
        first = not _state.circuits
        if found is None:
            made = _new_circuit(binding)
        else:
            _check_claim(binding)
            return found
    # Outside the lock: these take locks of OpenTelemetry, under which it asks us for numbers.
    for callback in _circuit_callbacks:
        callback(made)
    if first:
        for use in _first_use_callbacks:
            use()
    return made


def _new_circuit(binding: Binding) -> Circuit:
    _claim_pool(binding)
    claim = _Claim(binding.owner, binding.code, binding.is_async)
    settings = _settings(_state.shapes.keep("command", binding.key, _resolve(binding.key, claim)))
    made = Circuit(binding.key, binding.group, binding.thread_pool, settings)
    _state.claims[binding.key] = claim
    _state.circuits[binding.key] = made
    return made


def _settings(values: CommandProperties) -> Settings:
    """Native settings for the values in force; keys with equal values share one object."""
    found = _state.settings.get(values)
    if found is None:
        found = _state.settings[values] = Settings(values)
    return found


def _resolve(key: str, claim: _Claim) -> Resolved[CommandProperties]:
    kind = _ASYNC if claim.is_async else _SYNC
    return properties.resolve("command", key, claim.code, code_source=claim.owner, **kind)


def _check_claim(binding: Binding) -> None:
    """Warn, once per binding, if it says something else in code than the one that came first."""
    first = _state.claims[binding.key]
    if first.code is not binding.code:
        warn_of_conflict("command", binding.key, first.owner, first.code, binding.owner, binding.code, stacklevel=3)
    _claim_pool(binding)


def _claim_pool(binding: Binding) -> None:
    """Keep what the first class that says anything about a pool says; tell a pool that is there already."""
    if binding.pool_code is None:
        return
    key = binding.thread_pool
    first = _state.pool_claims.setdefault(key, _Claim(binding.owner, binding.pool_code, False))
    if first.code is not binding.pool_code:
        warn_of_conflict("thread pool", key, first.owner, first.code, binding.owner, binding.pool_code, stacklevel=4)
    elif key in _state.pools:
        _apply_to_pool(key, _state.pools[key])


# -- pools -------------------------------------------------------------------------------------------


def _pool_for(circuit: Circuit) -> ThreadPool:
    """Attach the circuit's pool, made if it is the first use of its key; called by native code."""
    pool = _pool(circuit.thread_pool)
    circuit.attach_pool(pool)
    return pool


def _pool(key: str) -> ThreadPool:
    with _lock:
        found = _state.pools.get(key)
        if found is None:
            values = _state.shapes.keep("thread_pool", key, _resolve_pool(key))
            found = _state.pools[key] = ThreadPool(key, values)
        return found


def _resolve_pool(key: str) -> Resolved[ThreadPoolProperties]:
    claim = _state.pool_claims.get(key, _NOBODY)
    return properties.resolve("thread_pool", key, claim.code, code_source=claim.owner)


# -- what exists -------------------------------------------------------------------------------------


def declare(binding: Binding) -> None:
    """Make a key known before its first execution. The binding lives as long as its class or function."""
    with _lock:
        _declared[binding.key] = weakref.ref(binding)


def declare_later(guarded: Any) -> None:
    """The same for a function whose key is known only when its class is complete: asked at the first look-up."""
    with _lock:
        _undeclared.append(weakref.ref(guarded))


def _declare_waiting() -> None:
    with _lock:
        waiting, _undeclared[:] = list(_undeclared), []
    for reference in waiting:
        guarded = reference()
        if guarded is not None:
            guarded.key  # noqa: B018 - asking for its key binds and declares it


def _declared_bindings() -> list[Binding]:
    _declare_waiting()
    with _lock:
        return [binding for reference in _declared.values() if (binding := reference()) is not None]


def circuits() -> list[Circuit]:
    """The circuits that exist now."""
    with _lock:
        return list(_state.circuits.values())


def thread_pools() -> list[ThreadPool]:
    """The thread pools that exist now."""
    with _lock:
        return list(_state.pools.values())


def frozen() -> threading.RLock:
    """A lock: while it is held no circuit or pool is made or torn down. Only to read numbers under it."""
    return _lock


def retired() -> list[Retired]:
    """What circuits torn down by ``reset()`` had counted. Exported sums go on from there."""
    with _lock:
        return list(_retired.values())


def retired_pools() -> list[RetiredPool]:
    """The same for thread pools."""
    with _lock:
        return list(_retired_pools.values())


def command_keys() -> tuple[str, ...]:
    """The command keys that have a circuit, sorted."""
    with _lock:
        return tuple(sorted(_state.circuits))


def thread_pool_keys() -> tuple[str, ...]:
    """The keys of the thread pools that exist, sorted."""
    with _lock:
        return tuple(sorted(_state.pools))


def circuit(key: str) -> Circuit:
    """The circuit of a key; made if a class or function bound to the key exists. Raises ``KeyError`` otherwise."""
    with _lock:
        found = _state.circuits.get(key)
    if found is not None:
        return found
    for binding in _declared_bindings():
        if binding.key == key:
            return binding.find_circuit()
    raise _unknown("command key", key, {*command_keys(), *(binding.key for binding in _declared_bindings())})


def circuit_breaker(key: str) -> CircuitBreaker:
    """The circuit breaker of a command key, to look at and to steer. Raises ``KeyError`` for an unknown key."""
    return circuit(key).breaker


def metrics(key: str) -> CommandMetrics:
    """The numbers of a command key. Raises ``KeyError`` for an unknown key, naming the nearest known one."""
    return CommandMetrics(circuit(key))


def thread_pool(key: str) -> ThreadPool:
    """The thread pool of a key. Raises ``KeyError`` for an unknown key, naming the nearest known one."""
    with _lock:
        found = _state.pools.get(key)
    if found is not None:
        return found
    for binding in _declared_bindings():
        if binding.thread_pool == key:
            with _lock:
                _claim_pool(binding)
            return _pool(key)
    known = {each.thread_pool for each in circuits()} | {each.thread_pool for each in _declared_bindings()}
    if key in known:
        return _pool(key)
    raise _unknown("thread pool key", key, known)


def _unknown(what: str, key: str, known: Iterable[str]) -> KeyError:
    near = get_close_matches(key, sorted(known), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; none is known yet" if not known else ""
    return KeyError(f"unknown {what} {key!r}{hint}")


def explain_properties(key: str, kind: str = "command") -> properties.Explanation:
    """Each property in force for ``key`` with its level and source; ``str()`` of it prints a table.

    ``kind`` is ``"command"``, ``"thread_pool"`` or ``"collapser"``. A key that no class or function claims
    shows what would hold for it. Raises ``PropertyError`` for an unknown kind.
    """
    if kind == "command":
        claim = _claim_of(key)
        kind_of_command = _ASYNC if claim.is_async else _SYNC
        found = properties.explain("command", key, claim.code, code_source=claim.owner, **kind_of_command)
        return _state.shapes.explained("command", key, found)
    if kind == "thread_pool":
        pool_claim = _state.pool_claims.get(key) or _declared_pool_claim(key)
        found = properties.explain("thread_pool", key, pool_claim.code, code_source=pool_claim.owner)
        return _state.shapes.explained("thread_pool", key, found)
    if kind == "collapser":
        owner, code = _collapser_code(key)
        return properties.explain("collapser", key, code, code_source=owner)
    raise PropertyError(f"kind = {kind!r}: must be 'command', 'thread_pool' or 'collapser'")


def _claim_of(key: str) -> _Claim:
    with _lock:
        found = _state.claims.get(key)
    if found is not None:
        return found
    for binding in _declared_bindings():
        if binding.key == key:
            return _Claim(binding.owner, binding.code, binding.is_async)
    return _NOBODY


def _declared_pool_claim(key: str) -> _Claim:
    for binding in _declared_bindings():
        if binding.thread_pool == key and binding.pool_code is not None:
            return _Claim(binding.owner, binding.pool_code, False)
    return _NOBODY


def _no_collapser_code(_key: str) -> tuple[str, Any]:
    return "code", None


_collapser_code: Callable[[str], tuple[str, Any]] = _no_collapser_code


def find_collapser_code(finder: Callable[[str], tuple[str, Any]]) -> None:
    """Set who knows the code-level properties of collapsers: ``finder(key) -> (owner, properties or None)``."""
    global _collapser_code
    _collapser_code = finder


# -- change ------------------------------------------------------------------------------------------


def _reapply() -> None:
    """The sources of properties changed: give every circuit and pool what holds now."""
    with _lock:
        for key, each in _state.circuits.items():
            _guarded(key, _apply, each)
        for key, pool in _state.pools.items():
            _guarded(key, _apply_to_pool, key, pool)
        # Settings that no circuit uses any more: years of changes must not pile up.
        _state.settings = {each.settings.values: each.settings for each in _state.circuits.values()}


def _guarded(key: str, change: Callable[..., object], *args: Any) -> None:
    """Values that do not fit each other for one key leave that key's last good ones in force."""
    try:
        change(*args)
    except PropertyError as error:
        properties.reload_failed(f"{key}: {error}")


def _apply(each: Circuit) -> None:
    settings = _settings(_state.shapes.held("command", each.key, _resolve(each.key, _state.claims[each.key])))
    if settings is not each.settings:
        each.apply(settings)


def _apply_to_pool(key: str, pool: ThreadPool) -> None:
    pool.configure(_state.shapes.held("thread_pool", key, _resolve_pool(key)))


def _misfits(values: properties.Values) -> Iterator[str]:
    """Why new values would not fit what live commands and pools say in code. Takes no lock: copies are atomic."""
    for key, claim in _state.claims.copy().items():
        kind = _ASYNC if claim.is_async else _SYNC
        fault = properties.misfit(values, "command", key, claim.code, code_source=claim.owner, **kind)
        if fault is not None:
            yield fault
    for key, claim in _state.pool_claims.copy().items():
        fault = properties.misfit(values, "thread_pool", key, claim.code, code_source=claim.owner)
        if fault is not None:
            yield fault


# -- callbacks for the floors above ------------------------------------------------------------------


def on_circuit(callback: Callable[[Circuit], object]) -> None:
    """Have ``callback(circuit)`` called for every new circuit. Must be quick and must not execute commands."""
    _circuit_callbacks.append(callback)


def on_first_use(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called when the first circuit is made, and again after each ``reset()``."""
    _first_use_callbacks.append(callback)


def on_reset(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called by every ``reset()``, after circuits and pools are gone."""
    _reset_callbacks.append(callback)


def on_shutdown(callback: Callable[[], object]) -> None:
    """Have ``callback()`` called by ``shutdown()`` and by ``reset()``."""
    _shutdown_callbacks.append(callback)


# -- the end -----------------------------------------------------------------------------------------


def reset(timeout: float | None = None) -> None:
    """Tear everything down: pools, circuits, properties, hooks; the next call starts afresh.

    Pools are joined for up to ``timeout`` seconds in all (None: as long as it takes). What settles later
    counts nowhere in the new circuits. Meant for tests and for reloading an application.
    """
    global _state
    with _lock:
        old, _state = _state, _State()
        for each in old.circuits.values():
            _retire(each)
        for pool in old.pools.values():
            _retire_pool(pool)
        execution.new_epoch()
    for callback in (*_shutdown_callbacks, *_reset_callbacks):
        callback()
    properties.reset_sources()
    _reapply()  # circuits that calls under way have made meanwhile, of what was just forgotten
    _stop(old.pools.values(), wait=True, timeout=timeout)


def shutdown(wait: bool = True) -> None:
    """Stop pools and timers; with ``wait`` let what runs and what is queued end first.

    Commands that need a thread are rejected from then on, until ``reset()``.
    """
    for callback in _shutdown_callbacks:
        callback()
    _stop(thread_pools(), wait=wait, timeout=None)


def _stop(pools: Iterable[ThreadPool], *, wait: bool, timeout: float | None) -> None:
    end = None if timeout is None else time.monotonic() + timeout

    def left() -> float | None:
        return None if end is None else max(0.0, end - time.monotonic())

    for pool in pools:
        pool.shutdown(wait=wait, timeout=left())
    stop_fallbacks(wait=wait, timeout=left())
    if wait:
        timer.stop_if_idle(timeout=left())


def _retire(each: Circuit) -> None:
    """Add the counts of a circuit that goes to those of its key and group that went before."""
    before = _retired.get((each.key, each.group))
    counts = (each.cumulative_all(), each.transitions, each.latency_cumulative(), each.total_latency_cumulative())
    if before is not None:
        counts = tuple(map(_added, before[2:], counts))  # type: ignore[assignment]
    _retired[each.key, each.group] = Retired(each.key, each.group, *counts)


def _retire_pool(pool: ThreadPool) -> None:
    before = _retired_pools.get(pool.key, RetiredPool(pool.key, 0, 0))
    _retired_pools[pool.key] = RetiredPool(
        pool.key, before.completed + pool.completed, before.rejected + pool.rejected
    )


def _added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _after_fork_in_child() -> None:
    """Nothing that was in flight in the parent is in flight here; counters and breakers go on."""
    global _lock
    _lock = threading.RLock()  # another thread of the parent may have held it
    execution.after_fork_in_child()
    for each in _state.circuits.values():
        each.forget_in_flight()


os.register_at_fork(after_in_child=_after_fork_in_child)
execution.install(resolve=_find_circuit, on_event=listeners.tell_event, watch=watch.watch_for, on_hit=watch.cache_hit)
drive.install(pool_for=_pool_for, on_abandoned=listeners.tell_abandoned)
properties.on_check(_misfits)
properties.on_change(_reapply)
on_reset(chain.reset_hooks)
on_reset(listeners.reset_listeners)
