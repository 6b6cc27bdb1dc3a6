"""The effects gate: the one door through which anything leaves the process (I5).

Reads and connections are permitted, guarded and logged. Acts are also journaled: the intent is on disk before the act begins,
and what became of it afterwards, so that no crash can make an act happen twice without anybody noticing.

**Permission.** The kind of effect `http.write` needs the permission `effects.http.write`. It is asked of the source, whose
handle this is, and of the actor too if that is a plugin: a plugin does not get past its grants by asking a module. Modules hold
every permission; whether a user, bot or chat member may have a module act for them is that module's own permission to check.

**What became of an act.** It is `done` when it returns. It is `failed` only when it proves that nothing happened, by raising
NothingHappened. Everything else that ends it proves nothing: any other exception, cancellation, a result that cannot be
journaled, and the death of the process leave it `unknown`, and under an idempotency key it is not begun again until a person
says what to do.
"""

import asyncio
import hashlib
import re
import secrets
import ssl
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from structlog.stdlib import BoundLogger

from vivesphere.kernel import principals
from vivesphere.kernel.bus.messages import JSON
from vivesphere.kernel.cause import Cause, Mode, cause_for
from vivesphere.kernel.clock import Clock
from vivesphere.kernel.db import effect_records
from vivesphere.kernel.db.effect_records import EffectRecord, Outcome, Status
from vivesphere.kernel.db.errors import DatabaseError
from vivesphere.kernel.db.handle import DatabaseHandle
from vivesphere.kernel.effect_errors import EffectError, EffectFailed, EffectRefused, EffectUnknown, NothingHappened
from vivesphere.kernel.ids import new_id
from vivesphere.kernel.outbound import READ_METHODS, EffectsSettings, HttpRequest, HttpResponse, Outbound, check
from vivesphere.kernel.permissions import Permissions
from vivesphere.kernel.principals import Principal

__all__ = [
    "EffectError",
    "EffectFailed",
    "EffectRefused",
    "EffectUnknown",
    "Effects",
    "EffectsHandle",
    "EffectsSettings",
    "HttpRequest",
    "HttpResponse",
    "NothingHappened",
]

LARGEST_PAYLOAD = 64 * 1024
LARGEST_RESULT = 512 * 1024
LONGEST_KEY = 150
LONGEST_DETAIL = 1000
CONNECT_TIMEOUT = 10.0

_KIND = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")

T = TypeVar("T")
Act = Callable[[], Awaitable[JSON]]


class Effects:
    """The gate of one process. `db` is a handle of `system`: the journal is the kernel's own table."""

    def __init__(
        self, *, db: DatabaseHandle, permissions: Permissions, outbound: Outbound, clock: Clock, log: BoundLogger
    ) -> None:
        self.db = db
        self.permissions = permissions
        self.outbound = outbound
        self.clock = clock
        self.log = log

    def handle(self, principal: Principal) -> "EffectsHandle":
        return EffectsHandle(self, principal)

    async def recover(self) -> int:
        """At start, before anything acts: what an earlier process began and did not finish becomes `unknown`. How many."""
        left = await self.db.write(effect_records.leave_unknown)
        if left:
            self.log.warning("acts of an earlier process have an unknown outcome", count=left)
        return left

    async def close(self) -> None:
        await self.outbound.close()


