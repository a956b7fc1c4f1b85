"""Hooks and listeners (floor 3): code of yours that is called at fixed points of a command's life.

A *hook* takes part: it may replace values and exceptions, and make a command fail. A *listener* only hears what
happened. With none registered a call pays for one flag.

hook       CommandHook, the callbacks and their order      chain      the registered hooks, and how each is called
listeners  who is told of events and transitions           watch      the hooks of one execution
"""

from hystrixpy.hooks.chain import add_hook, remove_hook
from hystrixpy.hooks.hook import CommandHook
from hystrixpy.hooks.listeners import Listener, add_listener, remove_listener

__all__ = ["CommandHook", "Listener", "add_hook", "add_listener", "remove_hook", "remove_listener"]
