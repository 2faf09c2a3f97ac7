"""Adding a set to the chain (RFC 8617 5.1), by a server that passes a message on."""

from collections.abc import Iterable, Sequence

from pillarbox.filter.auth import results
from pillarbox.filter.auth.arc import chain
from pillarbox.filter.auth.arc.chain import SETS_LIMIT, Arc, Status
from pillarbox.filter.auth.dkim import canonical, sign
from pillarbox.filter.auth.dkim.body import Hashed
from pillarbox.filter.auth.dkim.canonical import Canonical
from pillarbox.filter.auth.dkim.key import PrivateKey, algorithm_of, signed
from pillarbox.filter.auth.fields import Field, split
from pillarbox.filter.auth.results import Method

# RFC 8617 4.1.2: the signatures that are there, and neither results nor anything of ARC.
SIGNED = (*sign.SIGNED, b"dkim-signature")


def seal(
    fields: Sequence[Field],
    body: Hashed,
    arc: Arc,
    methods: Iterable[Method],
    *,
    authserv_id: str,
    domain: str,
    selector: str,
    key: PrivateKey,
    now: float,
) -> bytes | None:
    """The three fields, to stand before the message as it leaves; None where the chain cannot go on.

    `fields` and `body` (in the form `sign.FORM`) are of the message as it leaves, `arc` is what was found
    when it came.
    """
    instance = arc.highest + 1
    if arc.closed or instance > SETS_LIMIT:
        return None
    number = str(instance)
    payload = results.payload(authserv_id, methods)
    own_results = b"ARC-Authentication-Results: i=" + number.encode() + b"; " + payload + b"\r\n"
    common = {"i": number, "a": algorithm_of(key), "d": domain, "s": selector, "t": str(int(now))}
    names = sign.names_of(fields, SIGNED, sign.OVERSIGNED)
    own_signature = sign.unsigned_field(
        "ARC-Message-Signature",
        {
            **common,
            "c": "relaxed/relaxed",
            "h": ":".join(name.decode() for name in names),
            "bh": sign.text(body.digest),
        },
    )
    data = canonical.signed(canonical.chosen(fields, names), own_signature, Canonical.RELAXED)
    own_signature = sign.with_signature(own_signature, signed(key, data))
    own_seal = sign.unsigned_field("ARC-Seal", {**common, "cv": arc.status.value})
    # RFC 8617 5.1.2: of a chain that failed only the new set is signed.
    before = chain.scope(chain.sets(fields)) if arc.status is Status.PASS else []
    data = canonical.signed([*before, *split(own_results + own_signature)], own_seal, Canonical.RELAXED)
    return sign.with_signature(own_seal, signed(key, data)) + own_signature + own_results