class EffectsHandle:
    """The gate as one principal sees it."""

    def __init__(self, gate: Effects, principal: Principal) -> None:
        self._gate = gate
        self.principal = principal

    async def connect(
        self, kind: str, host: str, port: int, *, tls: ssl.SSLContext | None = None
    ) -> tuple[StreamReader, StreamWriter]:
        """Open a connection, in shadow mode too. For addresses that an operator configured: private ones are allowed.

        EffectRefused: no permission. EffectFailed: no connection within ten seconds, or the certificate is not good.
        """
        cause = self._permitted(kind)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                streams = await asyncio.open_connection(host, port, ssl=tls)
        except TimeoutError as error:
            raise EffectFailed(f"{host}:{port} did not answer within {CONNECT_TIMEOUT:g} s.") from error
        except (OSError, UnicodeError) as error:
            raise EffectFailed(f"{host}:{port}: {error}") from error
        self._log("connected", kind, f"{host}:{port}", cause, tls=tls is not None)
        return streams

    async def fetch(self, request: HttpRequest, *, idempotency_key: str | None = None) -> HttpResponse:
        """Ask a public server. GET, HEAD and OPTIONS are reads; the other methods are acts and need `http.write`.

        Any status is an answer, also under the idempotency key of an act: a server's refusal is recorded as `done`. The journal
        keeps the address without its query, and of the body only length and digest: either may hold a secret.
        """
        check(request)
        if request.method in READ_METHODS:
            cause = self._permitted("http.read")
            answer = await self._gate.outbound.read(request, _headers(cause))
            self._log("fetched", "http.read", _without_query(request.url), cause, status=answer.status)
            return answer
        cause = self._permitted("http.write")

        async def act() -> JSON:
            answered: JSON = msgspec.to_builtins(await self._gate.outbound.act(request, _headers(cause)))
            return answered

        stand_in = HttpResponse(status=200, url=request.url, stand_in=True)
        payload: JSON = {"bytes": len(request.body), "sha256": hashlib.sha256(request.body).hexdigest()}
        target = f"{request.method} {_without_query(request.url)}"
        try:
            result = await self.perform(
                "http.write", target, payload, act, idempotency_key=idempotency_key, stand_in=msgspec.to_builtins(stand_in)
            )
        except NothingHappened as nothing:
            raise nothing.__cause__ if isinstance(nothing.__cause__, EffectRefused) else nothing  # noqa: B904 - it is the cause
        return msgspec.convert(result, HttpResponse)

    async def perform(
        self,
        kind: str,
        target: str,
        payload: JSON,
        act: Act,
        *,
        idempotency_key: str | None = None,
        stand_in: JSON = None,
    ) -> JSON:
        """Do something to the world and give what `act` returned: JSON of at most 512 KiB. `payload`, at most 64 KiB, is kept
        in the journal: no secrets in it. In shadow and replay mode the act is recorded and `stand_in` is given instead.

        A key seen before gives the recorded result of what is done, does again what failed, and raises EffectUnknown for what
        may have happened. Plugins' keys are their own; modules share theirs, so that one can resolve what another did for it.
        EffectRefused: no permission, or not fit to be journaled. EffectFailed: nothing happened. EffectUnknown: see above.
        """
        cause = self._permitted(kind)
        if _size(payload) > LARGEST_PAYLOAD:
            raise EffectRefused(f"What is to be recorded about {kind} {target} is larger than {LARGEST_PAYLOAD} bytes.")
        record = EffectRecord(
            id=new_id(),
            kind=kind,
            target=target,
            payload=payload,
            source=cause.source,
            actor=cause.actor,
            project=cause.project,
            correlation_id=cause.correlation_id,
            created_at=self._gate.clock.now(),
            idempotency_key=None if idempotency_key is None else self._key(idempotency_key),
        )
        if cause.mode is not Mode.LIVE:
            shadow = msgspec.structs.replace(record, status="shadow", result=stand_in, idempotency_key=None)
            await self._gate.db.write(effect_records.intend, shadow)
            return stand_in
        existing = await self._intend(record)
        return await self._carry_out(record, act) if existing.id == record.id else _again(existing, record)

    async def resolve(self, idempotency_key: str, outcome: Outcome) -> bool:
        """What a person decided about an act of unknown outcome: it was `done`, or it may be tried again under the same key
        (`retry`). False if there is no act under that key."""
        return await self._gate.db.write(effect_records.resolve, self._key(idempotency_key), outcome) is not None

    def _permitted(self, kind: str) -> Cause:
        if not _KIND.fullmatch(kind):
            raise ValueError(f"{kind!r} is not a kind of effect: lower-case words with dots between them")
        cause = cause_for(self.principal)
        asked = [cause.source, cause.actor] if principals.kind(cause.actor) == "plugin" else [cause.source]
        for principal in asked:
            if not self._gate.permissions.allows(principal, f"effects.{kind}", cause.project):
                raise EffectRefused(f"{principal} needs the permission effects.{kind}.")
        return cause

    def _key(self, key: str) -> str:
        if not 0 < len(key) <= LONGEST_KEY:
            raise EffectRefused(f"An idempotency key has 1 to {LONGEST_KEY} characters.")
        return f"{self.principal} {key}" if principals.kind(self.principal) == "plugin" else key

    def _log(self, event: str, kind: str, target: str, cause: Cause, **fields: object) -> None:
        self._gate.log.info(
            event,
            kind=kind,
            target=target,
            source=cause.source,
            actor=cause.actor,
            correlation_id=cause.correlation_id,
            **fields,
        )

    async def _intend(self, record: EffectRecord) -> EffectRecord:
        """Cancelled here, the act has not begun; the intent must not stay behind as if it had."""
        existing, cancelled = await _to_the_end(self._gate.db.write(effect_records.intend, record))
        if cancelled is not None:
            if existing.id == record.id:
                await self._finish(record, "failed", detail="cancelled before it began")
            raise cancelled
        return existing

    async def _carry_out(self, record: EffectRecord, act: Act) -> JSON:
        try:
            result = await act()
            if _size(result) > LARGEST_RESULT:
                raise ValueError(f"the result is larger than {LARGEST_RESULT} bytes")
        except NothingHappened as nothing:
            await self._finish(record, "failed", detail=nothing.detail)
            raise
        except asyncio.CancelledError:
            with suppress(EffectUnknown):
                await self._finish(record, "unknown", detail="cancelled while it was acting")
            raise
        except Exception as error:
            detail = f"{type(error).__name__}: {error}"
            await self._finish(record, "unknown", detail=detail)
            raise EffectUnknown(f"{record.kind} {record.target} may or may not have happened: {detail}") from error
        await self._finish(record, "done", result)
        return result

    async def _finish(self, record: EffectRecord, status: Status, result: JSON = None, detail: str = "") -> None:
        """What happened must be written down, whoever stops waiting for it. If it cannot be, the record stays `intended`, which
        is as good as unknown."""
        finish = self._gate.db.write(effect_records.finish, record.id, status, result, detail[:LONGEST_DETAIL])
        try:
            _, cancelled = await _to_the_end(finish)
        except DatabaseError as error:
            raise EffectUnknown(f"{record.kind} {record.target} was {status}, but that could not be written down.") from error
        if cancelled is not None:
            raise cancelled


