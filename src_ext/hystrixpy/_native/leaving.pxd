"""A caller that goes before run has ended on its worker: taking work back, leaving it behind, interrupting it."""

from hystrixpy._native.life cimport CommandLife
from hystrixpy._native.pool cimport Pool

cdef bint descends_from(CommandLife c, Pool pool) noexcept        # a worker of this pool waits for us
cdef void leave_run(CommandLife c, bint interrupting) noexcept
cdef void run_begins(CommandLife c) noexcept                      # on the worker: from here it may be interrupted
cdef void run_ends(CommandLife c) noexcept                        # from here it may not
cdef void worker_done(CommandLife c) noexcept                     # the worker is free again
