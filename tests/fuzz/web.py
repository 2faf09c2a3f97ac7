"""Tokens and requests of strangers: messages of OAUTHBEARER, JWTs, keys, and all that comes by HTTP."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import unquote

import h11
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from pillarbox.identity import bearer
from pillarbox.identity.bearer import Bearer
from pillarbox.identity.claims import Token
from pillarbox.identity.foreign import Introspected, Keys, Signed, Terms, issuer_of
from pillarbox.identity.gate import Gate
from pillarbox.identity.oauth_clients import Client, Clients, Lifetimes
from pillarbox.identity.pool import PasswordPool
from pillarbox.identity.tokens import Spoken
from pillarbox.model.errors import PeerSyntax, Refused
from pillarbox.net.session import Peer
from pillarbox.web.site import site
from pillarbox.web.strict import MAX_HEAD, Inner
from pillarbox.web.visits import Services
from tests.fuzz.world import Target, directory, login, world


@cache
def issuer() -> tuple[rsa.RSAPrivateKey, Signed, Introspected]:
    """Another server: its key, and what is asked about its tokens. What it says of one is `_heard`."""
    key = rsa.generate_private_key(65537, 2048)
    jwk = {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": "one"}

    async def fetch(url: str, form: object = None, basic: object = None) -> bytes:
        return json.dumps({"keys": [jwk]}).encode() if form is None else _heard[-1]

    terms = Terms(ISSUER, ("mail",), domains=("example.test",))
    keys = Keys(ISSUER, fetch, lambda: 0.0)
    return key, Signed(terms, keys, lambda: 0.0), Introspected(terms, ISSUER, None, fetch, lambda: 0.0, _tick)


ISSUER = "https://id.test"
_heard: list[bytes] = []
_ticks = count(0, 1000)  # so that no answer is remembered, and no silence


def _tick() -> float:
    return float(next(_ticks))


def bearer_message(data: bytes) -> None:
    """A first message of OAUTHBEARER or XOAUTH2 ends in a token of the grammar, or in a refusal."""
    for name in bearer.NAMES:
        exchange = Bearer(name, "imap", "https://mail.example.test/x")
        with suppress(PeerSyntax, Refused):
            answer = exchange.step(data)
            if isinstance(answer, Token):
                assert 0 < len(answer.token) <= bearer.MAX_TOKEN
                assert answer.token.isascii()
            else:
                assert json.loads(answer)
                with suppress(Refused):
                    raise AssertionError(exchange.step(data))  # an exchange that is over stays so


def foreign_token(data: bytes) -> None:
    """A token as it stands, unsigned; as claims that the issuer has signed; as what it says of one."""
    key, signed, introspected = issuer()
    text = data.decode("latin-1")
    issuer_of(text)
    run = world().loop.run_until_complete
    assert run(signed.ask(text)) is None
    with suppress(ValueError, RecursionError):  # whatever is no JSON
        made = jwt.api_jws.encode(data, key, "RS256", {"kid": "one"})
        _theirs(run(signed.ask(made)))
    _heard[:] = [data]
    with suppress(Refused):
        _theirs(run(introspected.ask("opaque")))


def _theirs(found: Spoken | None) -> None:
    assert found is None or found.address.lower().endswith("@example.test")


def foreign_keys(data: bytes) -> None:
    """What is said to be the keys of an issuer."""

    async def fetch(url: str, form: object = None, basic: object = None) -> bytes:
        return data

    with suppress(Refused):
        world().loop.run_until_complete(Keys(ISSUER, fetch, lambda: 0.0).find("one"))


@cache
def application() -> Inner:
    clients = Clients([Client("webmail", "Webmail", ("https://w.test/back",), "a secret")])
    services = Services(
        *(directory(), directory(), PasswordPool(1), login, Gate(), "http://mail.example.test"),
        *("mail.example.test", clients, Lifetimes(), lambda size: bytes(size), lambda: 0.0),
    )

    def report(error: BaseException, peer: object = None) -> str:
        return world().report(error)

    return site(services, report)


def http_request(data: bytes) -> None:
    """A head, as h11 and uvicorn hand it on, and after it the body.
    Exactly one answer comes, and none says that something went wrong here."""
    head, _, body = data.partition(b"\r\n\r\n")
    connection = h11.Connection(h11.SERVER, MAX_HEAD)
    try:
        connection.receive_data(head + b"\r\n\r\n")
        request = connection.next_event()
    except h11.RemoteProtocolError:
        return
    if not isinstance(request, h11.Request):
        return
    path, _, query = request.target.partition(b"?")
    scope = {
        "type": "http",
        "method": request.method.decode("ascii"),
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "query_string": query,
        "headers": list(request.headers),
        "server": ("mail.example.test", 80),
        "state": {"peer": Peer("127.0.0.1", 4711, is_loopback=True)},
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(said: dict[str, Any]) -> None:
        sent.append(said)

    world().loop.run_until_complete(application()(scope, receive, send))
    if world().faults:
        raise world().faults.pop()
    assert [each["type"] for each in sent].count("http.response.start") == 1
    assert sent[0]["status"] < 500 or sent[0]["status"] == 503


def _post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    kind = b"content-type: application/x-www-form-urlencoded\r\n"
    return b"POST " + path + b" HTTP/1.1\r\nhost: mail.example.test\r\n" + kind + more + b"\r\n" + body


TARGETS: dict[str, Target] = {
    "bearer_message": Target(
        bearer_message,
        (
            b"n,a=kim@example.test,\x01host=mail.test\x01port=143\x01auth=Bearer abc.d-e_f==\x01\x01",
            b"y,,\x01auth=bearer  abc\x01\x01",
            b"user=kim@example.test\x01auth=Bearer abc\x01\x01",
            b"n,a=k=2Cim=3D,\x01auth=Basic abc\x01\x01",
            b"\x01",
        ),
    ),
    "foreign_token": Target(
        foreign_token,
        (
            b'{"iss":"https://id.test","aud":["mail"],"exp":600,"nbf":0,"email":"kim@example.test",'
            b'"email_verified":true,"scope":"mail imap","client_id":"x","active":true}',
            b'{"iss":"https://id.test","aud":"mail","exp":1e999,"email":"kim@example.test","scp":["a",1]}',
            b"eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLnRlc3QifQ.",
            b"eyJhbGciOiJIUzI1NiIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lkLnRlc3QifQ.AAAA",
        ),
    ),
    "foreign_keys": Target(
        foreign_keys,
        (
            b'{"keys":[{"kty":"RSA","kid":"one","n":"AQAB","e":"AQAB","use":"sig","alg":"RS256"}]}',
            b'{"keys":[{"kty":"EC","crv":"P-256","kid":"one","x":"AAAA","y":"AAAA"},{"kty":"oct","k":"YQ"}]}',
            b'{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"AAAA"}]}',
        ),
    ),
    "http_request": Target(
        http_request,
        (
            b"GET /oauth/authorize?client_id=mail-program&redirect_uri=http://127.0.0.1:1/&response_type=code"
            b"&scope=imap&state=x&code_challenge=a&code_challenge_method=S256 HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nhost: a\r\n\r\n",
            b"GET /sign-in?next=/account HTTP/1.1\r\nhost: a\r\ncookie: visit=a; session=b\r\n\r\n",
            b"GET /device?user_code=ABCD-EFGH HTTP/1.1\r\nhost: a\r\n\r\n",
            _post(b"/oauth/token", b"grant_type=refresh_token&refresh_token=a&client_id=mail-program"),
            _post(
                b"/oauth/token",
                b"grant_type=authorization_code&code=a&redirect_uri=https%3A%2F%2Fw.test%2Fback&code_verifier=b",
                b"authorization: Basic d2VibWFpbDphK3NlY3JldA==\r\n",
            ),
            _post(b"/oauth/device_authorization", b"client_id=mail-program&scope=imap+pop"),
            _post(b"/oauth/revoke", b"token=a&client_id=mail-program&token_type_hint=refresh_token"),
            _post(b"/sign-in", b"name=kim&password=x&proof=a", b"origin: http://mail.example.test\r\n"),
            _post(
                b"/account/app-passwords",
                b"proof=a&name=x&imap=1&expires=2030-01-01",
                b"origin: http://mail.example.test\r\n",
            ),
            _post(
                b"/account/app-password/revoke", b"proof=a&name=x", b"origin: http://mail.example.test\r\n"
            ),
            b"POST /passkey HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
            b'origin: http://mail.example.test\r\n\r\n{"id":"a","response":{"clientDataJSON":"e30"}}',
        ),
    ),
}