def _again(existing: EffectRecord, record: EffectRecord) -> JSON:
    """What a key seen before means."""
    if (existing.kind, existing.target) != (record.kind, record.target):
        raise EffectRefused(f"The idempotency key was used before, for {existing.kind} {existing.target}.")
    if existing.status == "done":
        return existing.result
    under_way = "is under way" if existing.status == "intended" else "may or may not have happened"
    raise EffectUnknown(f"{existing.kind} {existing.target} {under_way}; it is not begun again under the same key.")


async def _to_the_end(work: Coroutine[Any, Any, T]) -> tuple[T, asyncio.CancelledError | None]:
    """The result of `work`, which no cancellation of the caller stops, and the cancellation that came meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError as error:
            cancelled = error
    return task.result(), cancelled


def _size(value: JSON) -> int:
    """Bytes as JSON. ValueError for what is none, so that a careless result is found out before it is trusted."""
    try:
        return len(msgspec.json.encode(value))
    except (TypeError, msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the value is not JSON: {error}") from error


def _without_query(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0]


def _headers(cause: Cause) -> dict[str, str]:
    """The chain goes on outside: W3C Trace Context, whose trace id is the correlation id, and the hop for our own webhooks."""
    trace = cause.correlation_id.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{32}", trace):
        trace = hashlib.sha256(cause.correlation_id.encode()).hexdigest()[:32]
    return {"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01", "x-vivesphere-hop": str(cause.hop)}
