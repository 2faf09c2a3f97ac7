"""Authentication-Results: what we write others can read, and what others write does us no harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.filter.auth import results
from pillarbox.filter.auth.results import Method, Results, field, parse


def test_written_as_the_standard_shows_it() -> None:
    methods = [
        Method("spf", "pass", (("smtp.mailfrom", "kim@example.net"),)),
        Method("dkim", "fail", (("header.d", "example.net"),), "the body has been changed"),
    ]
    assert field("mx.example.org", methods) == (
        b"Authentication-Results: mx.example.org;\r\n"
        b"\tspf=pass smtp.mailfrom=kim@example.net;\r\n"
        b'\tdkim=fail reason="the body has been changed" header.d=example.net\r\n'
    )
    assert field("mx.example.org", []) == b"Authentication-Results: mx.example.org;\r\n\tnone\r\n"


@pytest.mark.parametrize(
    "text, wanted",
    [
        # RFC 8601 appendix B
        ("example.org 1; none", Results("example.org")),
        (
            "example.com;\r\n   spf=pass smtp.mailfrom=example.net",
            Results("example.com", (Method("spf", "pass", (("smtp.mailfrom", "example.net"),)),)),
        ),
        (
            'example.com; dkim=pass reason="good signature" header.i=@mail-router.example.net;'
            ' dkim=fail reason="bad signature" header.i=@newyork.example.com',
            Results(
                "example.com",
                (
                    Method("dkim", "pass", (("header.i", "@mail-router.example.net"),), "good signature"),
                    Method("dkim", "fail", (("header.i", "@newyork.example.com"),), "bad signature"),
                ),
            ),
        ),
        (
            "foo.example.net (foobar) 1 (baz);\r\n dkim (Because I like it) / 1 (One yay)"
            " = (wait for it) fail\r\n policy (A dot can go here) . (like that) expired"
            "\r\n (this surprised me) = (as I wasn't expecting it) 1362471462",
            Results("foo.example.net", (Method("dkim", "fail", (("policy.expired", "1362471462"),)),)),
        ),
    ],
)
def test_the_examples_of_the_standard(text: str, wanted: Results) -> None:
    assert parse(text.encode()) == wanted


@pytest.mark.parametrize(
    "text", ["", ";", "a; b", "a b; c=d", "a; b=", "a; (", 'a; b="', "(" * 5000, "a" + "(" * 5000]
)
def test_malformed(text: str) -> None:
    assert parse(text.encode()) is None


printable = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_nothing_breaks_the_field_open(value: str, reason: str, comment: str) -> None:
    method = Method("spf", "pass", (("smtp.mailfrom", value),), reason, comment)
    text = field("mx", [method])
    assert b"\n" not in text.removesuffix(b"\r\n").replace(b"\r\n\t", b"")
    read = parse(text.partition(b":")[2])
    assert read is not None
    assert [(each.method, each.result) for each in read.methods] == [("spf", "pass")]
    assert dict(read.methods[0].properties).keys() <= {"smtp.mailfrom"}


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"mx", b";", b"=", b"(", b")", b'"', b"\\", b" ", b"/"])).map(b"".join)
)
def test_any_value_parses_or_does_not(value: bytes) -> None:
    parse(value)
    results.claims(value, frozenset({"mx"}))


def test_deep_comments_take_time_in_proportion() -> None:
    assert parse(b"a; spf=pass " + b"(x)" * 5000) is not None
    assert parse(b"a " + b'"' + b"\\" * 10_000) is None
    assert parse(b"a; spf=pass " + b"(x)" * 50_000) is None  # nobody writes such
