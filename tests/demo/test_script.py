"""The story of the demo: its phases, laid out over its length."""

from __future__ import annotations

import pytest

from hystrixpy.demo.script import PHASES, Script


@pytest.mark.parametrize(("elapsed", "phase"), [(0.0, 0), (1.9, 0), (2.1, 1), (4.1, 2), (6.7, 2), (6.9, 3), (99.0, 3)])
def test_phases_follow_each_other(elapsed: float, phase: int) -> None:
    """Healthy, hanging, ill, recovered; the last phase stays on."""
    assert Script(10.0).at(elapsed) is PHASES[phase]


def test_a_repeated_script_starts_again() -> None:
    """``--forever`` plays round and round."""
    assert Script(10.0, repeat=True).at(12.5) is PHASES[1]


def test_shares_make_a_whole() -> None:
    """The phases fill the demo exactly."""
    assert sum(phase.share for phase in PHASES) == pytest.approx(1.0)
