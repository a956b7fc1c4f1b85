"""Every test of this folder starts with no source but the built-in defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hystrixpy.properties import reset_sources

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _no_sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("HYSTRIXPY_CONFIG", raising=False)
    reset_sources()
    yield
    reset_sources()
