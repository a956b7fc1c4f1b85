"""Collapsing: many requests for one thing each become one batch for all of them (floor 5).

``Collapser`` (face.py) and ``@collapse`` (function.py) are the two forms; ``spec.py`` finds the place where
requests meet, ``sending.py`` and ``shipment.py`` say what happens to a batch that goes, ``numbers.py`` counts.
Requests are gathered in src_ext/hystrixpy/_native/batch.pyx.
"""

from hystrixpy._native.batch import set_sender
from hystrixpy._native.request import CollapsedRequest
from hystrixpy.collapser.face import Collapser
from hystrixpy.collapser.function import collapse
from hystrixpy.collapser.numbers import CollapserMetrics, collapser_keys, collapser_metrics
from hystrixpy.collapser.sending import send
from hystrixpy.collapser.spec import reset_collapsers, shutdown_collapsers

__all__ = [
    "CollapsedRequest",
    "Collapser",
    "CollapserMetrics",
    "collapse",
    "collapser_keys",
    "collapser_metrics",
    "reset_collapsers",
    "shutdown_collapsers",
]

set_sender(send)
