"""Buckler: a security engine for FastAPI and every other ASGI app.

    from buckler import Buckler

    app = Buckler(app, policy="buckler.toml")         # or
    app.add_middleware(Buckler, policy="buckler.toml")

The same policy file and the same verdicts as in the gateway (`buckler run`).
"""

from buckler._buckler import PolicyError, __version__
from buckler.middleware import Buckler

__all__ = ["Buckler", "PolicyError", "__version__"]
