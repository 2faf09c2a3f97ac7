"""Where the parts of a message are: the offsets, also when the MIME is broken."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from pillarbox.message.derive import derive
from pillarbox.message.limits import MAX_DEPTH, MAX_PARTS
from pillarbox.message.parts import PartTable, find, first, layout, locate, unpack
from pillarbox.message.section import Section, What
from pillarbox.message.walk import Kind


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8")


def table(raw: bytes) -> PartTable:
    return unpack(derive(raw).offsets)


def shown(raw: bytes, *path: int, what: What = "") -> bytes | None:
    offsets = derive(raw).offsets
    found = locate(layout(offsets), Section(path, what))
    assert first(offsets) == locate(layout(offsets), Section((1,)))
    return None if found is None else raw[slice(*found)]


PLAIN = crlf("Subject: x\nFrom: a@b\n\nhello\nyou\n")
MIXED = crlf("""\
Subject: outer
Content-Type: multipart/mixed; boundary=one

preamble
--one
Content-Type: text/plain

first
--one
Content-Type: multipart/alternative; boundary=two

--two

plain
--two
Content-Type: text/html

<b>html</b>
--two--
inner epilogue
--one
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary=three

--three
X-Part: yes

deep
--three--
--one
Content-Type: message/rfc822

Subject: simple

