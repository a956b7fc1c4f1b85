"""Every example in README.md and docs/ runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.run_blocks import blocks
from tests.support.tree import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()]
RUNNING = [path for path in DOCUMENTS if blocks(path)]


@pytest.mark.parametrize("document", RUNNING, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_run(document: Path, tmp_path: Path) -> None:
    """The python blocks of a document run in order, as a reader would paste them, in a fresh interpreter."""
    command = [sys.executable, "-m", "tests.support.run_blocks", str(document)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link names a file that is there."""
    assert not [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]


def test_every_page_is_on_the_map() -> None:
    """docs/index.md names each document beside it."""
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in LINK.findall(index.read_text())}
    assert not [path.name for path in index.parent.rglob("*.md") if path != index and path.resolve() not in linked]
