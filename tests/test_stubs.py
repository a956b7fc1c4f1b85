"""Each compiled module has a stub. (``make lint`` runs stubtest, which compares the two.)"""

from __future__ import annotations

import pytest

from tests.support.tree import PACKAGE, native_modules

pytestmark = pytest.mark.source


@pytest.mark.parametrize("name", sorted(native_modules()))
def test_compiled_module_has_a_stub(name: str) -> None:
    """Type checkers can not read an extension; a stub stands beside it."""
    assert (PACKAGE / "_native" / f"{name.rpartition('.')[2]}.pyi").exists()
