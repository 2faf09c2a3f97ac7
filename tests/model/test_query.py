"""What people type, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pillarbox.model import flags
from pillarbox.model.query import MAX_DEPTH, MAX_LENGTH, QueryError, parse
from pillarbox.model.search import (
    All,
    And,
    Attached,
    Day,
    FileName,
    Flag,
    Header,
    InMailbox,
    Instant,
    Not,
    Or,
    Size,
    Text,
    Within,
)

A, B, C = Text("a"), Text("b"), Text("c")
WORK = Or((InMailbox("work"), Flag("work")))
DAY = 86_400


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("", All()),
        ("  \t ", All()),
        ("a", A),
        ("a b", And((A, B))),
        ("a AND b", And((A, B))),
        ('"see you" a', And((Text("see you"), A))),
        ("a OR b", Or((A, B))),
        ("a b OR c", And((A, Or((B, C))))),
        ("a OR b OR c", Or((A, B, C))),
        ("or", Text("or")),
        ("a or b", And((A, Text("or"), B))),
        ("ORa", Text("ORa")),
        ("-a", Not(A)),
        ("--a", A),
        ("a - b", And((A, Text("-"), B))),
        ("re-read", Text("re-read")),
        ("-(a b)", Not(And((A, B)))),
        ("(a)", A),
        ("(a b) OR c", Or((And((A, B)), C))),
        ("{a b}", Or((A, B))),
        ("{a (b c)}", Or((A, And((B, C))))),
        ("a(b)c", And((A, B, C))),
        ("from:ann", Header("from", "ann")),
        ("FROM:Ann", Header("from", "Ann")),
        ('to:"Ann B"', Header("to", "Ann B")),
        ("cc:a bcc:b", And((Header("cc", "a"), Header("bcc", "b")))),
        ("subject:(a b)", And((Header("subject", "a"), Header("subject", "b")))),
        ("subject:(a OR -b)", Or((Header("subject", "a"), Not(Header("subject", "b"))))),
        ("from:{a b}", Or((Header("from", "a"), Header("from", "b")))),
        ("-from:a", Not(Header("from", "a"))),
        ("subject:from:x", Header("subject", "from:x")),
        ("subject:(from:x)", Header("subject", "from:x")),
        ("list:dev.example", Header("list-id", "dev.example")),
        ("rfc822msgid:<1@x>", Header("message-id", "1@x")),
        ("filename:pdf", FileName("pdf")),
        ("has:attachment", Attached()),
        ("is:unread", Not(Flag(flags.SEEN))),
        ("is:Read is:starred", And((Flag(flags.SEEN), Flag(flags.FLAGGED)))),
        ("is:answered", Flag(flags.ANSWERED)),
        ("in:sent", InMailbox("sent")),
        ('in:"Old mail/2023"', InMailbox("Old mail/2023")),
        ("in:anywhere", InMailbox("")),
        ("label:work", WORK),
        ("-label:{work work}", Not(Or((WORK, WORK)))),
        ("older_than:3d", Within(3 * DAY, older=True)),
        ("newer_than:2M", Within(60 * DAY, older=False)),
        ("older_than:1y", Within(365 * DAY, older=True)),
        ("before:1970/1/2", Day("internal", "before", 1)),
        ("after:1970-01-02", Day("internal", "since", 1)),
        ("after:01/02/1970", Day("internal", "since", 1)),
        ("after:1388552400", Instant("internal", "since", 1388552400)),
        ("larger:10M", Size(10 << 20, larger=True)),
        ("smaller:500k", Size(500 << 10, larger=False)),
        ("size:1000000", Size(1000000, larger=True)),
        ("http://x.example/", Text("http://x.example/")),
        ("10:30", Text("10:30")),
        ("nothing:known", Text("nothing:known")),
        ("東京 -大阪", And((Text("東京"), Not(Text("大阪"))))),
    ],
)
def test_meanings(query: str, key: object) -> None:
    assert parse(query) == key


@pytest.mark.parametrize(
    ("query", "at", "said"),
    [
        ("a OR", 5, "must follow OR"),
        ("OR a", 1, "before OR"),
        ("(a", 3, "not closed"),
        ("a)", 2, "close"),
        ("{a)", 3, "not closed"),
        ("()", 1, "nothing in this group"),
        ("from:", 6, "must follow from:"),
        ("from: ann", 6, "must follow from:"),
        ("from:)", 6, "must follow from:"),
        ('a "b', 3, "quotation mark"),
        ("a is:red", 6, "is: knows read, unread"),
        ("has:wings", 5, "has: knows attachment"),
        ("older_than:3", 12, "like 3d"),
        ("older_than:0d", 12, "like 3d"),
        ("before:yesterday", 8, "2024/12/31"),
        ("before:2023/02/30", 8, "no such day"),
        ("larger:ten", 8, "A size"),
        ("(" * (MAX_DEPTH + 1) + "a", MAX_DEPTH + 1, "deep"),
        ("a" * (MAX_LENGTH + 1), MAX_LENGTH + 1, "at most"),
    ],
)
def test_errors_say_where(query: str, at: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    assert caught.value.at == at
    assert said in str(caught.value) and str(caught.value).endswith(f"at character {at}")


pieces = st.sampled_from(
    ["a", "OR", "AND", "-", "(", ")", "{", "}", '"', " ", "from:", "is:read", "larger:", "1M", ":", "é", "\0"]
)


@given(st.lists(pieces, max_size=40).map("".join))
def test_whatever_is_typed_means_something_or_is_an_error(query: str) -> None:
    try:
        parse(query)
    except QueryError as error:
        assert 1 <= error.at <= len(query) + 1


@pytest.mark.parametrize("query", ["-" * 9_000 + "a", "a OR " * 1_900 + "a", "{a " * 50 + "a" + "}" * 50])
def test_long_queries(query: str) -> None:
    assert parse(query) is not None
