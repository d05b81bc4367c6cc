"""Packages from PyPI, used as their documentation says.

The first two set header fields and nothing else. The third also shares with origins; what it does
beyond (detection, rate limits, a Redis) is switched off.
"""

from fastapi import FastAPI
from guard import SecurityConfig, SecurityMiddleware
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from Secweb import SecWeb

from . import controls


def with_secure(app: FastAPI) -> FastAPI:
    """`secure`, with its recommended defaults."""
    app.add_middleware(SecureASGIMiddleware, secure=Secure.with_default_headers())
    return app


def with_secweb(app: FastAPI) -> FastAPI:
    """`Secweb`, all fifteen fields."""
    SecWeb(app=app)
    return app


def with_guard(app: FastAPI) -> FastAPI:
    """`fastapi-guard`, with its bans and its security fields, without detection."""
    config = SecurityConfig(
        enable_penetration_detection=False,
        enable_rate_limiting=False,
        enable_redis=False,
        enable_cors=True,
        cors_allow_origins=[controls.ORIGIN],
        cors_allow_methods=list(controls.METHODS),
        cors_allow_headers=list(controls.REQUEST_FIELDS),
        cors_allow_credentials=True,
        cors_max_age=controls.MAX_AGE_SECONDS,
    )
    app.add_middleware(SecurityMiddleware, config=config)
    return app
