"""Paths: what RFC 5321 4.1.2 and RFC 6531 allow, what everybody writes, and nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.smtp.address import MAX_DOMAIN, MAX_LOCAL, Path, is_host, read_path
from pillarbox.smtp.wire.fault import Fault

GOOD = [
    ("<a@b>", "a", "b", "a@b"),
    ("<First.Last+tag@Example.TEST>", "First.Last+tag", "Example.TEST", "First.Last+tag@Example.TEST"),
    ("<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~", "b", "!#$%&'*+-/=?^_`{|}~@b"),
    ('<"john smith"@b>', "john smith", "b", '"john smith"@b'),
    ('<"plain"@b>', "plain", "b", "plain@b"),
    (r'<"a\"b\\c@d>"@b>', 'a"b\\c@d>', "b", r'"a\"b\\c@d>"@b'),
    ('<""@b>', "", "b", '""@b'),
    ("<@one,@two.test:a@b>", "a", "b", "a@b"),
    ("<a@[192.0.2.1]>", "a", "[192.0.2.1]", "a@[192.0.2.1]"),
    ("<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"),
    ("<a@[tag:anything]>", "a", "[tag:anything]", "a@[tag:anything]"),
    ("<用户@例え.test>", "用户", "例え.test", "用户@例え.test"),
    ("<a..b.@c>", "a..b.", "c", "a..b.@c"),
    ("<a@host_1.test>", "a", "host_1.test", "a@host_1.test"),
    (f"<{'a' * MAX_LOCAL}@b>", "a" * MAX_LOCAL, "b", f"{'a' * MAX_LOCAL}@b"),
]

BAD = [
    "",
    "a@b",
    "<a>",
    "<@b>",
    "<a@>",
    "<a@b",
    "<a b@c>",
    "<a@b c>",
    "<a@b.>",
    "<a@.b>",
    "<a@b..c>",
    "<a@-b>",
    "<a@b->",
    "<a@b@c>",
    '<"a@b>',
    '<"a"b@c>',
    '<"a\x07"@c>',
    "<a\x00@b>",
    "<a\r@b>",
    "<a@[1.2.3]>",
    "<a@[300.1.1.1]>",
    "<a@[IPv6:zz]>",
    "<a@[]>",
    "<a@[1.2.3.4>",
    "<@one,two:a@b>",
    "<a\x85@b>",
    f"<{'a' * (MAX_LOCAL + 1)}@b>",
    f"<a@{'b' * (MAX_DOMAIN + 1)}>",
]


@pytest.mark.parametrize(("text", "local", "domain", "spelled"), GOOD)
@pytest.mark.parametrize("forward", [True, False])
def test_a_path_and_what_follows(text: str, local: str, domain: str, spelled: str, forward: bool) -> None:
    for after in ("", " SIZE=1", ">"):
        assert read_path(text + after, forward=forward) == (Path(local, domain), after)
    assert str(Path(local, domain)) == spelled
    assert read_path(f"<{spelled}>", forward=forward) == (Path(local, domain), "")


@pytest.mark.parametrize("text", BAD)
def test_no_path(text: str) -> None:
    with pytest.raises(Fault) as forward:
        read_path(text, forward=True)
    assert (forward.value.code, forward.value.enhanced) == (501, "5.1.3")
    with pytest.raises(Fault) as reverse:
        read_path(text, forward=False)
    assert (reverse.value.code, reverse.value.enhanced) == (501, "5.1.7")


def test_the_null_path_sends_and_never_receives() -> None:
    assert read_path("<> BODY=7BIT", forward=False) == (None, " BODY=7BIT")
    with pytest.raises(Fault):
        read_path("<>", forward=True)


def test_postmaster_needs_no_domain() -> None:
    # RFC 5321 4.1.1.3, 4.5.1
    assert read_path("<PostMaster>", forward=True) == (Path("postmaster", ""), "")
    with pytest.raises(Fault):
        read_path("<postmaster>", forward=False)


@pytest.mark.parametrize("text", ["a", "mail.example.test", "[127.0.0.1]", "[IPv6:::1]", "bücher.test"])
def test_hosts(text: str) -> None:
    assert is_host(text)


@pytest.mark.parametrize("text", ["", "a b", "a.", "[", "[1.2]", "a\r\nb", "<a>", "a" * 300])
def test_no_hosts(text: str) -> None:
    assert not is_host(text)


@settings(max_examples=300)
@given(st.text(alphabet='<>@"\\.:,a[]-é \x00+', max_size=20))
def test_any_text_is_a_path_or_a_fault(text: str) -> None:
    try:
        path, after = read_path(text, forward=False)
    except Fault:
        return
    assert text.endswith(after)
    if path is not None:
        assert read_path(f"<{path}>", forward=False) == (path, "")


def test_a_long_line_of_nearly_a_path_is_refused_quickly() -> None:
    for text in ("<" + "@a," * 1300, "<" + "a." * 2000, "<a@" + "b-" * 2000 + ">", '<"' + "\\a" * 2000):
        with pytest.raises(Fault):
            read_path(text, forward=True)
