"""A batch goes: it is divided into shards, and each shard is sent on its way (``shipment.py``).

``send`` is called once per batch in a copy of the scope's contextvars context, on an event loop of those who
wait or on one of the sending threads. Nothing of it runs in the context of one of the callers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hystrixpy._native.request import deliver, fill_missing
from hystrixpy.collapser.faults import fail, missing, raise_if_fatal
from hystrixpy.collapser.shipment import Shipment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hystrixpy._native.batch import Batch
    from hystrixpy._native.request import CollapsedRequest

    _Request = CollapsedRequest[Any, Any]

__all__ = ["send"]


def send(batch: Batch) -> None:
    """Divide a batch into its shards and execute one command for each."""
    requests, key = batch.requests, batch.gatherer.spec.key
    try:
        shards = [list(shard) for shard in batch.face.shard(list(requests))]
    except BaseException as error:
        fail(key, requests, error)
        raise_if_fatal(error)
        return
    if shards != [requests]:
        _answer_stray(key, requests, shards)
    for shard in shards:
        if shard:
            Shipment(batch, shard).start()


def _answer_stray(key: str, requests: Sequence[_Request], shards: Sequence[Sequence[_Request]]) -> None:
    """A request that no shard took is missing its response; the others are not concerned."""
    taken = {id(request) for shard in shards for request in shard}
    stray = [request for request in requests if id(request) not in taken]
    fill_missing(stray, lambda request: missing(key, request, "no shard took it"))
    deliver(stray)
