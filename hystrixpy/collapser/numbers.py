"""What is counted for a collapser: batches, requests in them, answers remembered, and how large batches are."""

from __future__ import annotations

import math
import threading
from collections import Counter
from typing import TYPE_CHECKING

from hystrixpy._native.clock import now_ns
from hystrixpy._native.window import RollingCounter
from hystrixpy.properties.faults import unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "BatchSizes",
    "CollapserMetrics",
    "RetiredCollapser",
    "after_fork_in_child",
    "collapser_keys",
    "collapser_metrics",
    "collapser_totals",
    "metrics_for",
    "retire_all",
]

_WINDOW, _BUCKETS = 10.0, 10
_SIZE_WINDOW, _SIZE_BUCKETS = 60.0, 6
_SCALE, _FIRST, _HIST_BUCKETS = 8, -160, 255  # of the native latency histogram: one layout for all that is exported


class BatchSizes:
    """How often each size of batch occurred; a copy that does not change."""

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[int, int]) -> None:
        self._counts = dict(sorted(counts.items()))

    @property
    def counts(self) -> Mapping[int, int]:
        """Number of batches by their size, smallest first."""
        return self._counts

    @property
    def count(self) -> int:
        """How many batches."""
        return sum(self._counts.values())

    @property
    def total(self) -> int:
        """How many requests were in them."""
        return sum(size * times for size, times in self._counts.items())

    @property
    def mean(self) -> float:
        """Requests per batch; 0.0 without batches."""
        return self.total / self.count if self._counts else 0.0

    def buckets(self) -> tuple[int, ...]:
        """The counts in the buckets of a latency histogram, with a size of n where n seconds would be."""
        counts = [0] * _HIST_BUCKETS
        for size, times in self._counts.items():
            counts[min(math.ceil(math.log2(size) * _SCALE) - 1 - _FIRST, _HIST_BUCKETS - 1)] += times
        return tuple(counts)

    def percentile(self, p: float) -> int:
        """The size that ``p`` percent (0 to 100) of the batches do not exceed; 0 without batches."""
        if not 0 <= p <= 100:
            raise ValueError(f"percentile({p!r}): must be from 0 to 100")
        rank, seen = max(1, math.ceil(self.count * p / 100)), 0
        for size, times in self._counts.items():
            seen += times
            if seen >= rank:
                return size
        return 0


class CollapserMetrics:
    """The numbers of one collapser key.

    ``batches``, ``batched_requests`` (a slot of a batch counts once, however many callers share it) and
    ``cache_hits`` (answers remembered by ``cache_key``) count since the first execution, the ``rolling_``
    ones over the last 10 s. ``batch_size`` is the distribution over the last 60 s.
    """

    def __init__(self, key: str) -> None:
        self.key = key
        self._batches = RollingCounter(_WINDOW, _BUCKETS)
        self._requests = RollingCounter(_WINDOW, _BUCKETS)
        self._hits = RollingCounter(_WINDOW, _BUCKETS)
        self._lock = threading.Lock()
        self._retired = False
        self._sizes: Counter[int] = Counter()
        self._recent: dict[int, Counter[int]] = {}  # number of a bucket of time -> sizes; bucket = window / buckets

    def batch_sent(self, size: int) -> None:
        """Count one batch (one shard) of ``size`` requests."""
        now = _bucket()
        with self._lock:
            if self._retired:  # its sums were taken over: what came later would go down again in what is exported
                return
            self._batches.add()
            self._requests.add(size)
            self._sizes[size] += 1
            if now not in self._recent:
                self._begin(now)
            self._recent[now][size] += 1

    def _begin(self, now: int) -> None:
        """A new bucket of time; those that have left the window go."""
        self._recent[now] = Counter()
        for old in [each for each in self._recent if each <= now - _SIZE_BUCKETS]:
            del self._recent[old]

    def cache_hit(self) -> None:
        """Count one request that was answered by what its context remembered."""
        self._hits.add()

    @property
    def batches(self) -> int:
        """Batches sent."""
        return self._batches.total

    @property
    def batched_requests(self) -> int:
        """Requests in them."""
        return self._requests.total

    @property
    def cache_hits(self) -> int:
        """Requests answered by the request cache, in no batch."""
        return self._hits.total

    @property
    def rolling_batches(self) -> int:
        """Batches sent in the last 10 s."""
        return self._batches.sum()

    @property
    def rolling_batched_requests(self) -> int:
        """Requests in batches of the last 10 s."""
        return self._requests.sum()

    @property
    def rolling_cache_hits(self) -> int:
        """Requests answered by the request cache in the last 10 s."""
        return self._hits.sum()

    @property
    def batch_size(self) -> BatchSizes:
        """Sizes of the batches of the last 60 s."""
        oldest = _bucket() - _SIZE_BUCKETS
        recent: Counter[int] = Counter()
        with self._lock:
            for bucket, sizes in self._recent.items():
                if bucket > oldest:
                    recent.update(sizes)
        return BatchSizes(recent)

    @property
    def batch_size_cumulative(self) -> BatchSizes:
        """Sizes of all batches."""
        with self._lock:
            return BatchSizes(self._sizes)

    def retire(self) -> BatchSizes:
        """Count no more; the sizes of all batches."""
        with self._lock:
            self._retired = True
            return BatchSizes(self._sizes)

    def batch_sizes(self) -> tuple[int, ...]:
        """All batches in the buckets of a latency histogram; see ``BatchSizes.buckets``."""
        return self.batch_size_cumulative.buckets()

    def __repr__(self) -> str:
        return f"<CollapserMetrics {self.key!r}: {self.batches} batches, {self.batched_requests} requests>"


