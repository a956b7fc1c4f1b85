"""The repository speaks of itself only: no path of the machine it was written on, no package registry's address."""

from __future__ import annotations

import re

import pytest

from tests.support.tree import ROOT, tracked_files

pytestmark = pytest.mark.source

HOME = r"(?<![\w.~-])/(?:work|root|home|Users)/\w"
REGISTRY = r"\b(?:pypi|pythonhosted|anaconda|npmjs)\.(?:org|com)\b"
FORBIDDEN = re.compile(f"{HOME}|{REGISTRY}")
BINARY = {".png", ".ico", ".woff2"}


def test_no_machine_path_and_no_registry_address() -> None:
    """A clone must not depend on where it was made; an address of a registry belongs into a user's configuration."""
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in tracked_files()
        if path.suffix not in BINARY
        for number, line in enumerate((ROOT / path).read_text(errors="replace").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert not found
