"""The ``hystrixpy`` command line (floor 6): ``hystrixpy COMMAND ...``, the same as ``python -m hystrixpy``.

Each subcommand is a module of this folder, listed in ``COMMANDS``, with ``add_parser(subparsers)``; that sets
``run`` to a function of the parsed arguments that returns the exit status. Such a module imports what is heavy
or optional inside ``run``, so that one missing extra does not take the other commands along.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMANDS", "main"]

COMMANDS = ("check_config", "properties_table", "dashboard", "top")
"""The modules of the subcommands, in the order of the help text."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 well, 1 the answer is no, 2 misuse, 130 Ctrl-C)."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # names from files may hold what the terminal's encoding does not
        sys.stdout.reconfigure(errors="backslashreplace")
    parsed = _parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, has seen enough; nothing is left to be flushed at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        if "hystrixpy[" not in str(error):
            raise
        print(f"hystrixpy: {error}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hystrixpy", description="Circuit breakers, bulkheads and their numbers.")
    parser.add_argument("--version", action="version", version=f"hystrixpy {_version()}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"hystrixpy.cli.{name}").add_parser(subparsers)
    return parser


def _version() -> str:
    try:
        return version("hystrixpy")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "(not installed)"
