"""BODYSTRUCTURE and its reduced forms (RFC 9051 7.5.2).

The full form is stored with the message; BODY, and what a session that does not know message/global
gets, are made from it.
"""

from pillarbox.message.content import Parameters, disposition, languages, spelled_parameters
from pillarbox.message.envelope import envelope
from pillarbox.message.spelling import nstring, string
from pillarbox.message.walk import Kind, Node


def structure(root: Node) -> bytes:
    """The BODYSTRUCTURE of a message, with all extension data."""
    out: list[bytes] = []
    _entity(root, out)
    return b"".join(out)


def _entity(node: Node, out: list[bytes]) -> None:
    get = node.fields.get
    if node.kind is Kind.MULTIPART:
        out.append(b"(")
        for child in node.children:
            _entity(child, out)
        out.append(b" %b " % node.content.spelled)
    else:
        spelled = node.content.spelled
        if node.kind is Kind.OPAQUE:
            # The grammar has no message or multipart that is not looked into.
            spelled = b'"application" "octet-stream" ' + _parameters(node.content.parameters)
        out.append(
            b"(%b %b %b %b %d"
            % (
                spelled,
                nstring(get(b"content-id") or None),
                nstring(get(b"content-description") or None),
                string(node.encoding.encode("latin-1")),
                node.end - node.body,
            )
        )
        if node.kind is Kind.MESSAGE:
            out.append(b" %b " % envelope(node.children[0].fields))
            _entity(node.children[0], out)
            out.append(b" %d" % node.lines)
        elif node.content.type == "text":
            out.append(b" %d" % node.lines)
        out.append(b" %b " % nstring(get(b"content-md5") or None))
    out.append(_extension(node))


_NO_EXTENSION = b"NIL NIL NIL)"


def _extension(node: Node) -> bytes:
    """Disposition, language and location, and the end of the body."""
    get = node.fields.get
    shown, language, location = (
        get(b"content-disposition"),
        get(b"content-language"),
        get(b"content-location"),
    )
    if shown is None and language is None and location is None:
        return _NO_EXTENSION
    return b"%b %b %b)" % (
        disposition(shown or b""),
        languages(language or b""),
        nstring(location or None),
    )


def _parameters(pairs: Parameters) -> bytes:
    return spelled_parameters(tuple(pair for pair in pairs if pair[0].lower() != b"boundary"))