class RetiredCollapser:
    """What the collapsers of one key that a ``reset()`` tore down had counted, added up."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.batches = 0
        self.batched_requests = 0
        self.cache_hits = 0
        self._sizes: Counter[int] = Counter()

    def plus(self, metrics: CollapserMetrics) -> RetiredCollapser:
        """A new sum, so that whoever reads the old one sees it whole."""
        total = RetiredCollapser(self.key)
        sizes = metrics.retire()
        total.batches = self.batches + sizes.count
        total.batched_requests = self.batched_requests + sizes.total
        total.cache_hits = self.cache_hits + metrics.cache_hits
        total._sizes = self._sizes + Counter(sizes.counts)
        return total

    def batch_sizes(self) -> tuple[int, ...]:
        """All batches in the buckets of a latency histogram."""
        return BatchSizes(self._sizes).buckets()


_lock = threading.Lock()
_metrics: dict[str, CollapserMetrics] = {}
_retired: dict[str, RetiredCollapser] = {}


def metrics_for(key: str) -> CollapserMetrics:
    """The numbers of a key, begun now if there are none."""
    found = _metrics.get(key)
    if found is None:
        with _lock:
            found = _metrics.setdefault(key, CollapserMetrics(key))
    return found


def collapser_metrics(key: str) -> CollapserMetrics:
    """The numbers of a collapser; ``KeyError``, naming the nearest known one, if no such key was executed."""
    found = _metrics.get(key)
    if found is not None:
        return found
    raise unknown_key("collapser key", key, tuple(_metrics))


def collapser_keys() -> tuple[str, ...]:
    """The keys of the collapsers that were executed, sorted."""
    return tuple(sorted(_metrics))


def collapser_totals() -> tuple[list[CollapserMetrics], list[RetiredCollapser]]:
    """The living ones, and what is left of those that were torn down; nothing passes from one to the other between."""
    with _lock:
        return list(_metrics.values()), list(_retired.values())


def retire_all() -> None:
    """Begin at zero; what was counted stays in the exported sums."""
    with _lock:
        for key, metrics in _metrics.items():
            _retired[key] = _retired.get(key, RetiredCollapser(key)).plus(metrics)
        _metrics.clear()


def after_fork_in_child() -> None:
    """Locks that threads of the parent held are free here."""
    global _lock
    _lock = threading.Lock()
    for metrics in _metrics.values():
        metrics._lock = threading.Lock()


def _bucket() -> int:
    """Number of the bucket of time that is open now."""
    return int(now_ns() // int(_SIZE_WINDOW / _SIZE_BUCKETS * 1e9))
