"""Signing in by cookie: what the cookies are called, how they are set, and when one is believed.

A browser sends its cookies whoever wrote the page that asks. So a cookie counts only where the browser says that one of our
own pages is asking (`Origin`, and `Sec-Fetch-Site` where it sends no Origin), and a change also needs the CSRF token, which
only our own pages can read. All cookies are `SameSite=Strict`; by itself that would not do, since to SameSite every port of a
host is the same site.

Cookies know no ports either: the names carry the port, or two servers on one machine would sign each other's people out.
"""

import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from litestar.datastructures import Cookie

from vivesphere.kernel.errors import Refusal

ACCESS = "vivesphere_access"
REFRESH = "vivesphere_refresh"
CSRF = "vivesphere_csrf"
CSRF_HEADER = "X-CSRF-Token"
HOST_PREFIX = "__Host-"
"""A browser takes a cookie of such a name only over https, and from this very host (RFC 6265bis, 4.1.3.2)."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class CrossSite(Refusal):
    """403: what a browser sent on behalf of a page that is not ours, or may not be."""

    status = 403
    slug = "cross-site"
    title = "Not from this server's own page"


class SignInCookies(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser is given to keep. Times are in seconds; `csrf` is no secret from our own pages and is set to be read."""

    access: str
    access_lasts: int
    refresh: str
    refresh_lasts: int
    csrf: str


class _Site(msgspec.Struct, frozen=True):
    scheme: str
    netloc: str


class Browsers:
    """`public_url` is where browsers reach the server, if a proxy stands between and changes the `Host` header."""

    def __init__(self, public_url: str = "") -> None:
        self._public = _parts(public_url.rstrip("/")) if public_url else None

    def cookie(self, scope: Any, which: str) -> str | None:
        """The cookie of that name, if the request brought one; the one that only https can have set goes first."""
        found = cookies_in(scope)
        name = which + self._port(scope)
        secure = found.get(HOST_PREFIX + name)
        return secure if secure is not None or self._is_https(scope) else found.get(name)

    def check_origin(self, scope: Any) -> None:
        """Raises CrossSite unless one of our own pages asks, or something that is no browser."""
        origin = _header(scope, b"origin")
        if origin is not None:
            if not self._is_ours(origin, scope):
                raise CrossSite(
                    f"This came from a page of {origin[:100]!r}, which is not this server's. If it is, and a proxy stands in "
                    "front, name the address that people use in VIVESPHERE_HTTP_PUBLIC_URL."
                )
        elif scope["type"] == "websocket":
            raise CrossSite("A WebSocket that signs in by cookie must say its Origin.")
        elif (_header(scope, b"sec-fetch-site") or "none") not in ("none", "same-origin"):
            raise CrossSite("Another site's page asked for this; sign-in cookies count on this server's own pages only.")

    def check(self, scope: Any, csrf: str) -> None:
        """Whether the cookies of this request may be believed, by the CSRF token of their session. Raises CrossSite."""
        self.check_origin(scope)
        if not csrf:
            raise CrossSite("This access token was not made for a cookie; send it as 'Authorization: Bearer <access token>'.")
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS:
            self.check_csrf(scope, csrf)

    def check_csrf(self, scope: Any, csrf: str) -> None:
        """Raises CrossSite unless the header has the CSRF token, which must not be empty."""
        sent = _header(scope, CSRF_HEADER.lower().encode()) or ""
        if not csrf or not hmac.compare_digest(sent.encode(), csrf.encode()):
            raise CrossSite(
                f"A change that signs in by cookie needs the header {CSRF_HEADER} with the value of the cookie {CSRF}; "
                "programs send 'Authorization: Bearer <access token>' instead."
            )

    def keep(self, scope: Any, given: SignInCookies) -> list[Cookie]:
        """The cookies of a new or renewed sign-in."""
        return [
            self._made(scope, ACCESS, given.access, given.access_lasts),
            self._made(scope, REFRESH, given.refresh, given.refresh_lasts),
            self._made(scope, CSRF, given.csrf, given.refresh_lasts, for_pages=True),
        ]

    def forget(self, scope: Any) -> list[Cookie]:
        """The same cookies, over."""
        return [self._made(scope, which, "", 0, for_pages=which == CSRF) for which in (ACCESS, REFRESH, CSRF)]

    def _made(self, scope: Any, which: str, value: str, lasts: int, *, for_pages: bool = False) -> Cookie:
        secure = self._is_https(scope)
        return Cookie(
            key=(HOST_PREFIX if secure else "") + which + self._port(scope),
            value=value,
            max_age=lasts,
            httponly=not for_pages,
            samesite="strict",
            secure=secure,
        )

    def _is_ours(self, origin: str, scope: Any) -> bool:
        page = _parts(origin)
        if page == self._public:
            return True
        if not page.netloc or page.netloc != _host(scope) or page.scheme not in ("http", "https"):
            return False
        # Where TLS ends in a proxy we are asked over http by a page of https; the other way round is somebody in between.
        return page.scheme == "https" or scope["scheme"] in ("http", "ws")

    def _is_https(self, scope: Any) -> bool:
        """Whether the browser speaks https, as far as the request tells: with a TLS proxy in front, its Origin does."""
        if scope["scheme"] in ("https", "wss") or (_header(scope, b"origin") or "").lower().startswith("https:"):
            return True
        return self._public is not None and self._public.scheme == "https" and _host(scope) == self._public.netloc

    def _port(self, scope: Any) -> str:
        """What the names of cookies end with: the port as the page itself knows it, nothing for a scheme's own."""
        netloc = _host(scope) if self._public is None else self._public.netloc
        _, colon, port = netloc.rpartition(":")
        return f"_{port}" if colon and port.isdigit() else ""


def cookies_in(scope: Any) -> Mapping[str, str]:
    """Every cookie of the request; of two with one name the first, which is the one of the longest path (RFC 6265, 5.4)."""
    found: dict[str, str] = {}
    for pair in _pairs(scope):
        name, _, value = pair.partition("=")
        found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def _parts(origin: str) -> _Site:
    """An origin is a scheme and a host with its port: nothing that a parser of addresses could stumble over (RFC 6454, 7)."""
    scheme, _, netloc = origin.lower().partition("://")
    return _Site(scheme, netloc)


def _pairs(scope: Any) -> Iterator[str]:
    for name, value in scope["headers"]:
        if name == b"cookie":
            yield from value.decode("latin-1").split(";")


def _header(scope: Any, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), None)


def _host(scope: Any) -> str:
    return (_header(scope, b"host") or "").lower()
