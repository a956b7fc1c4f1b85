"""The house stands on floors: a file imports from its own floor or one below, never upward (the order is in FLOORS)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.imports import cython_imports, python_imports
from tests.support.tree import NATIVE_SOURCES, native_modules, python_modules

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.source

FLOORS = (
    ("errors", "events", "types"),
    ("_native",),
    ("properties",),
    ("breaker", "bulkhead", "metrics", "context", "cache", "hooks"),
    ("execution",),
    ("registry", "command", "aio", "decorator", "collapser"),
    ("telemetry", "stream", "dashboard", "integrations", "testing", "cli", "demo", "__main__"),
)
"""What lies on which floor, lowest first. ``hystrixpy/__init__.py`` is the roof: it may import every floor, and only
the top floor may import it."""

PARTS = 3
"""The floor whose inhabitants do not know each other."""

NATIVE_FLOORS = (
    ("atomics", "building", "clock", "arguments", "daemon", "entered", "forks", "future", "guarding", "herald"),
    ("loops", "parking", "raised", "word", "wording"),
    ("window", "permits", "scope"),
    ("histogram", "decision", "crew"),
    ("refusal", "explain"),
    ("breaker", "counting"),
    ("pool", "timer", "threadpool"),
    ("circuit",),
    ("senders", "binding"),
    ("life",),
    ("running", "failures", "request"),
    ("watching",),
    ("execution",),
    ("sharing", "inline", "leaving"),
    ("drive", "aio", "batch"),
    ("collapse",),
    ("function",),
)
"""The same inside the native core. Of Python it may import floor 0 only."""

FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
NATIVE_FLOOR_OF = {name: floor for floor, names in enumerate(NATIVE_FLOORS) for name in names}
ROOF = len(FLOORS)


def room(module: str) -> str:
    """The name below ``hystrixpy`` that stands on a floor; "" is the package itself."""
    return module.partition(".")[2].partition(".")[0]


def floor(module: str) -> int:
    name = room(module)
    if name in FLOOR_OF:
        return FLOOR_OF[name]
    return ROOF if name == "" or name not in ROOMS else pytest.fail(f"{module} has no floor: give it one in FLOORS")


ROOMS = {room(name) for name in python_modules()}


def wrong_import(module: str, imported: str) -> str | None:
    """Why ``module`` must not import ``imported``, or None."""
    here, there = floor(module), floor(imported)
    if here == ROOF or room(module) == room(imported):
        return None
    if there == ROOF and here != ROOF - 1:
        return "only the top floor may import the package itself"
    if there != ROOF and there > here:
        return f"floor {here} must not import floor {there}"
    if here == there == PARTS:
        return "the parts of one floor do not import each other"
    return None


@pytest.mark.parametrize("module", sorted(python_modules()))
def test_imports_go_downward(module: str) -> None:
    """No module imports from a floor above its own, whether at its top or inside a function."""
    path = python_modules()[module]
    wrong = [
        f"{path.name}:{line} imports {imported}: {why}"
        for line, imported in python_imports(path, module)
        if imported.split(".")[0] == "hystrixpy" and (why := wrong_import(module, imported))
    ]
    assert not wrong


@pytest.mark.parametrize("path", sorted(NATIVE_SOURCES.glob("*.p[yx]*")), ids=lambda path: path.name)
def test_native_imports_go_downward(path: Path) -> None:
    """No native module cimports from above; of Python it imports words only, ``execution`` the parts too."""
    if path.stem == "__init__":
        return
    here = NATIVE_FLOOR_OF[path.stem]
    wrong = []
    for line, imported in cython_imports(path):
        if imported.startswith("hystrixpy._native."):
            if NATIVE_FLOOR_OF[imported.split(".")[2]] > here:
                wrong.append(f"{path.name}:{line} reaches up to {imported}")
        elif imported.split(".")[0] == "hystrixpy" and floor(imported) > 0:
            wrong.append(f"{path.name}:{line} imports {imported} of floor {floor(imported)}")
    assert not wrong


def test_every_native_module_has_a_floor() -> None:
    """A new native module is given its place in NATIVE_FLOORS."""
    assert {name.rpartition(".")[2] for name in native_modules()} <= set(NATIVE_FLOOR_OF)


def test_a_room_that_is_gone_is_noticed() -> None:
    """An upward import, a neighbour's import and an import of the roof are each recognised."""
    assert wrong_import("hystrixpy.errors", "hystrixpy.command.Command") == "floor 0 must not import floor 5"
    assert wrong_import("hystrixpy.cache", "hystrixpy.context") == "the parts of one floor do not import each other"
    assert wrong_import("hystrixpy.registry", "hystrixpy") == "only the top floor may import the package itself"
    assert wrong_import("hystrixpy.cli.main", "hystrixpy.properties") is None
