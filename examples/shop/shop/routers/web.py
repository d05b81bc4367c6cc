"""What a browser meets: cookies, redirects, a health check."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

router = APIRouter(tags=["web"])


@router.api_route("/health", methods=["GET", "HEAD"])
def health() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "ok"}


@router.get("/welcome")
def welcome(response: Response, visitor: str = "guest") -> dict[str, str]:
    """Set three cookies, none of them guarded."""
    response.set_cookie("visitor", visitor)
    response.set_cookie("theme", "dark", max_age=3600, path="/")
    response.set_cookie("basket", "empty", path="/orders", httponly=True)
    return {"hello": visitor}


@router.get("/go", response_class=RedirectResponse, status_code=307)
def go(target: Annotated[str, Query(alias="next")] = "/health") -> str:
    """Redirect to wherever `next` says."""
    return target


@router.get("/catalogue", response_class=RedirectResponse, status_code=308)
def catalogue(request: Request) -> str:
    """Redirect to the search by its absolute address, built from the request."""
    return str(request.url_for("search_products"))
