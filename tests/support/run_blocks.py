"""Runs the python blocks of one Markdown file, in order, in one namespace.

Usage: ``python -m tests.support.run_blocks FILE``. A block opened as "python no-run" is for reading only.
A block may use ``await`` at its top level. An error names the line of the document.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

BLOCK = re.compile(r"^```python *\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(path: Path) -> list[tuple[int, str]]:
    """(line of the first statement, source) of every block that runs."""
    text = path.read_text()
    return [(text.count("\n", 0, match.start(1)), match[1]) for match in BLOCK.finditer(text)]


def run(path: Path) -> None:
    sys.modules["__main__"] = ModuleType("__main__")  # so that what a block defines can be pickled and looked up
    namespace = sys.modules["__main__"].__dict__
    for lines_before, source in blocks(path):
        padded = "\n" * lines_before + source
        code = compile(padded, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, namespace))
        else:
            exec(code, namespace)


if __name__ == "__main__":
    run(Path(sys.argv[1]))
