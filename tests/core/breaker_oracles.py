"""What a breaker has to do, said as plainly as possible: lists, sets and whole seconds instead of packed words."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

BUCKETS = 10


class Ending(StrEnum):
    OK = "ok"
    ERROR = "error"
    NEUTRAL = "neutral"


@dataclass(eq=False)
class Admission:
    """A call that was let through, under one period of the breaker."""

    period: int
    is_trial: bool


@dataclass
class Oracle:
    """The states that both kinds of breaker share. Time is in nanoseconds since the breaker was made."""

    sleep: int
    trials: int
    successes: int
    now: int = 0
    state: str = "closed"
    forced: set[str] = field(default_factory=set)
    since: int = 0
    transitions: list[tuple[str, str]] = field(default_factory=list)
    in_flight: int = 0
    succeeded: int = 0
    periods: count[int] = field(default_factory=lambda: count(1))
    period: int = 0

    def enter(self, state: str) -> None:
        if state != self.state:
            self.transitions.append((self.state, state))
        self.state, self.since, self.period = state, self.now, next(self.periods)
        self.in_flight = self.succeeded = 0
        if state == "closed":
            self.forget()

    def lease(self) -> int:
        return self.sleep if self.sleep or self.state == "open" else 10**9

    def is_due(self) -> bool:
        """Whether a call now would begin a half-open period."""
        full = self.state == "open" or (self.state == "half_open" and self.in_flight >= self.trials)
        return full and self.now >= self.since + self.lease()

    def allows(self) -> bool:
        if self.forced:
            return "open" not in self.forced
        free = self.state == "half_open" and self.in_flight < self.trials
        return self.state == "closed" or free or self.is_due()

    def admit(self) -> Admission | None:
        if not self.allows():
            return None
        if self.forced or self.state == "closed":
            return Admission(self.period, is_trial=False)
        if self.is_due():
            self.enter("half_open")
        self.in_flight += 1
        self.since = self.now
        return Admission(self.period, is_trial=True)

    def settle(self, admission: Admission, ending: Ending) -> None:
        if admission.period != self.period:
            return
        if ending is not Ending.NEUTRAL:
            self.count(ending)
        if admission.is_trial:
            self.settle_trial(ending)
        elif ending is not Ending.NEUTRAL and self.state == "closed" and self.must_open(ending):
            self.enter("open")

    def settle_trial(self, ending: Ending) -> None:
        if ending is Ending.ERROR:
            self.enter("open")
            return
        self.in_flight -= 1
        self.succeeded += ending is Ending.OK
        if self.succeeded >= self.successes:
            self.enter("closed")

    def count(self, ending: Ending) -> None:
        raise NotImplementedError

    def must_open(self, _ending: Ending) -> bool:
        raise NotImplementedError

    def forget(self) -> None:
        raise NotImplementedError


@dataclass
class Rolling(Oracle):
    volume: int = 20
    percent: int = 50
    window: int = 10 * 10**9
    ended: list[tuple[int, Ending]] = field(default_factory=list)

    def recent(self) -> list[Ending]:
        """Calls that ended in the open bucket or one of the nine before it."""
        bucket = self.window // BUCKETS
        return [ending for at, ending in self.ended if at // bucket > self.now // bucket - BUCKETS]

    def health(self) -> tuple[int, int]:
        return len(self.recent()), self.recent().count(Ending.ERROR)

    def count(self, ending: Ending) -> None:
        self.ended.append((self.now, ending))

    def must_open(self, _ending: Ending) -> bool:
        total, errors = self.health()
        return total >= self.volume and 100 * errors >= self.percent * total

    def forget(self) -> None:
        self.ended.clear()


@dataclass
class Counting(Oracle):
    """eapache/go-resiliency, with generations, and a limit of trials."""

    threshold: int = 3
    errors: int = 0
    last_error: int = 0

    def count(self, ending: Ending) -> None:
        if self.state != "closed" or ending is not Ending.ERROR:
            return
        if self.errors and self.now > self.last_error + self.sleep:
            self.errors = 0
        self.errors += 1
        self.last_error = self.now

    def must_open(self, ending: Ending) -> bool:
        return ending is Ending.ERROR and self.errors >= self.threshold

    def forget(self) -> None:
        self.errors = 0

    def seen_state(self) -> str:
        """go-resiliency's own timer makes it half-open; ours is seen half-open from then on."""
        return "half_open" if self.state == "open" and self.now >= self.since + self.sleep else self.state
