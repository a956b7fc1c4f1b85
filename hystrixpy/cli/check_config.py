"""``hystrixpy check-config FILE...``: everything that is wrong with configuration files, before they are used."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from hystrixpy.properties import check_files

if TYPE_CHECKING:
    import argparse

__all__ = ["add_parser"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``check-config``."""
    parser = subparsers.add_parser(
        "check-config",
        help="check TOML and Hystrix .properties files",
        description="Check configuration files as they would be read together. Exit status 1 if one is wrong.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .toml file or a Hystrix .properties file")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing about what is right")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    found = check_files(arguments.files)
    for problem in found.problems:
        print(problem, file=sys.stderr)
    if not arguments.quiet:
        for name in found.unused:
            print(f"note: hystrixpy has no use for {name}")
        if not found.problems:
            print(f"{', '.join(arguments.files)}: all right, {found.count} values set")
    return 1 if found.problems else 0
