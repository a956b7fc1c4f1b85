"""What the registry holds, and the lock around it. ``reset()`` puts a new ``state`` in place."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict

from hystrixpy import properties

if TYPE_CHECKING:
    from hystrixpy._native.binding import Binding
    from hystrixpy._native.circuit import Circuit, Settings
    from hystrixpy._native.threadpool import ThreadPool
    from hystrixpy.properties import CommandProperties

__all__ = ["ASYNC", "NOBODY", "SYNC", "Claim", "Kind", "Retired", "RetiredPool", "State"]


class Kind(TypedDict, total=False):
    """What differs between the two kinds of command before anybody says anything."""

    builtin_overrides: dict[str, Any]
    fixed: dict[str, Any]


# An async command never leaves its loop; its permits are what the loop can have in flight.
ASYNC: Final[Kind] = {"builtin_overrides": {"max_concurrent": 100}, "fixed": {"isolation": "semaphore"}}
SYNC: Final[Kind] = {}


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


class Claim(NamedTuple):
    """Who came first for a key, and what it said in code."""

    owner: str
    code: Any
    is_async: bool


NOBODY: Final = Claim("code", None, False)


class State:
    """All that ``reset()`` throws away."""

    def __init__(self) -> None:
        self.circuits: dict[str, Circuit] = {}
        self.claims: dict[str, Claim] = {}
        self.pools: dict[str, ThreadPool] = {}
        self.pool_claims: dict[str, Claim] = {}
        self.settings: dict[CommandProperties, Settings] = {}
        self.shapes = properties.Shapes()


lock = threading.RLock()
state = State()
retired: dict[tuple[str, str], Retired] = {}
retired_pools: dict[str, RetiredPool] = {}
declared: weakref.WeakValueDictionary[int, Binding] = weakref.WeakValueDictionary()  # by the number of its definition
undeclared: list[weakref.ref[Any]] = []
