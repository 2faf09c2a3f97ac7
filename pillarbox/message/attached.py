"""Whether a message has a file attached, from its stored structure."""

from pillarbox.message.structure import Item, items_of

_SIGNATURES = frozenset((b'"pgp-signature"', b'"pkcs7-signature"', b'"x-pkcs7-signature"'))
_HINTS = (b'("attachment"', b"name", b'"application"')


def is_attached(stored: bytes) -> bool:
    """Some part says that it is an attachment, or has a file name and does not say that it is shown inline,
    or is a document that no mail program shows. Signatures are none of these."""
    lower = stored.lower()
    if not any(hint in lower for hint in _HINTS):
        return False
    pending = [items_of(lower)]
    while pending:
        items = pending.pop()
        parts = _parts(items)
        pending += parts
        if not parts and _is_file(lower, items):
            return True
    return False


def _parts(items: list[Item]) -> list[list[Item]]:
    """The parts of a multipart: they come first."""
    out = []
    for _, _, inner in items:
        if not inner:
            break
        out.append(inner)
    return out


def _is_file(lower: bytes, items: list[Item]) -> bool:
    """Whether a single part is a file."""
    kind, subkind = (lower[start:end] for start, end, _ in items[:2])
    fields = 7  # type, subtype, parameters, id, description, encoding, size; then MD5, disposition, ...
    if kind == b'"text"':
        fields = 8
    elif kind == b'"message"' and subkind in (b'"rfc822"', b'"global"'):
        fields = 10
    shown = items[fields + 1][2] if len(items) > fields + 1 else None
    how = lower[shown[0][0] : shown[0][1]] if shown else b""
    if how in (b'"attachment"', b'"inline"') or subkind in _SIGNATURES:
        return how == b'"attachment"'
    more = shown[1][2] if shown and len(shown) > 1 else None
    return kind == b'"application"' or _has(lower, items[2][2], b'"name') or _has(lower, more, b'"filename')


def _has(lower: bytes, parameters: list[Item] | None, name: bytes) -> bool:
    """Whether the name of one of the parameters begins so."""
    return any(lower.startswith(name, start) for start, _, _ in (parameters or ())[::2])
