"""The headers that every response carries."""

from litestar.types import HTTPResponseStartEvent, Scope

from vivesphere.kernel.http.admission import QUOTA_KEY
from vivesphere.kernel.http.identity import REQUEST_ID_HEADER, request_id

UI_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # Mantine writes its style sheets into the page; scripts stay strict.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
API_POLICY = "default-src 'none'; frame-ancestors 'none'"

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_DEFAULTS = (
    (b"content-security-policy", API_POLICY.encode()),
    (b"cache-control", b"no-store"),
)


def add_headers(message: HTTPResponseStartEvent, scope: Scope) -> None:
    """To any answer, also where no route answered."""
    headers = list(message["headers"])
    present = {name.lower() for name, _ in headers}
    headers.extend(_ALWAYS)
    headers.extend((name, value) for name, value in _DEFAULTS if name not in present)
    headers.append((REQUEST_ID_HEADER.lower().encode(), request_id(scope).encode()))
    quota = scope["state"].get(QUOTA_KEY)
    if quota is not None:
        headers.extend((name.lower().encode(), value.encode()) for name, value in quota.headers().items())
    message["headers"] = headers
