"""Reads imports out of Python and Cython sources, without running them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(?P<base>[\w.]+)[ \t]+c?import[ \t]+\(?(?P<names>[\w \t,]*)|c?import[ \t]+(?P<plain>[\w.]+))",
    re.MULTILINE,
)


def python_imports(path: Path, module: str) -> list[tuple[int, str]]:
    """(line, dotted name) of everything a file imports at run time, inside functions too.

    ``from a import b`` gives ``a.b``. Imports under ``if TYPE_CHECKING`` are left out: they are for readers and type
    checkers, and load nothing.
    """
    tree = ast.parse(path.read_text(), str(path))
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return [found for node in _run_time_nodes(tree) for found in _imported(node, package)]


def cython_imports(path: Path) -> list[tuple[int, str]]:
    """(line, dotted name) of everything a .pyx or .pxd imports or cimports."""
    text = path.read_text()
    found = []
    for match in CYTHON_IMPORT.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        base, names = match["base"] or match["plain"], match["names"] or ""
        found += [(line, f"{base}.{name.split()[0]}") for name in names.split(",") if name.strip()] or [(line, base)]
    return found


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The tree without what only a type checker sees."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _is_type_checking(child.test):
            for kept in child.orelse:
                yield kept
                yield from _run_time_nodes(kept)
        else:
            yield child
            yield from _run_time_nodes(child)


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _imported(node: ast.AST, package: str) -> list[tuple[int, str]]:
    if isinstance(node, ast.Import):
        return [(node.lineno, alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parent = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*parent, *([node.module] if node.module else [])])
        return [(node.lineno, f"{base}.{alias.name}") for alias in node.names]
    return []
