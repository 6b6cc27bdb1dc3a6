"""HTTP to the outside, guarded against being turned on our own network (server-side request forgery).

A name is resolved once for each connection, every address it has is judged, and the connection goes to an address that was
judged: a name that answers differently the second time (DNS rebinding) gains nothing. The name stays in the Host header, in TLS
SNI and in the certificate's check. A kept-alive connection belongs to one name and is never lent to another. There are no
cookies, no proxies and no netrc passwords: what the environment says reaches nobody.
"""

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import httpcore
import httpx
import msgspec
from msgspec import Meta

from vivesphere.kernel.addresses import is_public
from vivesphere.kernel.effect_errors import EffectFailed, EffectRefused, NothingHappened

READ_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
ACT_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
MOST_REDIRECTS = 5
LONGEST_TIMEOUT = 120.0
LARGEST_BODY = 16 * 1024 * 1024
LARGEST_ACT_BODY = 256 * 1024
"""The answer to an act is kept in the journal, so less of it is kept."""

_CONNECT_TIMEOUT = 5.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_OWN_HEADERS = frozenset(
    {"host", "connection", "keep-alive", "content-length", "transfer-encoding", "accept-encoding", "upgrade", "te", "trailer"}
    | {"expect", "proxy-authorization", "proxy-connection", "traceparent", "x-vivesphere-hop"}
)
_DEFAULT_HEADERS = {"accept": "*/*", "accept-encoding": "gzip", "user-agent": "ViveSphere"}
_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "user-agent"})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""All addresses of a host name, as text."""


class EffectsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section `effects`."""

    allow_private_addresses: Annotated[
        bool, Meta(description="Whether requests may go to this machine and the networks around it. Open it only if you must.")
    ] = False
    timeout: Annotated[float, Meta(gt=0, le=LONGEST_TIMEOUT, description="Seconds that a request to the outside may take.")] = (
        10.0
    )
    max_body: Annotated[int, Meta(ge=1024, le=LARGEST_BODY, description="Bytes of an answer that are read at most.")] = (
        1024 * 1024
    )


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`timeout` is in seconds for the whole exchange, `max_body` in bytes; None is what the settings say."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    timeout: float | None = None
    max_body: int | None = None


class HttpResponse(msgspec.Struct, frozen=True, kw_only=True):
    """`url` is where the answer came from, after redirects. Only an act's answer is ever `truncated`."""

    status: int
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    truncated: bool = False
    stand_in: bool = False

    def header(self, name: str) -> str | None:
        """The first header of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        """The body in the charset the answer names, else UTF-8; what does not decode is replaced."""
        charset = re.search(r"charset=[\"']?([\w.:-]+)", self.header("content-type") or "", re.IGNORECASE)
        try:
            decoded = self.body.decode(charset[1] if charset else "utf-8", errors="replace")
        except (LookupError, UnicodeError):
            decoded = self.body.decode(errors="replace")
        # UTF-7 and its like can spell half a character (a lone surrogate), which no JSON could carry on.
        return decoded.encode(errors="replace").decode()


class ExchangeBroken(Exception):
    """The request may have arrived, but no usable answer came back."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The system's own resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Outbound:
    """One pool of connections for the whole process. `trust` replaces the certificates that are trusted."""

    def __init__(self, settings: EffectsSettings, *, resolve: Resolve = resolve, trust: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust or httpx.create_ssl_context(trust_env=False),
            network_backend=_Guard(resolve, allow_private=settings.allow_private_addresses),
            max_connections=100,
            max_keepalive_connections=20,
            keepalive_expiry=15,
        )

    async def close(self) -> None:
        await self._pool.aclose()

    async def read(self, request: HttpRequest, own_headers: Mapping[str, str]) -> HttpResponse:
        """GET, HEAD or OPTIONS, following at most five redirects, each judged like the first address.

        EffectRefused: a redirect leads, or the name points, where we do not go. EffectFailed: no usable answer.
        """
        url, headers = request.url, {**request.headers}
        limit = min(request.max_body or self._settings.max_body, LARGEST_BODY)
        try:
            async with asyncio.timeout(self._seconds(request)):
                for _ in range(MOST_REDIRECTS + 1):
                    answer = await self._exchange(request.method, url, headers | {**own_headers}, b"", limit, _Sent())
                    if answer.truncated:
                        raise EffectFailed(f"{_host(url)} answered with more than {limit} bytes.")
                    if (target := _redirect(answer)) is None:
                        return answer
                    if _origin(target) != _origin(url):
                        headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ACROSS_ORIGINS}
                    url = target
        except TimeoutError:
            raise EffectFailed(f"{_host(url)} did not answer in time.") from None
        except ExchangeBroken as broken:
            raise EffectFailed(str(broken)) from broken
        raise EffectFailed(f"{_host(request.url)} redirects more than {MOST_REDIRECTS} times.")

    async def act(self, request: HttpRequest, own_headers: Mapping[str, str]) -> HttpResponse:
        """POST, PUT, PATCH or DELETE. A redirect is an answer and is not followed; a long answer is cut, for the act happened.

        NothingHappened: not one byte of the request was sent. ExchangeBroken: some may have been.
        """
        sent = _Sent()
        limit = min(request.max_body or self._settings.max_body, LARGEST_ACT_BODY)
        try:
            async with asyncio.timeout(self._seconds(request)):
                headers = {**request.headers, **own_headers}
                return await self._exchange(request.method, request.url, headers, request.body, limit, sent)
        except TimeoutError:
            raise sent.failure(f"{_host(request.url)} did not answer in time.") from None
        except ExchangeBroken as broken:
            raise sent.failure(str(broken)) from broken
        except EffectRefused as refused:
            raise NothingHappened(refused.detail) from refused

    def _seconds(self, request: HttpRequest) -> float:
        return min(request.timeout or self._settings.timeout, LONGEST_TIMEOUT)

    async def _exchange(  # noqa: PLR0917 - private: the parts of one exchange, in the order they are sent
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, limit: int, sent: "_Sent"
    ) -> HttpResponse:
        merged = httpx.Headers(_DEFAULT_HEADERS)
        merged.update(headers)
        built = httpx.Request(method, url, headers=merged, content=body or None)
        target = httpcore.URL(
            scheme=built.url.raw_scheme, host=built.url.raw_host, port=built.url.port, target=built.url.raw_path
        )
        extensions = {"trace": sent.trace, "timeout": {"connect": _CONNECT_TIMEOUT}}
        try:
            async with self._pool.stream(
                method, target, headers=built.headers.raw, content=body or None, extensions=extensions
            ) as answer:
                received = httpx.Headers(answer.headers)
                compressed = received.get("content-encoding", "").lower() == "gzip"
                content, truncated = await _body(answer.aiter_stream(), limit, compressed=compressed)
        except _HTTP_ERRORS as error:
            raise ExchangeBroken(f"{_host(url)}: {error or type(error).__name__}") from error
        if compressed:
            del received["content-encoding"]
        return HttpResponse(
            status=answer.status, url=url, headers=tuple(received.multi_items()), body=content, truncated=truncated
        )


