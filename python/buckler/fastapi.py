"""What FastAPI apps write of Buckler: limits of single routes.

    from buckler.fastapi import limit

    @app.get("/search", dependencies=[limit("30/minute per ip")])
    async def search(q: str) -> Found: ...

    exports = APIRouter(dependencies=[limit("100/day per header:x-api-key", name="exports")])

Every process that runs the app counts together, in the store of the policy: that of the middleware
where the app has it, else that of the policy which the middleware would read.
"""

from typing import Any, Literal

from fastapi import HTTPException, WebSocketException
from fastapi.params import Depends
from starlette.requests import HTTPConnection
from starlette.responses import Response

from buckler import _limits
from buckler._buckler import Judged, Standing
from buckler._buckler import Limit as Written

__all__ = ["RateLimited", "limit"]

StoreDown = Literal["open", "closed", "local"]

POLICY_VIOLATION = 1008
"""RFC 6455, section 7.4.1."""

DENIAL = "websocket.http.response"

LISTS = ("ratelimit-policy", "ratelimit")
"""Fields whose lines add up; what others say, they say once."""


class RateLimited(HTTPException):
    """A request that is one too many: 429, with the fields that say when to come again.

    Where the store cannot be asked and the limit is `closed`, it is 503.
    """

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing.status, standing.detail, dict(standing.refusal_fields))
        self.code = standing.code


class Limit(Depends):
    """A limit where it stands in an app; made by `limit`."""

    def __init__(self, written: Written) -> None:
        # As it stands in a list of dependencies it is one, and what is called is it, too.
        super().__init__(self)
        # The base is frozen.
        object.__setattr__(self, "written", written)

    written: Written

    # Two that are written alike are two.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"limit({self.written.text!r})"

    async def __call__(self, connection: HTTPConnection, response: Response) -> None:
        """Count the request, and refuse it if it is one too many."""
        scope = connection.scope
        standing = await _limits.counted(self, scope, Limit)
        if standing is None:
            return
        if not standing.refused:
            # The middleware tells it by itself, in answers that the endpoint has made, too.
            judged = scope.get("buckler")
            if not (isinstance(judged, Judged) and judged.tells):
                headers = response.headers
                for name, value in standing.told:
                    (headers.append if name in LISTS else headers.setdefault)(name, value)
            return
        if scope["type"] == "websocket" and DENIAL not in (scope.get("extensions") or {}):
            raise WebSocketException(POLICY_VIOLATION, standing.detail)
        raise RateLimited(standing)


def limit(
    text: str,
    *,
    cost: int = 1,
    name: str | None = None,
    store_down: StoreDown | None = None,
) -> Any:  # noqa: ANN401 - as `Depends()` itself: it stands where any type may
    """Limit the routes that depend on it: `limit("5/minute per ip")`.

    It is a dependency, by itself and inside `Depends`; of a route, a router or the whole app. Each
    route has a budget of its own, by its template; those of one `name` share one. All limits of a
    request are counted together: one that is refused by one of them uses up none.

    `cost` is what a request takes, `store_down` what becomes of it while the store of the policy
    cannot be asked.

    Raises `PolicyError` for a text that is no limit, with the place of the mistake.
    """
    return Limit(Written(text, cost, store_down, name))
