"""The demo (floor 6): ``python -m hystrixpy.demo`` shows commands protecting a program from a failing service.

``service`` plays the dependency by a script, ``calls`` guards it, ``load`` calls at a steady rate, ``view`` prints what
happens, ``receiver`` is a small OTLP collector, and ``summary`` compares what arrived there with what was counted.
"""
