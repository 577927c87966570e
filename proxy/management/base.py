"""How a management route is declared: path, who may call it, what it takes, and in which envelope it refuses."""

import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar, get_args, get_origin

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import UnreadablePostError
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, ConfigDict, RootModel, ValidationError, create_model
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from proxy.core.errors import BadRequest, RequestTooLarge
from proxy.management.negotiation import AsTheRouteSays
from proxy.policy import client_address
from proxy.runtime import running
from teams import actor, revisions
from teams.access import Reach
from teams.actor import Actor
from teams.errors import ApiError, AuthenticationError, Envelope, Invalid, ManagementError, PermissionDenied
from teams.models import ActorSource, Role
from teams.snapshot import Principal

_READ_METHODS = frozenset({"GET", "HEAD"})
_SHOWN_FIELDS = 20
# What is nested deeper, neither the encoders nor a reader can follow.
_DEEPEST = 50


class Access(Enum):
    """Who may call a route at all; which objects, the route asks of `Reach`. There is no default: it is denied."""

    ANY = "any valid key"
    MEMBER = "any key that belongs to a user, or to a team"
    USER = "any key that belongs to a user, for what is theirs, and above"
    SELF_SERVICE = "internal users, for what is theirs, and above"
    ORGANIZATION_ADMIN = "admins of an organization and above"
    ADMIN_READ = "proxy admins and viewers"
    ADMIN = "proxy admins"
    MASTER = "the master key"


