"""The whole judgement: whatever message and DNS say, it ends, with a result, after so many questions."""

import time

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.filter.auth import evidence, fields, results
from pillarbox.filter.auth.dkim import key, sign
from pillarbox.filter.auth.dkim.body import Bodies
from pillarbox.filter.auth.evidence import Evidence, Sender, examine, field
from pillarbox.filter.auth.verdict import Obey, Policy, propose
from pillarbox.filter.dns import NO_DATA, NO_NAME, TROUBLE, Answer, Question, answered, records
from tests.filter.auth.test_arc import TWICE
from tests.filter.auth.test_dkim import ED, MESSAGE, RSA, record, signed
from tests.filter.auth.zone import Zone

SENDER = Sender("192.0.2.7", "mx.example.org", "kim@example.org")


def judged(message: bytes, answer: object, sender: Sender = SENDER) -> Evidence:
    header, _, content = message.partition(b"\r\n\r\n")
    found = fields.split(header + b"\r\n")
    bodies = Bodies(evidence.forms(found))
    bodies.feed(content)
    asking = examine(sender, found, bodies.hashes(), receiver="mx.test", now=1_750_000_000)
    return answered(asking, answer)  # type: ignore[arg-type]


def test_all_of_it() -> None:
    zone = (
        Zone()
        .add("example.org", "TXT", "v=spf1 ip4:192.0.2.0/24 -all")
        .add("mx.example.org", "TXT", "v=spf1 a -all")
        .add("mx.example.org", "A", "192.0.2.7")
        .add("_dmarc.example.org", "TXT", "v=DMARC1; p=reject; rua=mailto:d@example.org")
        .add("s1._domainkey.example.org", "TXT", record(RSA))
        .add("s1._domainkey.one.test", "TXT", record(RSA))
        .add("s1._domainkey.two.test", "TXT", record(ED))
    )
    found = judged(signed(TWICE, RSA), zone)
    written = field(found, SENDER, "mx.test")
    read = results.parse(written.partition(b":")[2])
    assert read is not None
    assert [(each.method, each.result) for each in read.methods] == [
        ("spf", "pass"),
        ("spf", "pass"),
        ("dkim", "pass"),
        ("dmarc", "pass"),
        ("arc", "pass"),
    ]
    assert dict(read.methods[4].properties) == {"smtp.remote-ip": "192.0.2.7", "header.oldest-pass": "0"}
    assert max(map(len, written.split(b"\r\n"))) <= 100


ANSWERS = st.sampled_from(
    [
        *(
            NO_DATA,
            NO_NAME,
            TROUBLE,
            records("v=spf1 -all"),
            records("v=spf1 +all", "v=spf1"),
            records("192.0.2.7"),
        ),
        records("v=spf1 include:a.test redirect=b.test mx ptr a:%{p}.test exists:%{l}.%{h} exp=x.test -all"),
        *(
            records("mx.test", "\xff\0", "", "a" * 300),
            records("v=DMARC1; p=reject; rua=mailto:a@b"),
            records("\xe9"),
        ),
        *(records("v=DMARC1; psd=y"), records(record(RSA)), records(record(ED)), records(*["x.test"] * 30)),
    ]
)
MESSAGES = st.sampled_from([b"", b"\r\n\r\n", MESSAGE, signed(MESSAGE, RSA), TWICE, signed(TWICE, ED) * 3])


@given(st.data(), MESSAGES, st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_whatever_the_dns_says(data: st.DataObject, message: bytes, helo: str, mail_from: str) -> None:
    asked: list[Question] = []

    def answer(question: Question) -> Answer:
        asked.append(question)
        return data.draw(ANSWERS)

    for sender in (SENDER, Sender("2001:db8::1", helo, mail_from), Sender("", "", "")):
        asked.clear()
        found = judged(message, answer, sender)
        assert len(asked) <= 700
        propose(found, Policy(Obey.REJECT, Obey.REJECT, frozenset({"two.test"})))
        written = field(found, sender, "mx.test")
        assert results.parse(written.partition(b":")[2]) is not None


SIZE = 128 * 1024
LONG = {
    "names": b"h=" + b"a:" * (SIZE // 2),
    "tags": b"DKIM-Signature: " + b"a=b;" * (SIZE // 4),
    "signatures": b"DKIM-Signature: v=1\r\n" * (SIZE // 21),
    "sets": b"ARC-Message-Signature: i=1; a=b\r\n" * (SIZE // 33),
    "comments": b"ARC-Authentication-Results: i=1;" + b"(" * SIZE,
    "authors": b"From: " + b"a@b.test," * (SIZE // 9),
    "quotes": b'From: "' + b"\\" * SIZE,
    "folds": b"From:" + b"\r\n " * (SIZE // 3),
    "fields": b"a:\r\n" * (SIZE // 4),
    "spaces": b"DKIM-Signature: b" + b" " * SIZE + b"=",
    "colons": b":" * SIZE,
}


@pytest.mark.parametrize("name", LONG)
def test_time_grows_with_the_size_of_a_header_and_not_faster(name: str) -> None:
    """A quadratic reader takes sixteen times as long for four times as much; noise does not make that of
    four."""

    def cost(octets: bytes) -> float:
        best = 1.0
        for _ in range(3):
            start = time.thread_time()
            judged(octets + b"\r\n" + signed(MESSAGE, ED), Zone())
            results.parse(octets)
            results.claims(octets, frozenset({"mx.test"}))
            best = min(best, time.thread_time() - start)
        return best

    small, large = cost(LONG[name][: SIZE // 4]), cost(LONG[name])
    assert large < max(10 * small, 0.05)


def test_keys_that_would_hold_us_up_are_refused() -> None:
    numbers = RSA.public_key().public_numbers()
    slow = RSAPublicNumbers((1 << 500) + 1, numbers.n).public_key()
    octets = slow.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(key.NoKey, match="exponent"):
        key.parse("p=" + sign.text(octets), "rsa-sha256")


def test_an_address_that_is_none_is_named_by_its_domain() -> None:
    sender = Sender("192.0.2.7", "x", '"kim; dmarc=pass"@example.org')
    written = field(judged(MESSAGE, Zone(), sender), sender, "mx.test")
    assert b"smtp.mailfrom=example.org;" in written