_HTTP_ERRORS = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    OSError,
    zlib.error,
)


class _Sent:
    """Whether the first byte of a request may have left. httpcore reports before it writes the head."""

    def __init__(self) -> None:
        self._begun = False

    async def trace(self, event: str, _: Mapping[str, object]) -> None:
        self._begun = self._begun or event.endswith(".send_request_headers.started")

    def failure(self, sentence: str) -> ExchangeBroken | NothingHappened:
        return ExchangeBroken(sentence) if self._begun else NothingHappened(sentence)


class _Guard(httpcore.AsyncNetworkBackend):
    """Stands between the pool and the network: the only place where a name becomes an address."""

    def __init__(self, resolve: Resolve, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._allow_private = allow_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in await self._judged(host, port):
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        """One bad address spoils the name: an honest one has no reason to point both inside and outside."""
        try:
            addresses = await self._resolve(host.strip("[]"), port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name cannot be resolved ({error})") from error
        bad = [address for address in addresses if not is_public(address)]
        if bad and not self._allow_private:
            raise EffectRefused(
                f"{host} is at {bad[0]}, which is not a public address; an operator can allow such addresses with the setting "
                "effects.allow_private_addresses."
            )
        return addresses


def check(request: HttpRequest) -> None:
    """EffectRefused if the request is not one that may be sent. Says nothing about the addresses behind the name."""
    if request.method not in READ_METHODS | ACT_METHODS:
        raise EffectRefused(f"The HTTP method must be one of {', '.join(sorted(READ_METHODS | ACT_METHODS))}.")
    if request.method in READ_METHODS and request.body:
        raise EffectRefused(f"A {request.method} request has no body.")
    _check_url(request.url)
    for name, value in request.headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise EffectRefused(f"The header {name!r} has characters that a header cannot have.")
        if name.lower() in _OWN_HEADERS:
            raise EffectRefused(f"The header {name!r} is set by the server itself.")


def _check_url(url: str) -> None:
    try:
        parts = httpx.URL(url)
        host = parts.host
    # The name is decoded when it is asked for, and `xn--a` says nothing that could be (idna.IDNAError).
    except (httpx.InvalidURL, UnicodeError) as error:
        raise EffectRefused(f"The address is not a URL: {error}.") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise EffectRefused("The address must begin with http:// or https:// and name a host.")
    if parts.userinfo:
        raise EffectRefused("The address must not contain a user name or password: send an Authorization header.")


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx.URL(url)
    return parts.scheme, parts.host, parts.port


def _host(url: str) -> str:
    return httpx.URL(url).host


def _redirect(answer: HttpResponse) -> str | None:
    """Where a redirect leads, absolute and fit to be asked; None if the answer is none."""
    location = answer.header("location")
    if answer.status not in _REDIRECTS or not location:
        return None
    try:
        target = str(httpx.URL(answer.url).join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise EffectRefused(f"{_host(answer.url)} redirects to what is not a URL: {error}.") from error
    _check_url(target)
    if _origin(answer.url)[0] == "https" and _origin(target)[0] == "http":
        raise EffectRefused(f"{_host(answer.url)} redirects from https to http, which gives the connection's protection away.")
    return target


async def _body(parts: AsyncIterable[bytes], limit: int, *, compressed: bool) -> tuple[bytes, bool]:
    """At most `limit` bytes, and whether there were more. Unpacked in bounded pieces: a few bytes cannot become gigabytes.

    Only gzip was asked for; a body in another encoding stays as it came, and its header says so.
    """
    content = bytearray()
    unpack = zlib.decompressobj(wbits=31)
    async for part in parts:
        content += unpack.decompress(part, limit + 1 - len(content)) if compressed else part
        if len(content) > limit:
            return bytes(content[:limit]), True
    return bytes(content), False