class Body(BaseModel):
    """What a route takes. Unknown fields are ignored, as LiteLLM does, and named in a header of the answer."""

    model_config = ConfigDict(extra="allow", protected_namespaces=(), defer_build=True)

    def given(self) -> dict[str, Any]:
        """The known fields that the caller sent, null included."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class RequestInvalid(ApiError):
    """Wrong types and missing fields, in FastAPI's shape."""

    status_code = 422

    def __init__(self, problems: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("The request is not valid.")
        self.problems = problems

    def envelope(self) -> dict[str, Any]:
        return {"detail": list(self.problems)}


class MasterKeyOnly(AuthenticationError):
    pass


@dataclass(frozen=True)
class Call:
    """One request to a route that the caller may call."""

    request: Request
    principal: Principal
    path: str

    @cached_property
    def reach(self) -> Reach:
        return Reach.of_principal(self.principal)


Handler = Callable[..., Any]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Route:
    """`answer` is the model of a successful answer, for the OpenAPI document."""

    method: str
    paths: tuple[str, ...]
    access: Access
    body: type[Body] | None = None
    query: type[Body] | None = None
    answer: Any = None
    envelope: Envelope = Envelope.ERROR
    reads: bool = False
    summary: str = ""
    path_parameters: tuple[str, ...] = field(default=())


def route(
    method: str,
    *paths: str,
    access: Access,
    body: type[Body] | None = None,
    query: type[Body] | None = None,
    answer: Any = None,
    envelope: Envelope = Envelope.ERROR,
    reads: bool = False,
) -> Callable[[H], H]:
    """Declare a method of a ManagementViewSet. It gets the Call, the parsed body or query, and the path's parts.

    Everything it does is one transaction. `reads` marks a POST that changes nothing, which viewers may call.
    """

    def declare(handler: H) -> H:
        handler.route = Route(  # type: ignore[attr-defined]
            method=method,
            paths=paths,
            access=access,
            body=body,
            query=query,
            answer=answer,
            envelope=envelope,
            reads=reads or method in _READ_METHODS,
            summary=(handler.__doc__ or handler.__name__).strip().splitlines()[0],
        )
        return handler

    return declare


class ManagementViewSet(ViewSet):
    # Each route says who may call it.
    permission_classes = ()
    content_negotiation_class = AsTheRouteSays
    tag = ""

    @classmethod
    def routes(cls) -> list[tuple[str, Route]]:
        found = ((name, getattr(getattr(cls, name), "route", None)) for name in dir(cls))
        return [(name, declared) for name, declared in found if declared is not None]


def urlpatterns(*viewsets: type[ManagementViewSet]) -> list[URLPattern]:
    """One pattern a path, with every method that is declared on it."""
    table: dict[str, dict[str, tuple[type[ManagementViewSet], str, Route]]] = {}
    for viewset in viewsets:
        for name, declared in viewset.routes():
            for where in declared.paths:
                table.setdefault(where, {})[declared.method.lower()] = (viewset, name, declared)
    patterns = []
    for where, methods in table.items():
        views = {
            method: _endpoint(viewset, name, declared, where) for method, (viewset, name, declared) in methods.items()
        }
        base = next(iter(methods.values()))[0]
        served: Any = type(f"{base.__name__}At", (base,), {**views, "http_method_names": [*methods, "options"]})
        patterns.append(path(where.lstrip("/"), served.as_view({method: method for method in methods})))
    # A literal path goes before one with a placeholder.
    return sorted(patterns, key=lambda pattern: str(pattern.pattern).count("<"))


def _endpoint(viewset: type[ManagementViewSet], name: str, declared: Route, where: str) -> Handler:
    handler = getattr(viewset, name)

    @functools.wraps(handler)
    def endpoint(self: ManagementViewSet, request: Request, **parts: str) -> HttpResponseBase:
        principal: Principal = request.auth  # type: ignore[assignment]
        call = Call(request=request, principal=principal, path=request.path)
        try:
            with actor.acting(_actor(request, principal)):
                return _answer(handler, self, call, declared, parts)
        except ManagementError as error:
            error.style = declared.envelope
            raise

    operation = "_".join([declared.method.lower(), *re.findall(r"\w+", where)])
    return extend_schema(
        operation_id=operation,
        summary=declared.summary,
        tags=[viewset.tag or viewset.__name__],
        request=declared.body,
        parameters=_parameters(declared.query),
        responses={200: _documented(declared.answer), 401: Problem, 403: Problem, 422: Problem},
    )(endpoint)


def _documented(answer: Any) -> Any:
    """An answer as drf-spectacular understands it: it knows models, but no list and no mapping of them."""
    if answer is None:
        return OpenApiTypes.OBJECT
    if (origin := get_origin(answer)) is not None:
        item = get_args(answer)[-1]
        return create_model(f"{item.__name__}{origin.__name__.capitalize()}", __base__=RootModel[answer])
    return answer


class Problem(BaseModel):
    """An error: `error` on most routes, `detail` on the others and for requests that are not valid."""

    error: dict[str, Any] | None = None
    detail: Any = None


def _answer(
    handler: Handler, view: ManagementViewSet, call: Call, declared: Route, parts: Mapping[str, str]
) -> HttpResponseBase:
    _ensure_allowed(call, declared)
    given: list[Body] = []
    if declared.body is not None:
        given.append(_parse(declared.body, _json(call.request), where="body"))
    if declared.query is not None:
        given.append(_parse(declared.query, _query(call.request), where="query"))
    if any("\x00" in part for part in parts.values()):
        raise Invalid("A NUL character cannot be part of an id.")
    if declared.reads:
        # No transaction: SQLite would keep the ledger from writing meanwhile.
        found = handler(view, call, *given, **parts)
    else:
        with transaction.atomic():
            revisions.hold()
            found = handler(view, call, *given, **parts)
        running().catch_up()
    response = found if isinstance(found, HttpResponseBase) else Response(_plain(found))
    if ignored := [name for body in given for name in body.model_extra or {}]:
        shown = [name for name in ignored if name.isascii() and name.isidentifier() and len(name) < 64]
        response.headers["x-tollkeeper-ignored-fields"] = ", ".join(shown[:_SHOWN_FIELDS]) or str(len(ignored))
    return response


def _plain(found: Any) -> Any:
    return found.model_dump(mode="json") if isinstance(found, BaseModel) else found


def _ensure_allowed(call: Call, declared: Route) -> None:
    """Raises AuthenticationError (401) or PermissionDenied (403), with LiteLLM's sentences (api.md 1.4, 3)."""
    principal, access = call.principal, declared.access
    if access is Access.MASTER and not principal.is_master:
        raise MasterKeyOnly(f"Tried to access route={call.path}, which is only for MASTER KEY")
    if principal.is_admin or access is Access.ANY:
        return
    if principal.role == Role.PROXY_ADMIN_VIEWER:
        if declared.reads:
            return
        raise PermissionDenied(
            f"user not allowed to access this route, role= {principal.role}. Trying to access: {call.path}"
        )
    if not _reaches(call, access):
        raise AuthenticationError(
            "Authentication Error, Only proxy admin can be used to generate, delete, update info for new "
            f"keys/users/teams. Route={call.path}. Your role={principal.role if principal.user_id else 'unknown'}. "
            f"Your user_id={principal.user_id}"
        )


def _reaches(call: Call, access: Access) -> bool:
    principal = call.principal
    if access is Access.MEMBER:
        return principal.user_id is not None or principal.team_id is not None
    if access is Access.USER:
        return principal.user_id is not None
    if access is Access.SELF_SERVICE:
        return principal.user_id is not None and principal.role == Role.INTERNAL_USER
    if access is Access.ORGANIZATION_ADMIN:
        return bool(call.reach.administered_organizations)
    return False


def _actor(request: Request, principal: Principal) -> Actor:
    policy = running().policy
    return Actor(
        source=ActorSource.API,
        id=principal.user_id or "",
        role=principal.role,
        key=principal.key_alias or principal.key_name or principal.key_hash,
        key_hash="" if principal.is_master else principal.key_hash,
        address=client_address(request.META, trust_forwarded_for=policy.trust_forwarded_for),
        changed_by=request.headers.get("litellm-changed-by", "").replace("\x00", ""),
    )


def _json(request: Request) -> Any:
    """The body, strictly as JSON. Raises ApiError, Invalid among them for values that JSON has no word for."""
    try:
        raw = request._request.body
    except RequestDataTooBig:
        raise RequestTooLarge(f"The request body is larger than {settings.MAX_REQUEST_BYTES} bytes.") from None
    except UnreadablePostError:
        raise BadRequest("The request body ended early.") from None
    running().policy.ensure_size_allowed(len(raw))
    if not raw.strip():
        raise RequestInvalid([{"type": "missing", "loc": ["body"], "msg": "Field required"}])
    try:
        parsed = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _refusal(raw, error) from None
    if _depth(parsed) > _DEEPEST:
        raise Invalid(f"The body is nested more than {_DEEPEST} levels deep.")
    if b"u0000" in raw and _holds_nul(parsed):
        raise Invalid("A NUL character cannot be kept.")
    if not isinstance(parsed, dict):
        problem = {"type": "model_attributes_type", "loc": ["body"], "msg": "Input should be a valid dictionary"}
        raise RequestInvalid([problem])
    return parsed


def _refusal(raw: bytes, error: orjson.JSONDecodeError) -> ApiError:
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return RequestInvalid(
            [
                {
                    "type": "json_invalid",
                    "loc": ["body", error.pos],
                    "msg": "JSON decode error",
                    "ctx": {"error": str(error)},
                }
            ]
        )
    return Invalid("NaN, Infinity and lone surrogates are no JSON, and cannot be kept.")


def _depth(value: Any) -> int:
    """How many values stand in each other, counted up to one more than may."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        inner: list[Any] = []
        for one in level:
            inner.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
        depth, level = depth + 1, inner
    return depth


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(name) or _holds_nul(inner) for name, inner in value.items())
    return isinstance(value, list) and any(_holds_nul(inner) for inner in value)


def _query(request: Request) -> dict[str, Any]:
    """Every parameter once; what may be given several times is a list of its own type's making."""
    values = {name: request.query_params.getlist(name) for name in request.query_params}
    if any("\x00" in text for texts in values.values() for text in texts):
        raise Invalid("A NUL character cannot be part of a parameter.")
    return {name: texts[0] if len(texts) == 1 else texts for name, texts in values.items()}


B = TypeVar("B", bound=Body)


def _parse(model: type[B], value: Any, *, where: str) -> B:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise RequestInvalid(
            [
                {"type": problem["type"], "loc": [where, *problem["loc"]], "msg": problem["msg"]}
                for problem in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None


def _parameters(query: type[Body] | None) -> list[OpenApiParameter]:
    if query is None:
        return []
    schema = query.model_json_schema()
    required = schema.get("required", ())
    return [
        OpenApiParameter(name, _schema_type(shape), required=name in required, description=shape.get("description", ""))
        for name, shape in schema.get("properties", {}).items()
    ]


def _schema_type(shape: Mapping[str, Any]) -> Any:
    kinds = [shape, *shape.get("anyOf", ())]
    kind = next((one["type"] for one in kinds if one.get("type") not in (None, "null")), "string")
    types = {"integer": OpenApiTypes.INT, "number": OpenApiTypes.FLOAT, "boolean": OpenApiTypes.BOOL}
    return types.get(kind, OpenApiTypes.STR)
