"""Small adapters for frameworks (floor 6), one file each; none imports its framework.

``asgi`` and ``wsgi``: ``RequestContextMiddleware``, a request context around every request.
"""
