"""docs/metrics.md says what the code exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from hystrixpy.telemetry import reference

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.mark.source
def test_the_page_is_up_to_date() -> None:
    """Made again, it is the same: python -m hystrixpy.telemetry.reference > docs/metrics.md."""
    assert DOCS.read_text() == reference.page()
