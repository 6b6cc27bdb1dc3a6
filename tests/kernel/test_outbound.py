"""The guard of outgoing HTTP, against a real server on the loopback that stands in for the internet."""

import asyncio
import gzip
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpcore
import pytest
import trustme
from tests.kernel.http_peer import Asked, Peer, closed_port, http_peer, moved, ok

from vivesphere.kernel import outbound
from vivesphere.kernel.effect_errors import EffectFailed, EffectRefused, NothingHappened
from vivesphere.kernel.outbound import EffectsSettings, ExchangeBroken, HttpRequest, HttpResponse, Outbound

OPEN = EffectsSettings(allow_private_addresses=True)
OWN = {"traceparent": "00-x-y-01"}


class Names:
    """A resolver: each asking gives the next list of the name, and the last one for ever after."""

    def __init__(self, **names: list[list[str]]) -> None:
        self.names = {name.replace("_", "."): lists for name, lists in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        lists = self.names.get(host, [["127.0.0.1"]])
        return lists.pop(0) if len(lists) > 1 else lists[0]


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with http_peer() as peer:
        yield peer


@pytest.fixture
async def client() -> AsyncIterator[Outbound]:
    made = Outbound(OPEN, resolve=Names())
    yield made
    await made.close()


def get(url: str, **fields: Any) -> HttpRequest:
    return HttpRequest(method="GET", url=url, **fields)


def post(url: str, **fields: Any) -> HttpRequest:
    return HttpRequest(method="POST", url=url, body=b"hello", **fields)


async def test_a_read_brings_the_answer_and_sends_the_right_host(peer: Peer, client: Outbound) -> None:
    peer.answers["/a"] = ok("grüße".encode("latin-1"), "Content-Type: text/plain; charset=latin-1", "X-Two: 1", "X-Two: 2")
    answer = await client.read(get(peer.url("/a?b=c"), headers={"Accept": "text/plain"}), OWN)
    assert (answer.status, answer.text, answer.header("X-TWO"), answer.url) == (200, "grüße", "1", peer.url("/a?b=c"))
    [asked] = peer.asked
    assert asked.path == "/a?b=c"
    assert asked.headers == {
        "host": f"peer.test:{peer.port}",
        "accept": "text/plain",
        "accept-encoding": "gzip",
        "user-agent": "ViveSphere",
        "traceparent": "00-x-y-01",
    }


@pytest.mark.parametrize("charset", ["", "; charset=utf-8", "; charset=no-such", "; charset=idna"])
def test_text_without_a_charset_that_fits_is_utf_8(charset: str) -> None:
    answer = HttpResponse(status=200, url="", headers=(("Content-Type", f"text/plain{charset}"),), body="é".encode())
    assert answer.text == "é"
    assert answer.header("missing") is None


def test_text_holds_no_half_of_a_character() -> None:
    answer = HttpResponse(status=200, url="", headers=(("Content-Type", "text/plain; charset=utf-7"),), body=b"a+2AA-b")
    assert answer.text == "a?b"


async def test_a_private_address_is_refused_and_nothing_is_sent(peer: Peer) -> None:
    client = Outbound(EffectsSettings(), resolve=Names())
    with pytest.raises(EffectRefused, match=r"peer\.test is at 127\.0\.0\.1, .*effects\.allow_private_addresses"):
        await client.read(get(peer.url("/")), OWN)
    with pytest.raises(NothingHappened, match=r"127\.0\.0\.1"):
        await client.act(post(peer.url("/")), OWN)
    assert peer.connections == 0
    await client.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"])
async def test_the_many_ways_to_write_this_machine_are_all_refused(peer: Peer, host: str) -> None:
    """With the system's own resolver, which is what reads them."""
    client = Outbound(EffectsSettings())
    with pytest.raises((EffectRefused, EffectFailed)):
        await client.read(get(peer.url("/", host=host)), OWN)
    assert peer.connections == 0
    await client.close()


async def test_one_private_address_among_public_ones_spoils_the_name(peer: Peer) -> None:
    client = Outbound(EffectsSettings(), resolve=Names(peer_test=[["93.184.215.14", "127.0.0.1"]]))
    with pytest.raises(EffectRefused, match=r"127\.0\.0\.1"):
        await client.read(get(peer.url("/")), OWN)
    await client.close()


async def test_a_name_that_answers_differently_the_second_time_gains_nothing(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when judged, private afterwards. The name is asked once, and what was judged is what is used."""
    names = Names(peer_test=[["93.184.215.14"], ["127.0.0.1"]])
    client = Outbound(EffectsSettings(), resolve=names)
    dialled: list[str] = []

    async def connect(self: object, host: str, *_: object) -> object:
        dialled.append(host)
        raise httpcore.ConnectError("no route from a test")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect)
    with pytest.raises(EffectFailed, match="no route"):
        await client.read(get(peer.url("/")), OWN)
    assert (names.asked, dialled) == (["peer.test"], ["93.184.215.14"])
    with pytest.raises(EffectRefused):
        await client.read(get(peer.url("/")), OWN)
    assert dialled == ["93.184.215.14"]
    await client.close()


async def test_the_next_address_is_tried_when_the_first_does_not_answer(peer: Peer) -> None:
    peer.answers["/"] = ok(b"here")
    client = Outbound(OPEN, resolve=Names(peer_test=[["127.0.0.9", "127.0.0.1"]]))
    assert (await client.read(get(peer.url("/")), OWN)).body == b"here"
    await client.close()


async def test_a_redirect_to_a_private_address_is_refused() -> None:
    """The first name is let through by pretending that its address is public; the second is judged in earnest."""
    client = Outbound(EffectsSettings(), resolve=Names(outside_test=[["127.0.0.1"]], inside_test=[["10.0.0.1"]]))
    async with http_peer() as peer:
        peer.answers["/"] = moved("http://inside.test/admin")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outbound, "is_public", lambda address: address == "127.0.0.1")
            with pytest.raises(EffectRefused, match=r"inside\.test is at 10\.0\.0\.1"):
                await client.read(get(peer.url("/", host="outside.test")), OWN)
        assert len(peer.asked) == 1
        await client.close()


async def test_redirects_are_followed_and_the_last_address_is_told(peer: Peer, client: Outbound) -> None:
    peer.answers |= {"/1": moved("/2", "301 Moved"), "/2": moved("3?x=1", "308 Moved"), "/3": ok(b"end")}
    answer = await client.read(get(peer.url("/1")), OWN)
    assert (answer.body, answer.url) == (b"end", peer.url("/3?x=1"))


async def test_a_redirect_without_a_place_and_a_304_are_answers(peer: Peer, client: Outbound) -> None:
    peer.answers |= {"/none": ok(status="302 Found"), "/304": moved("/elsewhere", "304 Not Modified")}
    assert (await client.read(get(peer.url("/none")), OWN)).status == 302
    assert (await client.read(get(peer.url("/304")), OWN)).status == 304


async def test_five_redirects_are_followed_and_six_are_not(peer: Peer, client: Outbound) -> None:
    peer.answers |= {f"/{n}": moved(f"/{n + 1}") for n in range(6)} | {"/6": ok(b"end")}
    assert (await client.read(get(peer.url("/1")), OWN)).body == b"end"
    with pytest.raises(EffectFailed, match="redirects more than 5 times"):
        await client.read(get(peer.url("/0")), OWN)


async def test_credentials_do_not_follow_a_redirect_to_another_origin(peer: Peer, client: Outbound) -> None:
    peer.answers |= {"/": moved(peer.url("/there", host="other.test")), "/same": moved("/there"), "/there": ok()}
    headers = {"Authorization": "Bearer t", "X-Api-Key": "k", "Accept": "text/html"}
    await client.read(get(peer.url("/"), headers=headers), OWN)
    await client.read(get(peer.url("/same"), headers=headers), OWN)
    across, within = peer.asked[1].headers, peer.asked[3].headers
    assert (across["accept"], across["host"]) == ("text/html", f"other.test:{peer.port}")
    assert not {"authorization", "x-api-key"} & across.keys()
    assert {"authorization", "x-api-key"} <= within.keys()


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://peer.test/", "http://user:pass@peer.test/", "http://a.test:port/", "gopher:x"]
)
async def test_a_redirect_to_what_is_no_good_address_is_refused(peer: Peer, client: Outbound, location: str) -> None:
    peer.answers["/"] = moved(location)
    with pytest.raises(EffectRefused):
        await client.read(get(peer.url("/")), OWN)


async def test_cookies_are_not_kept(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = ok(b"", "Set-Cookie: session=1; Path=/")
    await client.read(get(peer.url("/")), OWN)
    await client.read(get(peer.url("/")), OWN)
    assert "cookie" not in peer.asked[1].headers


async def test_the_environments_proxy_is_not_used(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    peer.answers["/"] = ok(b"direct")
    client = Outbound(OPEN, resolve=Names())
    assert (await client.read(get(peer.url("/")), OWN)).body == b"direct"
    await client.close()


async def test_a_long_answer_to_a_read_is_refused_and_to_an_act_is_cut(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = ok(b"x" * 5000)
    with pytest.raises(EffectFailed, match="more than 2000 bytes"):
        await client.read(get(peer.url("/"), max_body=2000), OWN)
    assert len((await client.read(get(peer.url("/"), max_body=5000), OWN)).body) == 5000
    answer = await client.act(post(peer.url("/"), max_body=2000), OWN)
    assert (answer.status, len(answer.body), answer.truncated) == (200, 2000, True)


async def test_gzip_is_unpacked_and_a_bomb_stops_at_the_limit(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = ok(gzip.compress(b"plain"), "Content-Encoding: gzip")
    answer = await client.read(get(peer.url("/")), OWN)
    assert (answer.body, answer.header("content-encoding")) == (b"plain", None)
    peer.answers["/bomb"] = ok(gzip.compress(b"0" * 50_000_000), "Content-Encoding: gzip")
    tracemalloc.start()
    with pytest.raises(EffectFailed, match="more than 1048576 bytes"):
        await client.read(get(peer.url("/bomb")), OWN)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000
    peer.answers["/broken"] = ok(b"not gzip at all", "Content-Encoding: gzip")
    with pytest.raises(EffectFailed, match=r"peer\.test"):
        await client.read(get(peer.url("/broken")), OWN)


async def test_another_encoding_stays_as_it_came(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = ok(b"\x0b\x02\x80", "Content-Encoding: br")
    answer = await client.read(get(peer.url("/")), OWN)
    assert (answer.body, answer.header("content-encoding")) == (b"\x0b\x02\x80", "br")


async def test_an_act_sends_its_body_and_follows_no_redirect(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = moved("/elsewhere", "307 Temporary")
    answer = await client.act(post(peer.url("/"), headers={"Content-Type": "text/plain"}), OWN)
    assert answer.status == 307
    [asked] = peer.asked
    assert (asked.method, asked.body, asked.headers["content-type"]) == ("POST", b"hello", "text/plain")


async def test_an_act_whose_connection_is_refused_did_not_happen(client: Outbound) -> None:
    with closed_port() as port:
        with pytest.raises(NothingHappened):
            await client.act(post(f"http://peer.test:{port}/"), OWN)
        with pytest.raises(EffectFailed):
            await client.read(get(f"http://peer.test:{port}/"), OWN)


async def test_an_act_whose_name_is_unknown_did_not_happen() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    for resolve in (unknown, Names(peer_test=[[]])):
        client = Outbound(OPEN, resolve=resolve)
        with pytest.raises(NothingHappened, match=r"cannot be resolved|has no address"):
            await client.act(post("http://peer.test/"), OWN)
        await client.close()


async def test_an_act_whose_answer_never_came_may_have_happened(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = b""
    with pytest.raises(ExchangeBroken):
        await client.act(post(peer.url("/")), OWN)
    peer.answers["/cut"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nshort"
    peer.answers["/garbage"] = b"what?\r\n\r\n"
    for path in ("/cut", "/garbage"):
        with pytest.raises(ExchangeBroken):
            await client.act(post(peer.url(path)), OWN)


async def test_an_act_that_runs_out_of_time_after_it_was_sent_may_have_happened(peer: Peer, client: Outbound) -> None:
    async def never(_: Asked) -> bytes:
        await asyncio.Event().wait()
        return b""

    peer.answers["/"] = never
    with pytest.raises(ExchangeBroken, match="did not answer in time"):
        await client.act(post(peer.url("/"), timeout=0.05), OWN)
    assert len(peer.asked) == 1
    with pytest.raises(EffectFailed, match="did not answer in time"):
        await client.read(get(peer.url("/"), timeout=0.05), OWN)


async def test_an_act_that_runs_out_of_time_before_it_was_sent_did_not_happen() -> None:
    async def slow(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    client = Outbound(OPEN, resolve=slow)
    with pytest.raises(NothingHappened, match="did not answer in time"):
        await client.act(post("http://peer.test/", timeout=0.05), OWN)
    await client.close()


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (HttpRequest(method="TRACE", url="http://a.test"), "method must be one of"),
        (HttpRequest(method="get", url="http://a.test"), "method must be one of"),
        (HttpRequest(method="GET", url="http://a.test", body=b"x"), "has no body"),
        (get("ftp://a.test"), "must begin with http"),
        (get("http://"), "name a host"),
        (get("/relative"), "must begin with http"),
        (get("http://a.test:port"), "not a URL"),
        (get("http://xn--a/"), "not a URL"),
        (get("http://me:secret@a.test"), "user name or password"),
        (get("http://a.test", headers={"Host": "b.test"}), "set by the server"),
        (get("http://a.test", headers={"x-vivesphere-hop": "0"}), "set by the server"),
        (get("http://a.test", headers={"X": "a\r\nY: b"}), "characters"),
        (get("http://a.test", headers={"X Y": "a"}), "characters"),
    ],
)
def test_what_may_not_be_sent_is_refused_before_anything_is(request_: HttpRequest, sentence: str) -> None:
    with pytest.raises(EffectRefused, match=sentence):
        outbound.check(request_)


def test_a_good_request_passes() -> None:
    outbound.check(post("https://a.test/x?y#z", headers={"Authorization": "Bearer x"}))


async def test_connections_are_kept_for_their_name_only(peer: Peer, client: Outbound) -> None:
    peer.answers["/"] = ok()
    for host in ("a.test", "a.test", "b.test"):
        await client.read(get(peer.url("/", host=host)), OWN)
    assert peer.connections == 2


class Authority:
    """A certificate authority of the test's own, and a server with a certificate for `peer.test` alone."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("peer.test").configure_cert(self.server)
        self.asked_for: list[str | None] = []
        self.server.sni_callback = lambda _socket, name, _context: self.asked_for.append(name)


async def test_the_certificate_is_checked_for_the_name_and_not_the_address() -> None:
    authority = Authority()
    client = Outbound(OPEN, resolve=Names(), trust=authority.trust)
    async with http_peer(authority.server) as peer:
        peer.answers["/"] = ok(b"safe")
        assert (await client.read(get(peer.url("/", scheme="https")), OWN)).body == b"safe"
        with pytest.raises(EffectFailed, match="certificate"):
            await client.read(get(peer.url("/", host="other.test", scheme="https")), OWN)
        with pytest.raises(NothingHappened, match="certificate"):
            await client.act(post(peer.url("/", host="other.test", scheme="https")), OWN)
        assert authority.asked_for == ["peer.test", "other.test", "other.test"]
    await client.close()


async def test_a_certificate_nobody_trusts_is_refused(client: Outbound) -> None:
    async with http_peer(Authority().server) as peer:
        with pytest.raises(EffectFailed, match="certificate"):
            await client.read(get(peer.url("/", scheme="https")), OWN)


async def test_a_redirect_out_of_tls_is_refused() -> None:
    authority = Authority()
    client = Outbound(OPEN, resolve=Names(), trust=authority.trust)
    async with http_peer(authority.server) as peer:
        peer.answers["/"] = moved("http://peer.test/")
        with pytest.raises(EffectRefused, match="from https to http"):
            await client.read(get(peer.url("/", scheme="https")), OWN)
    await client.close()


async def test_the_systems_resolver_gives_each_address_once() -> None:
    assert await outbound.resolve("127.0.0.1", 80) == ["127.0.0.1"]
