"""The first words of a message (RFC 8970)."""

from pillarbox.message.derive import derive


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8")


MAIL = crlf("""\
From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>
Subject: a =?utf-8?q?folded?=
 subject
Content-Type: multipart/mixed; boundary=b

preamble
--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=
n
--b
Content-Type: text/html

<p>in<b>side</b><br>two&nbsp;words</p>
--b
Content-Type: application/pdf

binary
--b
Content-Type: message/rfc822

Subject: Inner one
To: =?utf-8?q?K=C3=A4the?= <k@x>

deep text
--b--
""")


def preview(text: str) -> str:
    return derive(crlf(text)).preview.decode()


def test_previews() -> None:
    assert preview("Subject: x\n\nHello\n  there,\n> quoted\nworld\n") == "Hello there, world"
    assert preview("Subject: x\n\n> only\n> quoted\n") == "> only > quoted"
    assert preview("Subject: x\n\n") == ""
    assert preview("Content-Type: image/png\n\nxx") == ""
    assert preview("Content-Type: text/html\n\n<style>x</style><p>Hello <b>you</b>") == "Hello you"
    assert preview(MAIL.decode().replace("\r\n", "\n")) == "Grün"
    assert preview("Subject: x\n\n" + "wörd " * 1000) == ("wörd " * 40).strip()
    assert preview("Subject: x\n\n" + "> quoted\n" * 1000 + "own\n") == "own"
    style = "<style>" + "p { color: red }\n" * 500 + "</style>"
    assert preview(f"Content-Type: text/html\n\n{style}<p>text") == "text"
    assert preview("Subject: x\n\na\0b\x1b\u200bc") == "abc"


def test_previews_prefer_plain_text_that_is_no_attachment() -> None:
    assert (
        preview(
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: attachment\n\nno\n"
            "--b\nContent-Type: text/html\n\n<p>html\n--b\n\nplain\n--b--\n"
        )
        == "plain"
    )
