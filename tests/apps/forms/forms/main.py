"""The application: `forms.main:app`.

All state is in the session cookie, signed with `FORMS_SECRET`, so any worker can answer.
"""

import hashlib
import os
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, File, Form, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.middleware.sessions import SessionMiddleware

HERE = Path(__file__).parent
DEVELOPMENT_SECRET = "for development only; set FORMS_SECRET"
INTERESTS = ["Chess", "Tea & cake", "Walking", "Übersetzen"]

templates = Jinja2Templates(HERE / "templates")

app = FastAPI(title="Club", docs_url=None, redoc_url=None, openapi_url=None)
app.add_middleware(
    SessionMiddleware,
    secret_key=os.environ.get("FORMS_SECRET", DEVELOPMENT_SECRET),
    session_cookie="club",
    max_age=14 * 24 * 3600,
)
app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")


class SignUp(BaseModel):
    """What the sign-up form sends."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    interests: list[str] = []
    about: str = ""


def flash(request: Request, text: str) -> None:
    """Leave a message for the next page."""
    request.session.setdefault("flashes", []).append(text)


def page(request: Request, template: str, **context: object) -> HTMLResponse:
    """Render a template with the messages that are waiting."""
    flashes = request.session.pop("flashes", [])
    return templates.TemplateResponse(
        request, template, {"flashes": flashes, "member": request.session.get("member"), **context}
    )


def see_other(request: Request, route: str) -> RedirectResponse:
    """Lead to a page after a form, so that reloading does not send it again."""
    return RedirectResponse(request.url_for(route), status_code=303)


@app.exception_handler(HTTPException)
async def error_page(request: Request, error: HTTPException) -> Response:
    """Show errors as pages."""
    response = templates.TemplateResponse(
        request, "error.html", {"error": error, "flashes": []}, status_code=error.status_code
    )
    response.headers.update(error.headers or {})
    return response


@app.get("/", name="home")
def home(request: Request) -> HTMLResponse:
    """Greet."""
    return page(request, "home.html")


@app.get("/signup", name="signup")
def signup_form(request: Request) -> HTMLResponse:
    """Show the empty form."""
    return page(request, "signup.html", interests=INTERESTS)


@app.post("/signup")
def sign_up(request: Request, form: Annotated[SignUp, Form()]) -> RedirectResponse:
    """Take the form (urlencoded or multipart) and log the new member in."""
    request.session["member"] = form.model_dump()
    flash(request, f"Welcome, {form.name}!")
    return see_other(request, "profile")


@app.get("/profile", name="profile")
def profile(request: Request) -> Response:
    """Show the member what the club knows."""
    if "member" not in request.session:
        flash(request, "Please sign up first.")
        return see_other(request, "signup")
    return page(request, "profile.html")


@app.post("/logout", name="logout")
def log_out(request: Request) -> RedirectResponse:
    """Forget the member."""
    request.session.clear()
    return see_other(request, "home")


@app.get("/feedback", name="feedback")
def feedback_form(request: Request) -> HTMLResponse:
    """Show the feedback form."""
    return page(request, "feedback.html")


@app.post("/feedback")
def take_feedback(
    request: Request,
    message: Annotated[str, Form(min_length=1)],
    attachments: Annotated[list[UploadFile], File()] = [],  # noqa: B006 - FastAPI copies it
) -> HTMLResponse:
    """Show back what came, attachments by name, size and digest."""
    files = [
        {
            "name": attachment.filename,
            "type": attachment.content_type,
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for attachment in attachments
        for data in [attachment.file.read()]
    ]
    return page(request, "thanks.html", message=message, files=files)


@app.post("/preferences", name="preferences")
def set_preferences(
    request: Request,
    theme: Annotated[str, Form(pattern="^(light|dark)$")],
    language: Annotated[str, Form(pattern="^[a-z]{2}$")],
) -> RedirectResponse:
    """Keep choices in cookies of their own beside the session's."""
    flash(request, "Saved.")
    response = see_other(request, "home")
    response.set_cookie("theme", theme, max_age=365 * 86400)
    response.set_cookie("language", language, max_age=365 * 86400, samesite="strict")
    return response


@app.get("/members/{name}", name="member")
def member(request: Request, name: str) -> HTMLResponse:
    """Show a member's card; the name in the path may be anything."""
    return page(request, "card.html", name=name)
