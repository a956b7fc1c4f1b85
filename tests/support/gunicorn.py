"""A real gunicorn, for tests of what happens in forked workers."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import free_port, wait_for_port
from tests.support.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["gunicorn", "needs_gunicorn"]

GUNICORN = Path(sys.executable).with_name("gunicorn")

needs_gunicorn = [
    pytest.mark.skipif(not GUNICORN.exists(), reason="gunicorn is not installed"),
    pytest.mark.serial,
]


@contextmanager
def gunicorn(folder: Path, *options: str, **settings: str) -> Iterator[str]:
    """The URL of ``app:app`` in a folder, served with these options and environment; stopped as an init system does.

    What it says goes to ``log`` there; it has to end well.
    """
    port = free_port()
    command = [GUNICORN, "-b", f"127.0.0.1:{port}", *options, "app:app"]
    environment = os.environ | settings | {"PYTHONPATH": str(ROOT)}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            wait_for_port(port, process)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            assert process.wait(30) == 0, (folder / "log").read_text()
