"""What the caller of a command that did not succeed is told."""

from libc.stdint cimport int64_t

from hystrixpy._native.life cimport CommandLife

cdef object final_error(CommandLife c)                    # the exception that the caller gets
cdef object used_error(CommandLife c)
cdef object timeout_error(CommandLife c, int64_t real)
cdef object no_permit_error(CommandLife c)
cdef object pool_error(CommandLife c, int answer, bint nested)   # answer: the pool's, see crew.pxd
