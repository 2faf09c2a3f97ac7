"""Message ids and what a message refers to (RFC 5322 3.6.4, RFC 5256 5)."""

from pillarbox.message.derive import derive
from pillarbox.message.limits import MAX_REFERENCES
from pillarbox.message.references import message_id, message_ids, references


def test_message_ids_lose_what_does_not_distinguish_them() -> None:
    assert message_id(b" <a@b> ") == b"a@b"
    assert message_id(b'<"01KF8JCEOCBS0045PS"@xxx.yyy.com>') == b"01KF8JCEOCBS0045PS@xxx.yyy.com"
    assert message_id(b"<a @\t b>") == b"a@b"
    assert message_id(b"") == message_id(b"a@b") == message_id(b"<>") == message_id(b"<") == b""
    assert message_id(b'<"a\\"b"@c>') == b'a"b@c'
    assert message_id(b"<a@b>, <c@d>") == b"a@b"


def test_several_ids() -> None:
    assert message_ids(b"<a@b><c@d> junk <e@f>\t<g") == [b"a@b", b"c@d", b"e@f"]
    assert message_ids(b'Your message of "Fri, 06 Sep" <a@b>') == [b"a@b"]
    assert message_ids(b"<a <b@c>") == [b"b@c"]


def test_in_reply_to_stands_in_for_references() -> None:
    assert references(b"<a@b> <c@d>", b"<e@f>") == (b"a@b", b"c@d")
    assert references(b"nothing here", b"<e@f> <g@h>") == (b"e@f",)
    assert references(None, b"<e@f>") == (b"e@f",)
    assert references(None, None) == references(b"", b"") == ()


def test_repeats_stay_and_long_chains_keep_their_ends() -> None:
    assert references(b"<a> <b> <a>", None) == (b"a", b"b", b"a")
    found = references(b" ".join(b"<%d@x>" % number for number in range(1000)), None)
    assert len(found) == MAX_REFERENCES
    assert found[0] == b"0@x"
    assert found[1:] == tuple(b"%d@x" % number for number in range(1001 - MAX_REFERENCES, 1000))


def test_folded_fields() -> None:
    derived = derive(b"References: <a@b>\r\n\t<c@d>\r\n <e@f>\r\nMessage-Id:\r\n <g@h>\r\n\r\n")
    assert derived.references == (b"a@b", b"c@d", b"e@f")
    assert derived.message_id == b"g@h"
