"""What a person sees: a line per circuit and second, and a word when the story goes on."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, TextIO

from hystrixpy.events import CircuitState

if TYPE_CHECKING:
    from hystrixpy.demo.reading import Reading

__all__ = ["View"]

GREEN, YELLOW, RED, BOLD, DIM = "32", "33", "31", "1", "2"
COLOUR = {CircuitState.CLOSED: GREEN, CircuitState.HALF_OPEN: YELLOW, CircuitState.OPEN: RED}
SIGN = {CircuitState.CLOSED: "●", CircuitState.HALF_OPEN: "◐", CircuitState.OPEN: "○"}
HEAD = (
    f"{'':>5}  {'circuit':<10} {'state':<11} {'rate':>7} {'errors':>7} {'p50':>8} {'p99':>8}"
    f" {'fallbacks':>10} {'abandoned':>10}"
)


class View:
    """Writes to a stream; in colour only on a terminal (and not if NO_COLOR is set)."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._colours = out.isatty() and "NO_COLOR" not in os.environ
        self._before: dict[str, Reading] = {}

    def say(self, text: str = "") -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def story(self, elapsed: float, text: str) -> None:
        """The service has begun to behave differently."""
        self.say(self._paint(f"\n{elapsed:4.0f}s  {text}", BOLD))
        self.say(self._paint(HEAD, DIM))

    def log(self) -> logging.Handler:
        """A handler for the logger ``hystrixpy`` that prints what it is told between the lines."""
        return _Told(self)

    def told(self, message: str) -> None:
        """What the library itself had to say."""
        self.say(self._paint(f"       {message}", DIM))

    def second(self, elapsed: float, interval: float, readings: list[Reading]) -> None:
        """One line per circuit; rates are over the ``interval`` seconds since the last time."""
        for number, reading in enumerate(readings):
            time = f"{elapsed:4.0f}s" if number == 0 else ""
            self.say(f"{time:>5}  {self._line(reading, interval)}")
            self._before[reading.key] = reading

    def _line(self, now: Reading, interval: float) -> str:
        before = self._before.get(now.key)
        calls = now.calls - (before.calls if before else 0)
        fallbacks = now.fallbacks - (before.fallbacks if before else 0)
        state = self._paint(f"{SIGN[now.state]} {now.state.replace('_', '-'):<9}", COLOUR[now.state])
        errors = self._paint(f"{now.error_percentage:>5} %", RED if now.error_percentage >= 50 else "")
        return (
            f"{now.key:<10} {state} {calls / interval:>5.0f}/s {errors} {_time(now.p50)} {_time(now.p99)}"
            f" {fallbacks / interval:>8.0f}/s {now.abandoned or '-':>10}"
        )

    def _paint(self, text: str, colour: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colours and colour else text


class _Told(logging.Handler):
    """Tells of circuits that opened and closed; trials, one a second while a circuit is open, would fill the screen."""

    def __init__(self, view: View) -> None:
        super().__init__(logging.INFO)
        self._view = view

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "half-open" not in message and "opened again" not in message:
            self._view.told(message)


def _time(seconds: float) -> str:
    return f"{seconds * 1000:>5.0f} ms" if seconds else f"{'-':>8}"
