"""The threads that send the batches of collapsers that no event loop sends."""

cimport cython
from libc.stdint cimport INT64_MAX

from hystrixpy._native.crew cimport Rules, crew_rule
from hystrixpy._native.pool cimport Pool

cdef Pool pool = None
cdef cython.pymutex pool_lock


cdef Pool sending_pool():
    """Up to ten daemon threads ``hystrix-collapser-<n>`` for all collapsers; what does not fit is queued."""
    global pool
    cdef Rules rules
    cdef Pool fresh = None
    if pool is None:
        rules.core = rules.max = 10
        rules.queue = rules.threshold = INT64_MAX >> 1
        rules.keep_alive = 60_000_000_000
        fresh = Pool("collapser")
        crew_rule(fresh.crew, &rules)
        with pool_lock:
            if pool is None:
                pool = fresh
    return pool


def shutdown(wait=True, timeout=None) -> bool:
    """Stop the sending threads; the next batch that needs one starts new ones. False: one still runs."""
    global pool
    cdef Pool old
    with pool_lock:
        old, pool = pool, None
    return True if old is None else old.shutdown(wait, timeout)