text
--one--
epilogue
""")


def test_a_plain_message_has_one_part() -> None:
    assert shown(PLAIN, 1) == b"hello\r\nyou\r\n"
    assert shown(PLAIN, what="TEXT") == b"hello\r\nyou\r\n"
    assert shown(PLAIN, what="HEADER") == b"Subject: x\r\nFrom: a@b\r\n\r\n"
    assert shown(PLAIN) == PLAIN
    # RFC 9051 6.4.5: the MIME header of the only part is that of the message.
    assert shown(PLAIN, 1, what="MIME") == b"Subject: x\r\nFrom: a@b\r\n\r\n"
    assert shown(PLAIN, 2) is None
    assert shown(PLAIN, 1, 1) is None
    assert shown(PLAIN, 1, what="HEADER") is None
    assert shown(PLAIN, 1, what="TEXT") is None
    assert table(PLAIN).parts[0].lines == 2


def test_the_parts_of_a_nested_message() -> None:
    assert shown(MIXED, 1) == b"first"
    assert shown(MIXED, 1, what="MIME") == b"Content-Type: text/plain\r\n\r\n"
    assert shown(MIXED, 2, 1) == b"plain"
    assert shown(MIXED, 2, 1, what="MIME") == b"\r\n"
    assert shown(MIXED, 2, 2) == b"<b>html</b>"
    assert (shown(MIXED, 2) or b"").endswith(b"--two--\r\ninner epilogue")
    assert (shown(MIXED, 3, what="HEADER") or b"").startswith(b"Subject: inner\r\n")
    assert (shown(MIXED, 3, what="TEXT") or b"").startswith(b"--three\r\n")
    assert shown(MIXED, 3, 1) == b"deep"
    assert shown(MIXED, 3, 1, what="MIME") == b"X-Part: yes\r\n\r\n"
    assert shown(MIXED, 4) == b"Subject: simple\r\n\r\ntext"
    assert shown(MIXED, 4, what="HEADER") == b"Subject: simple\r\n\r\n"
    assert shown(MIXED, 4, what="HEADER.FIELDS") == b"Subject: simple\r\n\r\n"
    assert shown(MIXED, 4, what="TEXT") == b"text"
    assert shown(MIXED, 4, what="MIME") == b"Content-Type: message/rfc822\r\n\r\n"
    assert shown(MIXED, 4, 1) == b"text"
    assert shown(MIXED, 4, 2) is None
    assert shown(MIXED, 5) is None
    assert shown(MIXED, 2, what="HEADER") is None
    assert shown(MIXED, what="MIME") is None


def test_a_multipart_without_parts() -> None:
    raw = crlf("Content-Type: multipart/mixed; boundary=b\n\nno part\n")
    assert shown(raw, what="TEXT") == b"no part\r\n"
    assert shown(raw, 1) == (None if len(table(raw).parts) == 1 else b"no part\r\n")


def test_bare_line_feeds_end_lines_too() -> None:
    raw = MIXED.replace(b"\r\n", b"\n")
    assert shown(raw, 1) == b"first"
    assert shown(raw, 2, 2) == b"<b>html</b>"
    assert shown(raw, 3, 1) == b"deep"
    assert shown(raw, 4, 1) == b"text"


def test_lines_are_counted_where_they_are_told() -> None:
    parts = table(MIXED)
    part = find(parts, (3,))
    assert part is not None and part.kind is Kind.MESSAGE
    assert part.lines == MIXED[part.body : part.end].count(b"\n")
    inner = find(parts, (3, 1))
    assert inner is not None and inner.lines == 0


def test_no_end_boundary() -> None:
    raw = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\nmore\n")
    assert shown(raw, 1) == b"one"
    assert shown(raw, 2) == b"two\r\nmore\r\n"


def test_an_outer_delimiter_closes_what_is_inside() -> None:
    raw = crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n--b\n\ntwo\n--b--\n"
    )
    assert shown(raw, 1, 1) == b"one"
    assert shown(raw, 2) == b"two"


def test_the_same_boundary_twice_means_the_inner_one() -> None:
    raw = crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n"
    )
    assert shown(raw, 1, 1) == b"one"
    assert shown(raw, 2) == b"two"


def test_a_boundary_is_the_beginning_of_its_line() -> None:
    # RFC 2046 5.1.1: transport padding, and whatever else follows.
    raw = crlf('Content-Type: multipart/mixed; boundary="b"\n\n--b  \n\none\n--bX\n\ntwo\n --b\n--b-- x\n')
    assert shown(raw, 1) == b"one"
    assert shown(raw, 2) == b"two\r\n --b"
    assert shown(raw, 3) is None


def test_a_multipart_without_parts_shows_its_text() -> None:
    for head in ("multipart/mixed", "multipart/mixed; boundary=b", 'multipart/mixed; boundary=""'):
        raw = crlf(f"Content-Type: {head}\n\njust\ntext\n")
        assert shown(raw, 1) == b"just\r\ntext\r\n", head
        assert shown(raw, 2) is None
    raw = crlf("Content-Type: multipart/mixed; boundary=b\n\nonly this\n--b--\nepilogue\n")
    assert shown(raw, 1) == b"only this"


def test_empty_parts() -> None:
    raw = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\nX: y\n--b\n\nz\n--b--\n")
    parts = table(raw)
    assert [raw[part.start : part.body] for part in parts.parts[1:]] == [b"", b"\r\n", b"X: y", b"\r\n"]
    assert [raw[part.body : part.end] for part in parts.parts[1:]] == [b"", b"", b"", b"z"]


def test_a_last_delimiter_that_lacks_its_dashes() -> None:
    for end in (b"\r\n--b", b"\r\n--b\r\n", b"\r\n--b--"):
        raw = crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none") + end
        assert shown(raw, 1) == b"one"
        assert shown(raw, 2) is None


def test_a_delimiter_in_a_header_ends_the_part() -> None:
    raw = crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n"
        "--b\nContent-Type: multipart/mixed; boundary=c\n--b\n\nlast\n--b--\n"
    )
    assert shown(raw, 1) == b""
    assert shown(raw, 1, what="HEADER") == b""
    assert shown(raw, 1, 1) == b""
    assert shown(raw, 2, 1) == b""
    assert shown(raw, 3) == b"last"


def test_a_message_of_headers_alone() -> None:
    # RFC 2046 5.1.1: the line end before the delimiter is the delimiter's.
    raw = crlf(
        "Content-Type: multipart/mixed; boundary=b\n\n"
        "--b\nContent-Type: message/rfc822\n\nSubject: x\n--b--\n"
    )
    assert shown(raw, 1) == shown(raw, 1, what="HEADER") == b"Subject: x"
    assert shown(raw, 1, what="TEXT") == b""


def test_digests_hold_messages_unless_told_otherwise() -> None:
    # RFC 2046 5.1.5
    raw = crlf(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: one\n\nbody\n"
        "--b\nContent-Type: text/plain\n\ntext\n--b--\n"
    )
    assert shown(raw, 1, what="HEADER") == b"Subject: one\r\n\r\n"
    assert shown(raw, 1, 1) == b"body"
    assert shown(raw, 2) == b"text"
    assert shown(raw, 2, what="HEADER") is None


def test_an_encoded_message_is_not_looked_into() -> None:
    raw = crlf("Content-Type: message/rfc822\nContent-Transfer-Encoding: Base64\n\nU3ViamVjdDogeAoKaGkK\n")
    part = find(table(raw), (1,))
    assert part is not None
    assert (part.kind, part.type, part.subtype, part.encoding) == (Kind.OPAQUE, "message", "rfc822", "base64")
    assert shown(raw, 1) == b"U3ViamVjdDogeAoKaGkK\r\n"
    assert shown(raw, 1, what="HEADER") is None


def test_an_encoding_on_a_multipart_means_nothing() -> None:
    raw = crlf(
        "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\nx\n--b--\n"
    )
    assert shown(raw, 1) == b"x"


def test_messages_of_no_size() -> None:
    assert shown(b"") == b""
    assert shown(b"", 1) == b""
    assert shown(b"\r\n", 1) == b""
    assert shown(b"\n", what="HEADER") == b"\n"
    assert shown(b"no header at all", what="HEADER") == b"no header at all"
    assert shown(b"Subject: x\r\n", what="TEXT") == b""


def test_levels_beyond_the_limit_are_one_opaque_leaf() -> None:
    raw = b"".join(
        b"Content-Type: multipart/mixed; boundary=x%dx\r\n\r\n--x%dx\r\n" % (n, n) for n in range(1000)
    )
    parts = table(raw + b"\r\nend").parts
    assert [part.kind for part in parts[: MAX_DEPTH + 1]] == [Kind.MULTIPART] * MAX_DEPTH + [Kind.OPAQUE]
    raw = b"Content-Type: message/rfc822\r\n\r\n" * 1000
    parts = table(raw).parts
    assert [part.kind for part in parts] == [Kind.MESSAGE] * MAX_DEPTH + [Kind.OPAQUE]
    assert parts[-1].end == len(raw)


def test_the_last_part_that_counts_swallows_the_rest() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        + b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 50)
        + b"--b--"
    )
    parts = table(raw).parts
    assert len(parts) == MAX_PARTS
    assert raw[parts[-2].body : parts[-2].end] == b"x"
    assert raw[parts[-1].body : parts[-1].end].count(b"--b\r\n") == 51
    assert parts[-1].end == len(raw)


def test_parts_keep_what_a_reader_needs() -> None:
    raw = crlf('Content-Type: Text/HTML; charset="UTF-8"\nContent-Transfer-Encoding: Quoted-Printable\n\nx')
    part = table(raw).parts[0]
    assert (part.type, part.subtype, part.charset, part.encoding) == (
        "text",
        "html",
        "utf-8",
        "quoted-printable",
    )


# A tree is a text leaf, a list of trees (multipart) or a one-tuple of a tree (message/rfc822).
type_of_tree = st.recursive(
    st.text("abc -=\n", max_size=20),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.tuples(inner),
    max_leaves=8,
)


def written(tree: object, name: str, line_end: str) -> tuple[str, str]:
    """(Content-Type line, body) of a tree; boundaries are made so that no text can hold one."""
    if isinstance(tree, str):
        return f"Content-Type: text/plain{line_end}", tree.replace("\n", line_end)
    if isinstance(tree, tuple):
        header, body = written(tree[0], name + "m", line_end)
        return f"Content-Type: message/rfc822{line_end}", header + line_end + body
    assert isinstance(tree, list)
    body = ""
    for number, child in enumerate(tree):
        header, inner = written(child, f"{name}{number}", line_end)
        body += f"--=_{name}_{line_end}{header}{line_end}{inner}{line_end}"
    return f'Content-Type: multipart/mixed; boundary="=_{name}_"{line_end}', f"{body}--=_{name}_--"


def expected(tree: object, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], str]]:
    """(path, text) of each text leaf, as RFC 9051 6.4.5 numbers them."""
    if isinstance(tree, str):
        yield path or (1,), tree
    elif isinstance(tree, tuple):
        here = path or (1,)
        yield from expected(tree[0], here if isinstance(tree[0], list) else (*here, 1))
    else:
        assert isinstance(tree, list)
        for number, child in enumerate(tree, 1):
            yield from expected(child, (*path, number))


@settings(max_examples=150, deadline=None)
@given(type_of_tree, st.sampled_from(["\r\n", "\n"]))
def test_every_leaf_of_a_written_tree_is_found(tree: object, line_end: str) -> None:
    header, body = written(tree, "b", line_end)
    raw = (header + line_end + body).encode()
    for path, text in expected(tree, ()):
        assert shown(raw, *path) == text.replace("\n", line_end).encode()
