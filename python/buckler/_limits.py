"""Limits of routes: what of them a request has to be counted by, and where."""

import os
from typing import TYPE_CHECKING, Any

from buckler._buckler import Judged, Pending, Standing, Store
from buckler._fields import flat
from buckler._places import place_of, route_of
from buckler._types import Scope
from buckler._waiting import waited

if TYPE_CHECKING:
    from buckler.fastapi import Limit

ASKED = "buckler.limits"
"""In a scope: what its request has been counted by."""

POLICY = "BUCKLER_POLICY"
"""The file of the policy, where the middleware is not there to name it."""

_stores: list[Store] = []


async def counted(asked: "Limit", scope: Scope, kind: type["Limit"]) -> Standing | None:
    """Count a request by this limit and by all others that its route depends on.

    Gives nothing where it was counted already: with the first of them.
    """
    before: set[Limit] = scope.setdefault(ASKED, set())
    if asked in before:
        return None
    route = route_of(scope)
    place = place_of(scope, route)
    limits = [asked, *(each for each in limits_of(route, scope, kind) if each not in before)]
    before.update(limits)
    batch = list(dict.fromkeys(each.written for each in limits))
    judged = scope.get("buckler")
    if isinstance(judged, Judged):
        answer = judged.count(batch, place, scope["headers"])
    else:
        client = scope.get("client")
        answer = store().count(batch, place, client and client[0], scope["headers"])
    return await waited(answer) if isinstance(answer, Pending) else answer


def limits_of(route: Any, scope: Scope, kind: type["Limit"]) -> list["Limit"]:  # noqa: ANN401
    """Give the limits that a route depends on, but for those that a test has overridden."""
    dependant = getattr(route, "dependant", None)
    if dependant is None:
        return []
    overridden = getattr(scope.get("app"), "dependency_overrides", None) or ()
    calls = (each.call for each in flat(dependant))
    return [call for call in calls if isinstance(call, kind) and call not in overridden]


def store() -> Store:
    """Give the store of this process's own policy."""
    if not _stores:
        file = os.environ.get(POLICY)
        _stores.append(Store(file or None))
    return _stores[0]
