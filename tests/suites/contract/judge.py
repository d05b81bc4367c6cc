"""Sends what schemathesis makes of an app's contract to the app with and without us. R40

Run by an interpreter that has schemathesis. Each operation of an app gets requests that fit the
contract and requests that break it, the same ones at every run. What became of them is written as a
line of JSON for each app.

Arguments: the file to write, how many requests of each kind, and the apps as `module:attribute`.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import requests
import schemathesis
from buckler import Buckler
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.errors import SchemathesisError

BASE = "http://localhost"

DEFAULTS: dict[str, Any] = {"environment": "development"}
"""As they come: whoever keeps the app's own 422 as it is keeps it for the app to answer."""

ENFORCED = DEFAULTS | {"contract__requests": "enforce"}
"""Also where something of the app's own would have answered first."""

OURS = "application/problem+json"

SHOWN = 5


@dataclass
class Told:
    """What became of the requests of one app."""

    app: str
    operations: int = 0
    asked: int = 0
    passed: int = 0
    """The app got it, and understood it."""
    refused: int = 0
    """The app did not get it, and would not have understood it."""
    left: int = 0
    """By default the app got it, since something of its own may answer first."""
    elsewhere: int = 0
    """Refused by a stage that knows nothing of contracts: an ambiguous path, half a character."""
    missed: dict[str, int] = field(default_factory=dict)
    """The app got it even where all is enforced, and did not understand it: by what it says."""
    wrong: list[str] = field(default_factory=list)
    """By default the app did not get what it would have taken."""
    unmade: list[str] = field(default_factory=list)
    """Operations that no requests were made for, and why."""

    def miss(self, what: str) -> None:
        """Count a request that the app got and did not understand."""
        self.missed[what] = self.missed.get(what, 0) + 1


ENDLESS = {"/hang", "/prices/stream", "/download/{size}"}
"""Paths whose answers do not end, or are large: they have nothing to show here."""


def requests_for(app: FastAPI, told: Told, most: int) -> Iterator[requests.PreparedRequest]:
    """Make requests for each operation, those that fit and those that do not."""
    schema = schemathesis.openapi.from_dict(app.openapi())
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in ENDLESS:
            continue
        told.operations += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                yield from made_by(operation.as_strategy(generation_mode=mode), most)
            except UNMADE as error:
                told.unmade.append(f"{mode.value} {operation.label}: {error!r:.80}")


UNMADE = (Unsatisfiable, SchemathesisError)
"""Nothing breaks an operation that takes anything."""


def made_by(strategy: SearchStrategy[Any], most: int) -> list[requests.PreparedRequest]:
    made: list[requests.PreparedRequest] = []

    kept = settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def keep(case: Any) -> None:  # noqa: ANN401
        # Some of what breaks a contract cannot be written as a request at all.
        with suppress(ValueError, requests.RequestException):
            made.append(requests.Request(**case.as_transport_kwargs(base_url=BASE)).prepare())

    kept(given(case=strategy)(keep))()
    return made


@dataclass
class Hosts:
    """One app three times: alone, behind the defaults, and with all of its contract enforced."""

    bare: TestClient
    usual: TestClient
    enforced: TestClient

    def judge(self, message: dict[str, Any], told: Told) -> None:
        """Tell what becomes of a request."""
        strictly = self.enforced.request(**message)
        told.asked += 1
        if is_app(strictly):
            if strictly.status_code == 422:
                told.miss(kind(strictly.json()))
            else:
                told.passed += 1
            return
        ours = strictly.json()
        if ours["code"] not in OF_THE_CONTRACT or kind(ours) == "json_invalid":
            told.elsewhere += 1
            return
        theirs = self.bare.request(**message)
        if is_app(self.usual.request(**message)):
            told.left += 1
        elif theirs.status_code == 422 or is_unread(theirs):
            told.refused += 1
        else:
            sent = theirs.request
            asked = f"{sent.method} {sent.url.raw_path[:200]!r} {sent.content[:200]!r}"
            told.wrong.append(f"{theirs.status_code} for {asked}: {ours.get('detail')}")


def judge(name: str, app: FastAPI, most: int) -> Told:
    told = Told(name)
    with ExitStack() as open_:
        served = (app, Buckler(app, **DEFAULTS), Buckler(app, **ENFORCED))
        clients = (TestClient(each, BASE, raise_server_exceptions=False) for each in served)
        hosts = Hosts(*(open_.enter_context(client) for client in clients))
        for sent in requests_for(app, told, most):
            message: dict[str, Any] = {
                "method": sent.method or "GET",
                "url": sent.url or BASE,
                "headers": dict(sent.headers),
                "content": sent.body,
                "follow_redirects": False,
            }
            # Some of what breaks a contract cannot be sent.
            with suppress(ValueError, TypeError, UnicodeError):
                hosts.judge(message, told)
    return told


OF_THE_CONTRACT = {"contract_violation", "unsupported_media_type"}


def is_app(answer: Response) -> bool:
    """Whether the app has answered."""
    return answer.headers.get("content-type") != OURS


UNREAD = ("error parsing the body", "Too many fields")
"""What FastAPI says of a body that it could not read, the one mistake that it answers with 400."""


def is_unread(answer: Response) -> bool:
    """Whether FastAPI could not read the body."""
    return answer.status_code == 400 and any(said in answer.text for said in UNREAD)


def kind(body: object) -> str:
    """Give what is wrong, as Pydantic calls it."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        return f"{detail[0].get('type')}"
    return "the app's own"


def judged(name: str, most: int) -> dict[str, Any]:
    """Give what became of the requests of one app, or why there is no such app here."""
    module, _, attribute = name.partition(":")
    try:
        app = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # noqa: BLE001
        # Some examples want packages or files that are not here, and say so in their own ways.
        return {"app": name, "unusable": repr(error)[:200]}
    told = asdict(judge(name, app, most))
    told["further"] = max(0, len(told["wrong"]) - SHOWN)
    told["wrong"] = told["wrong"][:SHOWN]
    return told


def main() -> None:
    warnings.simplefilter("ignore")
    file, most, *names = sys.argv[1:]
    with Path(file).open("w") as written:
        for name in names:
            print(json.dumps(judged(name, int(most))), file=written, flush=True)


if __name__ == "__main__":
    main()
