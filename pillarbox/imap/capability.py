"""What is advertised when (RFC 9051 6.1.1, 7.2.2). docs/protocols.md is made from this table too.

Rules of the place: a capability names the commands it promises, and a test holds each of them against
`table`; what depends on the connection (TLS, how to log in on it) is passed in.
"""

from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Capability:
    name: str
    rfc: str
    commands: tuple[str, ...] = ()
    before_login: bool = False


ADVERTISED = (
    # RFC 9051 Appendix A: a server may offer both; the client picks rev2 with ENABLE.
    Capability("IMAP4rev2", "RFC 9051", before_login=True),
    Capability("IMAP4rev1", "RFC 3501", before_login=True),
    # RFC 7888 5: LITERAL+ or LITERAL-, never both. Sizes are checked before anything is read.
    Capability("LITERAL+", "RFC 7888", before_login=True),
    Capability("SASL-IR", "RFC 4959", ("AUTHENTICATE",), before_login=True),
    Capability("ENABLE", "RFC 5161", ("ENABLE",), before_login=True),
    Capability("ID", "RFC 2971", ("ID",), before_login=True),
    Capability("IDLE", "RFC 2177", ("IDLE",)),
    Capability("NAMESPACE", "RFC 2342", ("NAMESPACE",)),
    Capability("UNSELECT", "RFC 3691", ("UNSELECT",)),
    Capability("UIDPLUS", "RFC 4315", ("UID EXPUNGE",)),
    Capability("MOVE", "RFC 6851", ("MOVE", "UID MOVE")),
    Capability("CHILDREN", "RFC 3348", ("LIST",)),
    Capability("LIST-EXTENDED", "RFC 5258", ("LIST",)),
    Capability("LIST-STATUS", "RFC 5819", ("LIST",)),
    Capability("SPECIAL-USE", "RFC 6154", ("LIST",)),
    Capability("CREATE-SPECIAL-USE", "RFC 6154", ("CREATE",)),
    Capability("STATUS=SIZE", "RFC 8438", ("STATUS",)),
    Capability("CONDSTORE", "RFC 7162", ("SELECT", "FETCH", "STORE", "SEARCH", "STATUS")),
    Capability("QRESYNC", "RFC 7162", ("ENABLE", "SELECT", "UID FETCH", "EXPUNGE")),
    Capability("UIDONLY", "RFC 9586", ("ENABLE", "UID FETCH", "UID STORE", "UID SEARCH")),
    Capability("UIDBATCHES", "RFC 10022", ("UIDBATCHES",)),
    Capability("PARTIAL", "RFC 9394", ("SEARCH", "UID FETCH")),
    Capability("ESEARCH", "RFC 4731", ("SEARCH", "UID SEARCH")),
    Capability("SEARCHRES", "RFC 5182", ("SEARCH", "FETCH")),
    Capability("MULTISEARCH", "RFC 7377", ("ESEARCH",)),
    Capability("CONTEXT=SEARCH", "RFC 5267", ("SEARCH", "UID SEARCH", "CANCELUPDATE")),
    Capability("ESORT", "RFC 5267", ("SORT", "UID SORT")),
    Capability("CONTEXT=SORT", "RFC 5267", ("SORT", "UID SORT", "CANCELUPDATE")),
    Capability("SEARCH=FUZZY", "RFC 6203", ("SEARCH", "UID SEARCH", "SORT", "UID SORT")),
    Capability("WITHIN", "RFC 5032", ("SEARCH", "UID SEARCH")),
    Capability("SORT", "RFC 5256", ("SORT", "UID SORT")),
    Capability("SORT=DISPLAY", "RFC 5957", ("SORT",)),
    # RFC 5256 1 lets others name further keys; these two are called what Cyrus calls them.
    Capability("SORT=MODSEQ", "RFC 5256", ("SORT",)),
    Capability("SORT=UID", "RFC 5256", ("SORT",)),
    Capability("THREAD=ORDEREDSUBJECT", "RFC 5256", ("THREAD", "UID THREAD")),
    Capability("THREAD=REFERENCES", "RFC 5256", ("THREAD", "UID THREAD")),
    Capability("THREAD=REFS", "draft-ietf-morg-inthread", ("THREAD", "UID THREAD")),
    Capability("SEARCH=INTHREAD", "draft-ietf-morg-inthread", ("SEARCH", "SORT", "THREAD", "ESEARCH")),
    Capability("I18NLEVEL=2", "RFC 5255", ("COMPARATOR", "SEARCH", "SORT", "THREAD")),
    Capability("BINARY", "RFC 3516", ("FETCH", "APPEND")),
    Capability("MULTIAPPEND", "RFC 3502", ("APPEND",)),
    Capability("CATENATE", "RFC 4469", ("APPEND", "REPLACE", "UID REPLACE")),
    Capability("URLAUTH", "RFC 4467", ("GENURLAUTH", "URLFETCH", "RESETKEY")),
    Capability("URLAUTH=BINARY", "RFC 5524", ("URLFETCH",)),
    Capability("URL-PARTIAL", "RFC 5550 5.7.1", ("APPEND", "URLFETCH")),
    Capability("OBJECTID", "RFC 8474", ("FETCH", "SEARCH", "STATUS")),
    Capability(
        "OBJECTID+",
        "draft-ietf-mailmaint-imap-objectid-bis-06",
        ("ENABLE", "SELECT", "EXAMINE", "CREATE", "RENAME", "STATUS", "LIST", "FETCH"),
    ),
    Capability("NOTIFY", "RFC 5465", ("NOTIFY",)),
    Capability("SAVEDATE", "RFC 8514", ("FETCH", "SEARCH")),
    Capability("PREVIEW", "RFC 8970", ("FETCH",)),
    Capability("INPROGRESS", "RFC 9585", ("SEARCH", "COPY", "MOVE", "EXPUNGE")),
    Capability("REPLACE", "RFC 8508", ("REPLACE", "UID REPLACE")),
    Capability("COMPRESS=DEFLATE", "RFC 4978", ("COMPRESS",)),
    Capability("UNAUTHENTICATE", "RFC 8437", ("UNAUTHENTICATE",)),
    Capability("UTF8=ACCEPT", "RFC 6855", ("ENABLE", "APPEND")),
)

# What ENABLE may switch on (RFC 5161 3.1), by its folded name.
ENABLEABLE = {
    name.upper(): name
    for name in ("IMAP4rev2", "UTF8=ACCEPT", "CONDSTORE", "QRESYNC", "UIDONLY", "OBJECTID+")
}


@lru_cache(maxsize=32)
def capabilities(
    *,
    logged_in: bool,
    tls: bool,
    mechanisms: tuple[str, ...],
    append_limit: int,
    save_limit: int | None = None,
    without: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """The list for one kind of connection. `mechanisms`: how to log in on it as it is, if at all; `without`:
    what cannot be used on it now."""
    names = [one.name for one in ADVERTISED if (logged_in or one.before_login) and one.name not in without]
    if logged_in:
        # RFC 7889 3.1: the greatest message APPEND takes.
        names.append(f"APPENDLIMIT={append_limit}")
        if save_limit is not None:
            # RFC 9738 3: SAVELIMIT is for who limits COPY and APPEND alone. Clients that do not know it
            # cannot go on where they are cut off, so there is none but where the operator wants it.
            names.append(f"SAVELIMIT={save_limit}")
        return tuple(names)
    if not tls:
        names.append("STARTTLS")
    if mechanisms:
        names += [f"AUTH={mechanism}" for mechanism in mechanisms]
    else:
        names.append("LOGINDISABLED")  # RFC 9051 6.2.3
    return tuple(names)
