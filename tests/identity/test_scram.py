"""SCRAM against the examples of the RFCs, an independent client, and clients that lie."""

from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scramp import ScramClient, ScramException

from pillarbox.identity import scram
from pillarbox.identity.claims import Proven
from pillarbox.identity.scram import MECHANISMS, Candidates, Hash, Scram, derive
from pillarbox.model.errors import Code, PeerSyntax, Refused

SALT = bytes(range(24))
END_POINT = bytes(32)
KIM = Proven("kim@example.test", 7, 3)


def finding(password: str, salt: bytes = SALT, name: str = KIM.name) -> Callable[[str, Hash], Candidates]:
    def find(asked: str, hash_: Hash) -> Candidates:
        if asked != name:
            return Candidates(salt, scram.MIN_ITERATIONS)
        verifier = derive(hash_, password, salt, scram.MIN_ITERATIONS)
        return Candidates(salt, scram.MIN_ITERATIONS, ((verifier, KIM),))

    return find


def exchange(
    hash_: Hash = Hash.SHA_256,
    password: str = "pencil",
    *,
    nonce: str = "server",
    end_point: bytes | None = None,
    plus: bool = False,
) -> Scram:
    return Scram(hash_, finding(password), nonce, end_point=end_point, plus=plus)


def log_in(client: ScramClient, server: Scram) -> Proven:
    first = server.step(client.get_client_first().encode())
    assert isinstance(first, bytes)
    client.set_server_first(first.decode())
    final = server.step(client.get_client_final().encode())
    assert isinstance(final, bytes)
    client.set_server_final(final.decode())
    proven = server.step(b"")
    assert isinstance(proven, Proven)
    return proven


