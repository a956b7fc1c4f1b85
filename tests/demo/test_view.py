"""What the demo prints."""

from __future__ import annotations

import io

from hystrixpy.demo.reading import Reading
from hystrixpy.demo.view import View
from hystrixpy.events import CircuitState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def reading(calls: int, state: CircuitState = CircuitState.CLOSED) -> Reading:
    return Reading("GetUser", state, calls, 10, 60, 0.012, 0.25, 3)


def test_a_line_tells_state_rate_errors_latency_and_fallbacks() -> None:
    """Rates are what came since the last line, per second."""
    out = io.StringIO()
    view = View(out)
    view.second(1.0, 1.0, [reading(40)])
    view.second(2.0, 1.0, [reading(70, CircuitState.HALF_OPEN)])
    first, second = out.getvalue().splitlines()
    assert first.split() == ["1s", "GetUser", "●", "closed", "40/s", "60", "%", "12", "ms", "250", "ms", "10/s", "3"]
    assert second.split() == ["2s", "GetUser", "◐", "half-open", "30/s", "60", "%", "12", "ms", "250", "ms", "0/s", "3"]


def test_colours_are_for_terminals_only() -> None:
    """A file or pipe gets plain text; an open circuit is red on a terminal."""
    plain, terminal = io.StringIO(), Terminal()
    for out in (plain, terminal):
        View(out).second(1.0, 1.0, [reading(40, CircuitState.OPEN)])
    assert "\033" not in plain.getvalue()
    assert "\033[31m○ open" in terminal.getvalue()
