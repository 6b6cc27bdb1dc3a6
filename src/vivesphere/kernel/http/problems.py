"""Every error as `application/problem+json` (RFC 9457), with a stable `type` and never a stack trace."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException, ValidationException

from vivesphere.kernel.bus import errors as bus
from vivesphere.kernel.db import errors as db
from vivesphere.kernel.effect_errors import EffectError, EffectFailed, EffectRefused, EffectUnknown
from vivesphere.kernel.errors import FieldError, InvalidInput, NotSignedIn, Refusal, TooManyRequests
from vivesphere.kernel.field_errors import escaped, field_error
from vivesphere.kernel.http.identity import request_id

PROBLEM_TYPE = "urn:vivesphere:problem:"
MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger("vivesphere.http")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not carried out. `errors` names the fields that are wrong; `request_id` finds it in the log."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


class Malformed(Refusal):
    slug = "malformed"
    title = "The request cannot be read"


class PathUnknown(Refusal):
    status = 404
    slug = "path-unknown"
    title = "There is no such path"


class MethodWrong(Refusal):
    status = 405
    slug = "method-not-allowed"
    title = "Method not allowed"


class BodyTooLarge(Refusal):
    status = 413
    slug = "body-too-large"
    title = "The body is too large"


class MediaTypeUnknown(Refusal):
    status = 415
    slug = "media-type-unknown"
    title = "Unsupported media type"


class Failed(msgspec.Struct, frozen=True):
    """How an error that is no Refusal is told; without `detail` the error's own sentence is."""

    status: int
    slug: str
    title: str
    detail: str = ""


UNEXPECTED = Failed(
    500, "unexpected", "Something went wrong", "The server failed to do this; its log says why under this request id."
)

_FAILED: Mapping[type[Exception], Failed] = {
    bus.TopicInvalid: Failed(422, "topic-invalid", "The topic is not valid"),
    bus.PayloadInvalid: Failed(422, "invalid-input", "The input is not valid"),
    bus.NotPermitted: Failed(403, "permission-missing", "Permission missing"),
    bus.RateLimited: Failed(429, "too-many-requests", "Too many requests"),
    bus.NoResponder: Failed(503, "unavailable", "Not available now", "The part of the server that does this is not running."),
    bus.RequestTimeout: Failed(504, "timeout", "It took too long"),
    bus.HopLimitExceeded: Failed(409, "loop", "A chain of causes is a loop"),
    bus.LogUnavailable: Failed(
        503, "unavailable", "Not available now", "The event log cannot be used now; try again in a moment."
    ),
    db.AccessDenied: Failed(403, "table-access-denied", "Access to a table denied"),
    db.IdempotencyKeyReused: Failed(
        422,
        "idempotency-key-reused",
        "The idempotency key is taken",
        "This Idempotency-Key stands for another request, which was answered before; send this one under a new key.",
    ),
    db.DatabaseUnavailable: Failed(
        503, "unavailable", "Not available now", "The database cannot be used now; try again in a moment."
    ),
    db.DiskFull: Failed(
        507, "disk-full", "The disk is full", "The disk is full, so nothing can be changed until there is space again."
    ),
    EffectRefused: Failed(403, "effect-refused", "The effect was refused"),
    EffectUnknown: Failed(409, "effect-unknown", "Nobody knows whether it happened"),
    EffectFailed: Failed(502, "effect-failed", "The other side did not answer as it should"),
    EffectError: Failed(502, "effect-failed", "The other side did not answer as it should"),
}


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The problem response for anything that was raised. Installed for `Exception`, so nothing goes past it."""
    refusal = as_refusal(request.method, request.scope["path"], error)
    told = _told(refusal) if isinstance(refusal, Refusal) else _failed(refusal)
    if told is UNEXPECTED:
        log.error("request_failed", path=request.scope["path"], request_id=request_id(request.scope), exc_info=error)
    problem = Problem(
        type=PROBLEM_TYPE + told.slug,
        title=told.title,
        status=told.status,
        detail=told.detail,
        instance=request.scope["path"],
        request_id=request_id(request.scope),
        errors=refusal.errors if isinstance(refusal, Refusal) else (),
    )
    return Response(problem, status_code=told.status, media_type=MEDIA_TYPE, headers=_headers(error))


def as_refusal(method: str, path: str, error: Exception) -> Exception:
    """Litestar's own exceptions as refusals; everything else as it is."""
    match error:
        case NotFoundException():
            return PathUnknown(f"There is nothing at {path}.")
        case MethodNotAllowedException():
            return MethodWrong(f"{path} does not know the method {method}; it knows {(error.headers or {}).get('allow', '')}.")
        case ValidationException():
            return _validation(error)
        case HTTPException(status_code=413):
            return BodyTooLarge("The body is larger than this server takes.")
        case HTTPException() if error.status_code < 500:
            return Malformed(f"{error.detail.rstrip('.')}.")
        case _:
            return error


def body_error(message: str) -> InvalidInput:
    """What msgspec found wrong in a JSON body, as a refusal with a JSON pointer."""
    found = field_error(message)
    return InvalidInput(f"The body is not valid: {found.pointer or 'it'}: {found.detail}.", [found])


def _validation(error: ValidationException) -> Refusal:
    """What Litestar found wrong in the path and the query; bodies are checked before (`body.TypedRequest`)."""
    found = error.extra if isinstance(error.extra, list) else []
    if not found:
        return InvalidInput(f"{error.detail.rstrip('.')}.")
    if any(each.get("key") == "data" for each in found):
        return Malformed("This request needs a JSON body, and came without one.")
    errors = [field_error(each["message"], "/" + escaped(each.get("key", ""))) for each in found]
    return InvalidInput(f"{_list(errors)}.", errors)


def _list(errors: Sequence[FieldError]) -> str:
    return "; ".join(f"{each.pointer.removeprefix('/')}: {each.detail}" for each in errors)


def _told(refusal: Refusal) -> Failed:
    return Failed(refusal.status, refusal.slug, refusal.title, refusal.detail)


def _failed(error: Exception) -> Failed:
    for kind in type(error).__mro__:
        if known := _FAILED.get(kind):
            return msgspec.structs.replace(known, detail=known.detail or str(error))
    return UNEXPECTED


def _headers(error: Exception) -> dict[str, str]:
    headers = {key: value for key, value in (getattr(error, "headers", None) or {}).items() if key.lower() == "allow"}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = 'Bearer realm="vivesphere"'
    if isinstance(error, TooManyRequests | bus.RateLimited):
        headers["Retry-After"] = str(max(1, round(error.retry_after + 0.5)))
    return headers
