import pytest

from pillarbox.identity.addresses import address, fold_domain, maybe_address, without_detail
from pillarbox.model.errors import Refused


@pytest.mark.parametrize(
    "text",
    [
        "kim@example.test",
        "me@localhost",
        "first.last+tag@mail.example.test",
        "o'neil!#$%&*/=?^_`{|}~-@example.test",
        "a" * 64 + "@example.test",
        "用户@例え.test",
        "jürgen@müller.example",
        "1@1.2",
    ],
)
def test_an_account_may_be_called(text: str) -> None:
    found = maybe_address(text)
    assert found is not None
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kim",
        "@example.test",
        "kim@",
        "kim@@example.test",
        ".kim@example.test",
        "kim.@example.test",
        "k..im@example.test",
        '"kim b"@example.test',
        "kim b@example.test",
        "kim@exam ple.test",
        "kim@-example.test",
        "kim@example-.test",
        "kim@example..test",
        "kim@.test",
        "kim@[127.0.0.1]",
        "kim@exa_mple.test",
        "kim\n@example.test",
        "kim@example.test\r",
        "kim\x00@example.test",
        "kim\u200b@example.test",
        "kim\ud800@example.test",
        "../../kim@example.test/..",
        "a" * 65 + "@example.test",
        "kim@" + "a" * 64 + ".test",
        "kim@" + "a." * 127 + "test",
    ],
)
def test_no_account_may_be_called(text: str) -> None:
    assert maybe_address(text) is None
    with pytest.raises(Refused):
        address(text)


def test_case_and_the_spelling_of_the_domain_do_not_matter() -> None:
    assert address("Kim@EXAMPLE.test").folded == address("kim@example.TEST").folded
    assert address("kim@Bücher.example").folded == address("kim@xn--bcher-kva.example").folded
    assert address("ju\u0308rgen@example.test").folded == address("J\u00fcrgen@example.test").folded


def test_a_domain_folds_to_what_dns_asks_for() -> None:
    assert fold_domain("Bücher.Example") == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        ("kim", ("kim", None)),
        ("kim+lists", ("kim", "lists")),
        ("kim+", ("kim", "")),
        ("kim+a+b", ("kim", "a+b")),
        ("+kim", ("+kim", None)),
    ],
)
def test_the_detail_stands_behind_the_first_plus(local: str, expected: tuple[str, str | None]) -> None:
    base, detail = without_detail(address(f"{local}@Example.test"))
    assert (base.local, detail) == expected
    assert base == address(f"{expected[0]}@Example.test")
