"""What type checkers make of code that uses hystrixpy: api.py beside this file holds the expectations."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy comes with the extra dev")

API = Path(__file__).with_name("api.py")


@pytest.mark.source
def test_users_code_has_the_types_it_should_have(tmp_path):
    """mypy --strict: no error, no unused ignore, every assert_type exact."""
    run = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={tmp_path}", str(API)]
    checked = subprocess.run(run, capture_output=True, text=True, cwd=API.parents[2])
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
