"""What happens to the service, and when: healthy, then slow and failing, then recovered."""

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


HEALTHY = {"users": Conduct(0.004), "prices": Conduct(0.008), "reports": Conduct(0.02)}
ILL = {"users": Conduct(0.12, failing=0.8), "prices": Conduct(0.6), "reports": Conduct(0.0, hangs=True)}

PHASES = (
    Phase(0.24, "the service is healthy", HEALTHY),
    Phase(0.36, "users fail (80 %), prices are slow (0.6 s), reports hang", ILL),
    Phase(0.40, "the service has recovered; the circuits find out by themselves", HEALTHY),
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
