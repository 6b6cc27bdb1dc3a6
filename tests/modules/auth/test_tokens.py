"""Attacks on access tokens, and the ways in which a good one stops being good."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey
from tests.support.clock import FakeClock

from vivesphere.modules.auth import tokens
from vivesphere.modules.auth.errors import TokenRefused
from vivesphere.modules.auth.tokens import AccessTokens, Bearer, SigningKey, new_key, open_key, public_half

KEY = open_key(*new_key())
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def issuer(clock: FakeClock | None = None, key: SigningKey = KEY) -> AccessTokens:
    access = AccessTokens(clock or FakeClock(), timedelta(minutes=10))
    access.sign_with(key)
    return access


def bearer(user_id: str = "u1", session_id: str = "s1", csrf: str = "", until: datetime = FAR) -> Bearer:
    return Bearer(user_id=user_id, username="ada", session_id=session_id, csrf=csrf, until=until)


def issued(access: AccessTokens, **of: Any) -> str:
    return access.issue(bearer(**of))[0]


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    header, claims, signature = token.split(".")
    return decoded(header), decoded(claims), signature


def decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=="))
    return found


def encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(header: dict[str, Any], claims: dict[str, Any], key: OKPKey = KEY.key) -> str:
    return jwt.encode(header, claims, key, algorithms=["Ed25519"])


def test_a_token_brings_back_the_session() -> None:
    clock = FakeClock()
    access = issuer(clock)
    token = issued(access)
    session = access.verify(token)
    assert (session.principal, session.username, session.id) == ("user:u1", "ada", "s1")
    assert session.expires_at == clock.now() + timedelta(minutes=10)
    assert access.verify(token) is session
    header, claims, _ = parts_of(token)
    assert header == {"alg": "Ed25519", "kid": KEY.id, "typ": "at+jwt"}
    assert (claims["iss"], claims["aud"]) == ("vivesphere", "vivesphere-api")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "EdDSA", "Ed448", "ES256", ""])
def test_the_header_cannot_choose_the_algorithm(algorithm: str) -> None:
    access = issuer()
    header, claims, signature = parts_of(issued(access))
    for forged in ("", signature):
        with pytest.raises(TokenRefused):
            access.verify(f"{encoded(header | {'alg': algorithm})}.{encoded(claims)}.{forged}")


def test_the_public_key_is_no_shared_secret() -> None:
    """The old confusion of RS256 and HS256: the verifying key used as an HMAC key."""
    access = issuer()
    _, claims, _ = parts_of(issued(access))
    public = OctKey.import_key(str(KEY.key.as_dict(private=False)["x"]) * 2)
    header = {"alg": "HS256", "kid": KEY.id, "typ": "at+jwt"}
    with pytest.raises(TokenRefused):
        access.verify(jwt.encode(header, claims, public, algorithms=["HS256"]))


@pytest.mark.parametrize(
    "header",
    [
        {"kid": "another"},
        {"kid": None},
        {"kid": ""},
        {"kid": "../../etc/passwd"},
        {"kid": "' OR 1=1 --"},
        {"kid": 1},
        {"kid": ["x"]},
        {"kid": {"x": 1}},
        {"kid": "another", "jwk": KEY.key.as_dict(private=False)},
        {"kid": "another", "jku": "https://example.org/jwks.json"},
        {"kid": "another", "x5u": "https://example.org/cert.pem"},
        {"typ": "JWT"},
        {"typ": None},
        {"crit": ["exp"]},
    ],
)
def test_a_header_that_is_not_ours_is_refused_even_if_signed(header: dict[str, Any]) -> None:
    access = issuer()
    own, claims, _ = parts_of(issued(access))
    try:
        token = signed({key: value for key, value in (own | header).items() if value is not None}, claims)
    except (JoseError, TypeError, ValueError):  # joserfc itself refuses to sign this one
        token = f"{encoded(own | header)}.{encoded(claims)}."
    with pytest.raises(TokenRefused):
        access.verify(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "elsewhere"},
        {"iss": None},
        {"aud": "elsewhere"},
        {"aud": None},
        {"aud": ["vivesphere-api"]},
        {"exp": "9999999999"},
        {"exp": None},
        {"exp": 10**30},
        {"sub": 5},
        {"sid": None},
        {"csrf": 5},
    ],
)
def test_claims_that_are_not_ours_are_refused_even_if_signed(changed: dict[str, Any]) -> None:
    access = issuer()
    header, claims, _ = parts_of(issued(access))
    with pytest.raises(TokenRefused):
        access.verify(signed(header, {key: value for key, value in (claims | changed).items() if value is not None}))


def test_another_servers_key_signs_nothing_here() -> None:
    other = open_key(KEY.id, new_key()[1])
    with pytest.raises(TokenRefused):
        issuer().verify(issued(issuer(key=other)))


def test_a_key_that_is_gone_ends_what_it_signed() -> None:
    access = issuer()
    token = issued(access)
    access.verify(token)
    access.sign_with(open_key(*new_key()))
    with pytest.raises(TokenRefused):
        access.verify(token)


async def test_a_retired_key_verifies_until_its_last_token_has_expired_and_signs_nothing() -> None:
    clock = FakeClock()
    access = issuer(clock)
    token = issued(access)
    retired = open_key(KEY.id, public_half(KEY), clock.now() + timedelta(minutes=10))
    assert b'"d"' not in public_half(KEY)
    access.sign_with(open_key(*new_key()), [retired])
    assert access.verify(token).id == "s1"
    assert [key.id for key in access.verifying()][1:] == [KEY.id]
    header, claims, _ = parts_of(token)
    forged = signed(header, claims | {"exp": claims["exp"] + 3600})
    await clock.advance(600)
    assert [key.id for key in access.verifying()][1:] == []
    with pytest.raises(TokenRefused, match="not an access token"):
        access.verify(forged)


def test_a_token_of_a_browser_says_so_and_another_does_not() -> None:
    access = issuer()
    assert access.verify(issued(access, csrf="c1")).csrf == "c1"
    assert access.verify(issued(access)).csrf == ""
    assert "csrf" not in parts_of(issued(access))[1]


def test_a_token_does_not_outlive_its_sign_in() -> None:
    clock = FakeClock()
    access = issuer(clock)
    token, lasts = access.issue(bearer(until=clock.now() + timedelta(seconds=90)))
    assert lasts == 90
    assert access.verify(token).expires_at == clock.now() + timedelta(seconds=90)


async def test_a_token_expires_also_where_it_is_remembered() -> None:
    clock = FakeClock()
    access = issuer(clock)
    remembered, fresh = issued(access), issued(access)
    access.verify(remembered)
    await clock.advance(599)
    access.verify(remembered)
    await clock.advance(1)
    for token in (remembered, remembered, fresh):
        with pytest.raises(TokenRefused, match="expired"):
            access.verify(token)


async def test_an_ended_sign_in_ends_its_tokens_and_is_forgotten_when_they_would_have_expired() -> None:
    clock = FakeClock()
    access = issuer(clock)
    ended, other = issued(access), issued(access, session_id="s2")
    access.verify(ended)
    access.revoke({"s1"})
    with pytest.raises(TokenRefused, match="ended"):
        access.verify(ended)
    access.verify(other)
    await clock.advance(601)
    access.revoke({"s3"})
    assert set(access._revoked) == {"s3"}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "CACHED", 2)
    access = issuer()
    for number in range(5):
        access.verify(issued(access, user_id=f"u{number}"))
    assert len(access._verified) == 2


def test_a_huge_token_is_not_even_read() -> None:
    with pytest.raises(TokenRefused):
        issuer().verify("a" * 5000)


@given(st.text(max_size=200))
def test_no_text_is_a_token(text: str) -> None:
    with pytest.raises(TokenRefused):
        issuer().verify(text)


@given(st.data())
def test_no_changed_token_is_a_token(data: st.DataObject) -> None:
    access = issuer()
    token = issued(access)
    place = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(TokenRefused):
            access.verify(changed)
