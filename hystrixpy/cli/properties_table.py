"""``hystrixpy properties``: the table of all properties, for reading and, in Markdown, for docs/properties.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hystrixpy.properties import SECTIONS, Properties, Property, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["add_parser", "markdown", "plain"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``properties``."""
    parser = subparsers.add_parser(
        "properties",
        help="list all properties with defaults, units and Hystrix names",
        description="List all properties. Those marked * keep their value until reset(); all others apply to the "
        "next call.",
    )
    parser.add_argument("--markdown", action="store_true", help="as Markdown tables")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    print(markdown() if arguments.markdown else plain(), end="")
    return 0


def plain() -> str:
    """The tables for a terminal."""
    return "\n".join("\n".join(_plain(cls)) + "\n" for cls in SECTIONS.values())


def _plain(cls: type[Properties]) -> Iterator[str]:
    rows = [(_star(row), _default(row), _valid(row), ", ".join(row.hystrix) or "-") for row in table(cls).values()]
    rows.insert(0, (f"{cls.__name__} [{cls.section}]", "default", "valid", "Hystrix"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        yield "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])


def markdown() -> str:
    """The tables as Markdown."""
    return "\n".join("\n".join(_markdown(cls)) + "\n" for cls in SECTIONS.values())


def _markdown(cls: type[Properties]) -> Iterator[str]:
    yield f"## {cls.__name__}"
    yield ""
    yield f"Section `{cls.section}` of a source."
    yield ""
    yield "| property | default | valid | Hystrix name | what it does |"
    yield "|---|---|---|---|---|"
    for row in table(cls).values():
        names = ", ".join(f"`{name}`" for name in row.hystrix) or "-"
        late = "" if row.dynamic else " Changes take effect after `reset()`."
        yield f"| `{row.name}` | `{_default(row)}` | {_valid(row)} | {names} | {row.doc}{late} |"


def _star(row: Property) -> str:
    return row.name if row.dynamic else f"{row.name} *"


def _default(row: Property) -> str:
    unit = f" {row.unit}" if row.unit and row.default is not None else ""
    return f"{row.default}{unit}"


def _valid(row: Property) -> str:
    return row.kind.valid
