"""The shapes of numbers that several parts hand out (floor 0)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["HealthCounts"]


class HealthCounts(NamedTuple):
    """What a circuit breaker decides on: the calls that ended in its window since it last closed.

    ``error_percentage`` is a whole number, truncated: 49.99 % is 49.
    """

    total: int
    errors: int
    error_percentage: int

    @classmethod
    def of(cls, total: int, errors: int) -> HealthCounts:
        """The counts with their percentage; 0 % while there are no calls.

        >>> HealthCounts.of(3, 2)
        HealthCounts(total=3, errors=2, error_percentage=66)
        """
        return cls(total, errors, 100 * errors // total if total else 0)
