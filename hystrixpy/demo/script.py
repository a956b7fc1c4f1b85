"""What happens to the service, and when: healthy, then hanging, slow and failing, then recovered."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Conduct", "Phase", "Script"]


@dataclass(frozen=True, slots=True)
class Conduct:
    """How one resource answers: after ``latency`` seconds (more or less), ``failing`` of 1 with status 503, or never
    while it ``hangs``."""

    latency: float
    failing: float = 0.0
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the demo: its share of the whole, what to tell the reader, and how each resource answers."""

    share: float
    story: str
    conduct: dict[str, Conduct]


USERS, PRICES, REPORTS = Conduct(0.004), Conduct(0.008), Conduct(0.02)
FAILING, SLOW, HANGING = Conduct(0.12, failing=0.8), Conduct(0.6), Conduct(0.0, hangs=True)

PHASES = (
    Phase(
        0.20,
        "the service is healthy",
        {"users": USERS, "prices": PRICES, "reports": REPORTS},
    ),
    Phase(
        0.20,
        "reports hang: that costs the five threads of their pool, and nothing else",
        {"users": USERS, "prices": PRICES, "reports": HANGING},
    ),
    Phase(
        0.28,
        "users fail now too (80 %, slowly), and prices take 0.6 s",
        {"users": FAILING, "prices": SLOW, "reports": HANGING},
    ),
    Phase(
        0.32,
        "the service has recovered: the circuits find out by themselves",
        {"users": USERS, "prices": PRICES, "reports": REPORTS},
    ),
)


@dataclass(frozen=True, slots=True)
class Script:
    """The phases laid out over ``seconds``; played once, or round and round."""

    seconds: float
    repeat: bool = False

    def at(self, elapsed: float) -> Phase:
        """The phase that is on ``elapsed`` seconds after the start; the last one stays on."""
        position = elapsed / self.seconds
        if self.repeat:
            position %= 1.0
        for phase in PHASES:
            if position < phase.share:
                return phase
            position -= phase.share
        return PHASES[-1]
