"""How many forks lie between this process and the one that was started.

What is in flight in the parent (a permit that a thread holds, an entry or a batch that somebody waits for) never
ends in the child. Whoever begins such a thing notes the number, and finds it to be another one there.
"""

from os import register_at_fork

forks = 0


def _forked() -> None:
    global forks
    forks += 1


register_at_fork(after_in_child=_forked)
