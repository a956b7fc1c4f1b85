"""What queue() gives: a ``concurrent.futures.Future`` whose ``cancel()`` reaches the command."""

from concurrent.futures import Future, InvalidStateError


cdef object settle_future(future, result, error):
    """If it was cancelled meanwhile, nobody is listening any more."""
    if future is None:
        return
    try:
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
    except InvalidStateError:
        if not future.cancelled():
            raise


class CommandFuture(Future):
    """The outcome of a queued command; a ``concurrent.futures.Future`` in every respect.

    ``cancel()`` works while ``run`` runs, too: the caller gets ``CancelledError``, the worker keeps its
    slot until ``run`` returns (``interrupt_on_cancel`` interrupts it). It is False only when done.
    """

    def __init__(self, command):
        super().__init__()
        self._command = command

    def cancel(self):
        """Cancel; True unless the outcome is there already."""
        if not super().cancel():
            return False
        if self._command._hx_cancel():
            self.set_running_or_notify_cancel()    # wait() and as_completed() hear of it
        return True

    def running(self):
        """Whether ``run`` is being called right now on a worker."""
        return not self.done() and self._command._hx_is_running()
