"""What queue() gives."""

cdef object settle_future(future, result, error)      # answer it, unless it is None or was cancelled meanwhile