@pytest.mark.parametrize(
    ("hash_", "first", "nonce", "salt", "challenge", "final", "signature"),
    [
        (  # RFC 5802 5
            Hash.SHA_1,
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "3rfcNHYJY1ZVvWVs7j",
            "QSXCR+Q6sek8bf92",
            b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (  # RFC 7677 3
            Hash.SHA_256,
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_the_examples_of_the_rfcs(
    hash_: Hash, first: bytes, nonce: str, salt: str, challenge: bytes, final: bytes, signature: bytes
) -> None:
    server = Scram(hash_, finding("pencil", b64decode(salt), "user"), nonce, end_point=None, plus=False)
    assert server.step(None) == b""
    assert server.step(first) == challenge
    assert server.step(final) == signature
    assert server.step(b"") == KIM


@pytest.mark.parametrize("name", MECHANISMS)
def test_an_independent_client_logs_in(name: str) -> None:
    client = ScramClient([name], KIM.name, "pencil")
    assert log_in(client, exchange(MECHANISMS[name])) == KIM


@pytest.mark.parametrize("name", MECHANISMS)
def test_bound_to_the_certificate(name: str) -> None:
    client = ScramClient([name + scram.PLUS], KIM.name, "pencil", (scram.END_POINT, END_POINT))
    assert log_in(client, exchange(MECHANISMS[name], end_point=END_POINT, plus=True)) == KIM


def test_a_password_is_prepared() -> None:
    client = ScramClient(["SCRAM-SHA-256"], KIM.name, "caf\u00e9")
    assert log_in(client, exchange(password="cafe\u0301")) == KIM


def refused(server: Scram, message: bytes) -> Refused:
    with pytest.raises(Refused) as raised:
        server.step(message)
    return raised.value


def final_of(client: ScramClient, server: Scram) -> bytes:
    first = server.step(client.get_client_first().encode())
    assert isinstance(first, bytes)
    client.set_server_first(first.decode())
    return client.get_client_final().encode()


def test_a_wrong_password_and_an_unknown_user_are_refused_alike() -> None:
    answers = []
    for name in (KIM.name, "nobody@example.test"):
        server = exchange()
        wrong = final_of(ScramClient(["SCRAM-SHA-256"], name, "wrong"), server)
        answer = refused(server, wrong)
        answers.append((answer.text, answer.code))
    assert answers == [("Authentication failed", Code.AUTHENTICATIONFAILED)] * 2


def test_a_proof_for_another_certificate_is_refused() -> None:
    """Somebody sits between the two and shows a certificate of his own."""
    client = ScramClient(["SCRAM-SHA-256-PLUS"], KIM.name, "pencil", (scram.END_POINT, b"his" * 11))
    server = exchange(end_point=END_POINT, plus=True)
    refused(server, final_of(client, server))


@pytest.mark.parametrize(
    ("header", "end_point", "plus"),
    [
        (b"y,,", END_POINT, False),  # RFC 5802 6: -PLUS was hidden from the client
        (b"y,,", END_POINT, True),
        (b"n,,", END_POINT, True),
        (b"p=tls-server-end-point,,", None, False),
        (b"p=tls-unique,,", END_POINT, True),
        (b"p=tls-exporter,,", END_POINT, True),
    ],
)
def test_both_ends_must_mean_the_same_channel(header: bytes, end_point: bytes | None, plus: bool) -> None:
    server = exchange(end_point=end_point, plus=plus)
    refused(server, header + b"n=kim@example.test,r=abc")


@pytest.mark.parametrize("header", [b"n,,", b"p=tls-server-end-point,,"])
def test_a_client_that_does_not_take_part_in_binding_may_come_in(header: bytes) -> None:
    server = exchange(end_point=END_POINT)
    assert isinstance(server.step(header + b"n=kim@example.test,r=abc"), bytes)


def test_who_wants_to_act_as_somebody_says_so_in_what_is_proved() -> None:
    server = exchange()
    client = ScramClient(["SCRAM-SHA-256"], KIM.name, "pencil")
    first = client.get_client_first().replace("n,,", "n,a=kim=2Cx=3D,")
    client.gs2_header = type("Header", (), {"make_cbind_input": lambda self, _: b"n,a=kim=2Cx=3D,"})()
    challenge = server.step(first.encode())
    assert isinstance(challenge, bytes)
    client.set_server_first(challenge.decode())
    server.step(client.get_client_final().encode())
    assert server.step(b"") == Proven(KIM.name, KIM.account, KIM.version, "kim,x=")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n",
        b"n,,",
        b"n,,n=kim",
        b"n,,r=abc,n=kim",
        b"n,,n=,r=abc",
        b"n,,n=kim,r=",
        b"n,,n=a=b,r=abc",
        b"n,,n=a=2c,r=abc",
        b"n,,n=ki\0m,r=abc",
        b"n,,n=kim,r=a\x7fc",
        b"n,,n=kim,r=abc,",
        b"n,,n=kim,r=abc,xy=1",
        b"n,,m=new,n=kim,r=abc",
        b"x,,n=kim,r=abc",
        b"p=,,n=kim,r=abc",
        b"n,kim,n=kim,r=abc",
        b"n,,n=\xff,r=abc",
    ],
)
def test_a_broken_first_message(message: bytes) -> None:
    with pytest.raises(PeerSyntax):
        exchange().step(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws",
        b"c=biws,r=abcserver",
        b"c=biws,r=abcserver,p=",
        b"c=biws,r=abcserver,p=A",
        b"c=b,r=abcserver,p=AAAA",
        b"r=abcserver,c=biws,p=AAAA",
        b"c=biws,r=abcserver,p=AAAA,x=1",
        b"c=biws,r=abcserver,p=\xff",
    ],
)
def test_a_broken_last_message(message: bytes) -> None:
    server = exchange()
    server.step(b"n,,n=kim@example.test,r=abc")
    with pytest.raises(PeerSyntax):
        server.step(message)


@pytest.mark.parametrize(
    "message",
    [
        b"c=biws,r=abc,p=" + b64encode(bytes(32)),
        b"c=biws,r=abcservers,p=" + b64encode(bytes(32)),
        b"c=eSws,r=abcserver,p=" + b64encode(bytes(32)),
        b"c=biws,r=abcserver,p=" + b64encode(bytes(32)),
        b"c=biws,r=abcserver,p=" + b64encode(bytes(31)),
        b"c=biws,r=abcserver,x=unknown,p=" + b64encode(bytes(64)),
    ],
)
def test_a_last_message_that_proves_nothing(message: bytes) -> None:
    server = exchange()
    server.step(b"n,,n=kim@example.test,r=abc")
    refused(server, message)


def test_a_proof_is_good_for_its_nonce_only() -> None:
    seen = final_of(ScramClient(["SCRAM-SHA-256"], KIM.name, "pencil", c_nonce="abc"), exchange())
    again = exchange(nonce="another")
    again.step(b"n,,n=kim@example.test,r=abc")
    refused(again, seen)


def test_the_client_knows_a_server_that_does_not_store_its_password() -> None:
    client = ScramClient(["SCRAM-SHA-256"], KIM.name, "pencil")
    final_of(client, exchange())
    with pytest.raises(ScramException):
        client.set_server_final("v=" + b64encode(bytes(32)).decode())


def test_nothing_more_is_said_after_the_proof() -> None:
    server = exchange()
    server.step(final_of(ScramClient(["SCRAM-SHA-256"], KIM.name, "pencil"), server))
    with pytest.raises(PeerSyntax):
        server.step(b"x")


def test_keys_are_in_no_repr() -> None:
    assert "key" not in repr(derive(Hash.SHA_256, "pencil", SALT, 1))


pieces = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"n,,", b"y,a=x,", b"p=tls-server-end-point,,", b"n=kim@example.test", b",r=abc", b"m=x,"]
    ),
    st.sampled_from([b"c=biws,", b"r=abcserver", b",p=AAAA", b",", b"=", b"=2C", b"\0", b"\xff"]),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.lists(pieces, max_size=6).map(b"".join), min_size=1, max_size=4),
    st.booleans(),
    st.sampled_from([None, END_POINT]),
)
def test_whatever_a_client_says_is_a_challenge_or_a_refusal(
    messages: list[bytes], begins_well: bool, end_point: bytes | None
) -> None:
    server = exchange(end_point=end_point)
    if begins_well:
        assert isinstance(server.step(b"n,,n=kim@example.test,r=abc"), bytes)
    for message in messages:
        try:
            outcome = server.step(message)
        except (PeerSyntax, Refused):
            return
        assert isinstance(outcome, bytes)
        assert b"r=" in outcome
